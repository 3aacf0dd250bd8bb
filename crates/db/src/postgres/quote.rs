//! Words of an operator's in SQL text: the names of roles and databases, which no value can stand for.

/// A name in SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!(r#""{}""#, name.replace('"', r#""""#))
}

/// A text in SQL, whatever the server takes a backslash for.
pub(crate) fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', r"\\"))
    } else {
        format!("'{doubled}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_name_or_a_text() {
        assert_eq!(quoted(r#"a"; DROP"#), r#""a""; DROP""#);
        assert_eq!(literal("o'Neil"), "'o''Neil'");
        assert_eq!(literal(r"a\'; DROP"), r"E'a\\''; DROP'");
    }
}
