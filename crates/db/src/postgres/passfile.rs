//! A password file, as libpq reads it (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).

/// The password in the first line that fits: `host:port:database:user:password`, where `*` fits everything and a
/// backslash takes the character behind it for itself.
pub(super) fn find(file: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    let wanted = [host, &port.to_string(), database, user];
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(fields).find_map(|(known, password)| {
        let fits = known.iter().zip(wanted).all(|(known, wanted)| known == "*" || unescaped(known) == wanted);
        fits.then(|| unescaped(&password))
    })
}

/// A line's four fields as they stand there, and its password.
fn fields(line: &str) -> Option<([String; 4], String)> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            ':' if fields.len() < 5 => fields.push(String::new()),
            '\\' => {
                let last = fields.last_mut()?;
                last.push('\\');
                last.extend(characters.next());
            }
            other => fields.last_mut()?.push(other),
        }
    }
    let password = fields.pop()?;
    Some((fields.try_into().ok()?, password))
}

fn unescaped(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut characters = field.chars();
    while let Some(character) = characters.next() {
        let taken = if character == '\\' { characters.next() } else { Some(character) };
        text.extend(taken);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let file = "# a comment\nshort:line\ndb:5432:shop:ann:one\n*:*:*:bob:two:with\\:colon\n::1:*\n\\:\\:1:*:*:*:six\n";
        let found = |host, database, user| find(file, host, 5432, database, user);
        assert_eq!(found("db", "shop", "ann").as_deref(), Some("one"));
        assert_eq!(found("db", "shop", "bob").as_deref(), Some("two:with:colon"));
        assert_eq!(found("::1", "shop", "ann").as_deref(), Some("six"));
        assert_eq!(found("db", "other", "ann"), None);
        assert_eq!(find(file, "db", 5433, "shop", "ann"), None);
    }

    #[test]
    fn an_escaped_star_fits_only_a_star() {
        assert_eq!(find("\\*:*:*:*:secret", "db", 5432, "x", "a"), None);
        assert_eq!(find("\\*:*:*:*:secret", "*", 5432, "x", "a").as_deref(), Some("secret"));
    }
}
