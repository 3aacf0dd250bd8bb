//! The paths that a Rust source names (`std::fs::File`, `use crate::{a, b::C}`), without a parser of the language:
//! comments and literals are skipped, the groups of a `use` are spread out.

/// A path in a source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) line: usize,
    pub(super) segments: Vec<String>,
}

impl Path {
    /// Whether the path is `name`, or goes on from it.
    pub(super) fn starts_with(&self, name: &str) -> bool {
        let mut segments = self.segments.iter();
        name.split("::").all(|part| segments.next().is_some_and(|segment| segment == part))
    }
}

/// Every path of two segments or more, and all that a `use` names.
pub(super) fn paths(source: &str) -> Vec<Path> {
    let tokens = tokens(source);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((_, token)) = tokens.get(at) {
        at = match token {
            Token::Word("use") => follow(&tokens, at + 1, &[], &mut found),
            Token::Word(_) => {
                let mut here = Vec::new();
                let end = follow(&tokens, at, &[], &mut here);
                found.extend(here.into_iter().filter(|path| path.segments.len() > 1));
                end
            }
            Token::Separator | Token::Sign(_) => at + 1,
        };
    }
    found
}

/// Reads the path or the group of paths at `at`, all of which go on from `before`; returns where it ends.
fn follow(tokens: &[(usize, Token<'_>)], at: usize, before: &[&str], found: &mut Vec<Path>) -> usize {
    let mut add = |line, last| {
        let segments = before.iter().copied().chain([last]).map(str::to_owned).collect();
        found.push(Path { line, segments });
        at + 1
    };
    let after = |places: usize| tokens.get(at + places).map(|(_, token)| token);
    match tokens.get(at) {
        Some((_, Token::Separator)) => follow(tokens, at + 1, before, found),
        Some((_, Token::Sign('{'))) => follow_group(tokens, at + 1, before, found),
        Some((line, Token::Sign('*'))) => add(*line, "*"),
        Some((line, Token::Word(word))) => match (after(1), after(2)) {
            (Some(Token::Separator), Some(Token::Word(_) | Token::Sign('{' | '*'))) => {
                let longer: Vec<&str> = before.iter().copied().chain([*word]).collect();
                follow(tokens, at + 2, &longer, found)
            }
            _ => add(*line, word),
        },
        Some((_, Token::Sign(_))) | None => at + 1,
    }
}

/// Reads a group from behind its opening brace; returns where it ends.
fn follow_group(
    tokens: &[(usize, Token<'_>)],
    mut at: usize,
    before: &[&str],
    found: &mut Vec<Path>,
) -> usize {
    while let Some((_, token)) = tokens.get(at) {
        at = match token {
            Token::Sign('}') => return at + 1,
            Token::Sign(',') => at + 1,
            // What follows is the name that this file gives to the item.
            Token::Word("as") => at + 2,
            Token::Word(_) | Token::Separator | Token::Sign(_) => follow(tokens, at, before, found),
        };
    }
    at
}

/// As much of Rust's grammar as paths need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'s> {
    Word(&'s str),
    /// `::`
    Separator,
    Sign(char),
}

/// The tokens, each with its line; comments, literals and white space are left out.
fn tokens(source: &str) -> Vec<(usize, Token<'_>)> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let (length, token) = token(rest, first);
        found.extend(token.map(|token| (line, token)));
        let (here, then) = rest.split_at(length);
        line += here.matches('\n').count();
        rest = then;
    }
    found
}

/// The length of what `rest` begins with, and what it is.
fn token(rest: &str, first: char) -> (usize, Option<Token<'_>>) {
    if rest.starts_with("//") {
        (rest.find('\n').unwrap_or(rest.len()), None)
    } else if rest.starts_with("/*") {
        (block_comment(rest), None)
    } else if rest.starts_with("::") {
        (2, Some(Token::Separator))
    } else if is_in_word(first) {
        word(rest)
    } else {
        match first {
            '"' => (string(rest), None),
            '\'' => (quote(rest), None),
            _ if first.is_whitespace() => (first.len_utf8(), None),
            _ => (first.len_utf8(), Some(Token::Sign(first))),
        }
    }
}

fn is_in_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// A word, a number, a raw identifier (`r#type`), or a raw string (`r#"…"#`).
fn word(rest: &str) -> (usize, Option<Token<'_>>) {
    let length = |text: &str| text.find(|char| !is_in_word(char)).unwrap_or(text.len());
    let (word, after) = rest.split_at(length(rest));
    let unhashed = after.trim_start_matches('#');
    let hashes = after.len() - unhashed.len();
    if matches!(word, "r" | "br" | "cr") && unhashed.starts_with('"') {
        let end = format!("\"{}", "#".repeat(hashes));
        let body = unhashed[1..].find(&end).map_or(unhashed.len(), |at| at + 1 + end.len());
        (word.len() + hashes + body, None)
    } else if word == "r" && hashes == 1 {
        let name = &unhashed[..length(unhashed)];
        (word.len() + hashes + name.len(), Some(Token::Word(name)))
    } else {
        (word.len(), Some(Token::Word(word)))
    }
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character, or else the sign before a lifetime's name.
fn quote(rest: &str) -> usize {
    let mut inside = rest.char_indices().skip(1);
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), Some((escaped, char))) => {
            let from = escaped + char.len_utf8();
            rest[from..].find('\'').map_or(rest.len(), |at| from + at + 1)
        }
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

/// A comment between `/*` and `*/`, with those inside it.
fn block_comment(rest: &str) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let Some(next) = rest[at..].find(['/', '*']) else { return rest.len() };
        at += next;
        let (step, deeper) = match rest.get(at..at + 2) {
            Some("/*") => (2, 1),
            Some("*/") => (2, -1),
            _ => (1, 0),
        };
        at += step;
        depth += deeper;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> Vec<String> {
        paths(source).iter().map(|path| format!("{} {}", path.line, path.segments.join("::"))).collect()
    }

    #[test]
    fn the_paths_of_uses_and_of_code_are_found_with_their_lines() {
        assert_eq!(read("use serde;\nuse std::fmt;"), ["1 serde", "2 std::fmt"]);
        assert_eq!(read("let x = std::fs::read(path)?;\nfoo(y);"), ["1 std::fs::read"]);
        assert_eq!(read("fn a() -> Vec<http::Uri> { ::tokio::spawn(b) }"), ["1 http::Uri", "1 tokio::spawn"]);
        assert_eq!(read("#[tokio::test]\nasync fn t() { x.y::<z::Z>() }"), ["1 tokio::test", "2 z::Z"]);
        assert_eq!(read("use crate::model::*;"), ["1 crate::model::*"]);
    }

    #[test]
    fn groups_are_spread_out_and_new_names_left_out() {
        assert_eq!(
            read("use crate::{\n    a,\n    b::{self, C as D},\n    e::F,\n};\nuse g::H as I;"),
            ["2 crate::a", "3 crate::b::self", "3 crate::b::C", "4 crate::e::F", "6 g::H"]
        );
        assert_eq!(read("use {std::fs, ::http};"), ["1 std::fs", "1 http"]);
    }

    #[test]
    fn comments_and_literals_name_nothing() {
        for source in [
            "// std::fs",
            "/// [`std::fs`]",
            "/* std::fs /* std::io */ std::net */",
            r#"let a = "std::fs \" std::io";"#,
            r##"let a = r#"std::fs " std::io"#;"##,
            r#"let a = br"\"; let b = 'c';"#,
            "fn f<'a>(x: &'a str) {}",
        ] {
            assert_eq!(read(source), [""; 0], "{source}");
        }
    }

    #[test]
    fn what_follows_a_comment_or_a_literal_is_seen() {
        for source in [
            "/* a /* b */ c */ x::y",
            r#""\\" x::y"#,
            r##"r#"" "# x::y"##,
            r"'\'' x::y",
            r"'\u{1F600}' x::y",
            "'\"' x::y",
            "&'static x::y",
            "1_000 x::y",
            "r#x::y",
            "\u{fc}\u{df}; x::y",
        ] {
            assert_eq!(read(source), ["1 x::y"], "{source}");
        }
        assert_eq!(read("\"two\nlines\"\nx::y"), ["3 x::y"]);
    }

    #[test]
    fn what_is_cut_short_ends_the_file() {
        for source in ["\"x::y", "/* x::y", "r#\"x::y\"", "'\\", "use a::{", "use"] {
            assert_eq!(read(source), [""; 0], "{source}");
        }
    }

    #[test]
    fn a_path_starts_with_whole_segments() {
        let path = &paths("use std::fs::File;")[0];
        assert!(path.starts_with("std") && path.starts_with("std::fs") && path.starts_with("std::fs::File"));
        assert!(
            !path.starts_with("std::f") && !path.starts_with("fs") && !path.starts_with("std::fs::File::x")
        );
    }
}
