//! Rule: a file of code is short enough to be read at once, or says why it is not.

use super::{Finding, Tree};

const MOST_LINES: usize = 400;
const REASON: &str = "// long: ";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.ending(".rs")
        .filter(|file| file.lines().count() > MOST_LINES)
        .filter(|file| !file.lines().any(|(_, line)| line.starts_with(REASON)))
        .map(|file| {
            let count = file.lines().count();
            let message = format!(
                "{count} lines are more than {MOST_LINES}: split the file, or add a line `{REASON}WHY`"
            );
            file.finding(count, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::{MOST_LINES, check};

    #[test]
    fn a_file_is_short_or_says_why_not() {
        let reasoned = format!("// long: one table\n{}", "\n".repeat(MOST_LINES));
        let files = [
            ("a.rs", "\n".repeat(MOST_LINES)),
            ("b.rs", reasoned),
            ("Cargo.lock", "\n".repeat(MOST_LINES + 1)),
        ];
        let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
        assert_eq!(found(check, &files), [""; 0]);
    }

    #[test]
    fn a_file_of_one_line_more_is_named() {
        assert_eq!(
            found(check, &[("a.rs", &"\n".repeat(MOST_LINES + 1))]),
            ["a.rs:401: 401 lines are more than 400: split the file, or add a line `// long: WHY`"]
        );
    }
}
