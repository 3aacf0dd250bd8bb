//! The `.env` file, read as django-environ reads it, so that a file written for a Django project works unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a `.env` file says.
///
/// There is no interpolation and no comment behind a value: all that follows the `=` is the value, up to a pair of
/// quotes around the whole of it.
#[derive(Clone, Default)]
pub struct Dotenv {
    entries: BTreeMap<String, Entry>,
    bad_lines: Vec<usize>,
}

#[derive(Clone)]
struct Entry {
    value: String,
    line: usize,
}

/// Raised when a `.env` file is there but can't be read.
#[derive(Debug, thiserror::Error)]
pub enum DotenvError {
    /// The system refused: no permission, a folder of that name.
    #[error("can't read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not text.
    #[error("{}:{line}: not UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line that the first bad byte is on, counted from 1.
        line: usize,
    },
}

impl Dotenv {
    /// Reads the file at `path`. A file that is not there says nothing.
    ///
    /// # Errors
    /// Raised when the file is there but can't be read, or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, DotenvError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(DotenvError::Read { path: path.to_owned(), source }),
        };
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Self::parse(text)),
            Err(error) => {
                let before = &bytes[..error.valid_up_to()];
                let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
                Err(DotenvError::NotUtf8 { path: path.to_owned(), line })
            }
        }
    }

    /// Reads a file's text. The last line that sets a name wins; a line that sets none is skipped and remembered.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut dotenv = Self::default();
        for (index, text) in lines(text).enumerate() {
            let line = index + 1;
            if let Some((name, value)) = assignment(text) {
                dotenv.entries.insert(name.to_owned(), Entry { value: unquote(value), line });
            } else if !text.is_empty() && !text.starts_with('#') {
                dotenv.bad_lines.push(line);
            }
        }
        dotenv
    }

    /// The value of `name` and the line that sets it, counted from 1. May be empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&str, usize)> {
        self.entries.get(name).map(|entry| (entry.value.as_str(), entry.line))
    }

    /// The names that the file sets, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The lines, counted from 1, that were skipped because they are neither `NAME=VALUE` nor a comment.
    #[must_use]
    pub fn bad_lines(&self) -> &[usize] {
        &self.bad_lines
    }
}

/// The lines as Python's `splitlines` cuts them, which knows more ends of a line than Rust does.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(end) = rest.find(is_line_end) else { return Some(std::mem::take(&mut rest)) };
        let (line, tail) = rest.split_at(end);
        rest = tail.strip_prefix("\r\n").unwrap_or_else(|| {
            let mut characters = tail.chars();
            characters.next();
            characters.as_str()
        });
        Some(line)
    })
}

fn is_line_end(character: char) -> bool {
    matches!(
        character,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    valid.then_some((name, value))
}

/// Takes off single quotes, then double ones: django-environ does both, in this order.
fn unquote(value: &str) -> String {
    let value = between(value, '\'').unwrap_or(value);
    match between(value, '"') {
        Some(quoted) => unescape(quoted),
        None => value.to_owned(),
    }
}

fn between(value: &str, quote: char) -> Option<&str> {
    value.strip_prefix(quote)?.strip_suffix(quote)
}

/// `\r`, `\n` and `\t` stay as they are, two characters each; before any other character the backslash goes.
fn unescape(quoted: &str) -> String {
    let mut value = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            value.push(character);
            continue;
        }
        match characters.next() {
            Some(kept @ ('r' | 'n' | 't')) => value.extend(['\\', kept]),
            Some(escaped) => value.push(escaped),
            None => value.push('\\'),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What django-environ 0.14 makes of a text, observed by running it.
    #[derive(serde::Deserialize)]
    struct Case {
        text: String,
        values: BTreeMap<String, String>,
        bad_lines: Vec<usize>,
    }

    #[test]
    fn every_text_means_what_it_means_to_django_environ() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("dotenv_cases.json")).unwrap();
        assert!(cases.len() > 60, "the file of cases was cut short");
        for case in cases {
            let dotenv = Dotenv::parse(&case.text);
            let values: BTreeMap<String, String> =
                dotenv.entries.iter().map(|(name, entry)| (name.clone(), entry.value.clone())).collect();
            assert_eq!(values, case.values, "{:?}", case.text);
            assert_eq!(dotenv.bad_lines(), case.bad_lines, "{:?}", case.text);
        }
    }

    #[test]
    fn a_value_knows_its_line() {
        let dotenv = Dotenv::parse("// not a line\n\nKEY=one\r\n# comment\r\nKEY=two\n");
        assert_eq!(dotenv.get("KEY"), Some(("two", 5)));
        assert_eq!(dotenv.get("OTHER"), None);
    }

    #[test]
    fn a_missing_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dotenv = Dotenv::read(&folder.path().join(".env")).unwrap();
        assert_eq!(dotenv.names().count(), 0);
    }

    #[test]
    fn a_folder_and_bytes_that_are_no_text_are_errors_that_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, b"A=1\nSECRET_KEY=hush\xff\n").unwrap();
        let message = Dotenv::read(&path).err().unwrap().to_string();
        assert_eq!(message, format!("{}:2: not UTF-8", path.display()));
        assert!(!message.contains("hush"));

        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let message = Dotenv::read(&path).err().unwrap().to_string();
        assert!(message.starts_with(&format!("can't read {}: ", path.display())), "{message}");
    }
}
