//! The file that `tenant create --from` reads: one tenant a line, as CSV, tab-separated, or JSON objects.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};

use serde::Deserialize;
use tenantry_core::{HostName, Slug, TenantName};

/// A tenant to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its slug.
    pub slug: Slug,
    /// The host names that lead to it, the primary one first.
    pub domains: Vec<HostName>,
    /// Its name for people; the slug where the file has none.
    pub name: TenantName,
}

/// Raised when a file of tenants can't be used. Nothing of such a file is made.
#[derive(Debug, thiserror::Error)]
pub enum TenantsFileError {
    /// It can't be read.
    #[error("can't read the file of tenants: {0}")]
    Read(#[from] io::Error),
    /// It has more than 64 MiB: no list of tenants, but something else that goes on and on.
    #[error("the file of tenants has more than {} MiB", LONGEST >> 20)]
    TooLong,
    /// It lists nobody.
    #[error("the file of tenants lists none")]
    Empty,
    /// Some lines are wrong: all of them.
    #[error("the file of tenants can't be used:{}", listed(.0))]
    Lines(Vec<LineFault>),
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    line: u64,
    reason: String,
}

/// A tenant's words, not parsed yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    slug: String,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    name: String,
}

/// Bytes in a file of tenants at most: a million of them, with a domain and a name each.
const LONGEST: u64 = 64 << 20;

/// Faults that are told at most.
const MOST_FAULTS: usize = 50;

/// Characters of a word that are repeated at most, where it is wrong.
const MOST_CHARACTERS: usize = 60;

type Numbered<T> = (u64, Result<T, String>);

/// Reads a file of tenants. A first line `slug,domain,name` is a heading; empty lines and lines that begin with `#`
/// are skipped.
///
/// # Errors
/// Raised when the file can't be read, lists nobody, or has lines that are wrong or name the same tenant or domain.
pub fn read(file: impl Read) -> Result<Vec<Entry>, TenantsFileError> {
    let mut text = String::new();
    if u64::try_from(file.take(LONGEST + 1).read_to_string(&mut text)?).is_ok_and(|read| read > LONGEST) {
        return Err(TenantsFileError::TooLong);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let words = if text.trim_start().starts_with('{') { json_lines(text) } else { separated(text) };
    let entries = words.into_iter().map(|(line, words)| (line, words.and_then(parse)));
    let entries = distinct(entries)?;
    if entries.is_empty() { Err(TenantsFileError::Empty) } else { Ok(entries) }
}

fn json_lines(text: &str) -> Vec<Numbered<Words>> {
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| (number, serde_json::from_str(line).map_err(|error| error.to_string())))
        .collect()
}

fn separated(text: &str) -> Vec<Numbered<Words>> {
    let tabs = text.lines().next().is_some_and(|line| line.contains('\t'));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .trim(csv::Trim::All)
        .delimiter(if tabs { b'\t' } else { b',' })
        .from_reader(text.as_bytes());
    let is_heading = |record: &csv::StringRecord| record.iter().next() == Some("slug");
    let records = reader.records().enumerate().filter_map(|(index, record)| match record {
        Ok(record) if index == 0 && is_heading(&record) => None,
        Ok(record) => {
            let line = record.position().map_or(0, csv::Position::line);
            Some((line, columns(&record)))
        }
        Err(error) => Some((error.position().map_or(0, csv::Position::line), Err(error.to_string()))),
    });
    records.collect()
}

fn columns(record: &csv::StringRecord) -> Result<Words, String> {
    if record.len() > 3 {
        return Err(format!("{} columns, but there are 3: slug,domain,name", record.len()));
    }
    let column = |index| record.get(index).unwrap_or_default().to_owned();
    let domains = column(1).split_whitespace().map(str::to_owned).collect();
    Ok(Words { slug: column(0), domains, name: column(2) })
}

fn parse(words: Words) -> Result<Entry, String> {
    let slug: Slug = words.slug.parse().map_err(|error| format!("slug {}: {error}", quoted(&words.slug)))?;
    let domain = |text: String| text.parse().map_err(|error| format!("domain {}: {error}", quoted(&text)));
    let domains = words.domains.into_iter().map(domain).collect::<Result<_, _>>()?;
    let name = match words.name.as_str() {
        "" => TenantName::from(&slug),
        name => name.parse().map_err(|error| format!("name {}: {error}", quoted(name)))?,
    };
    Ok(Entry { slug, domains, name })
}

/// A word that is wrong, in quotes and not endless.
fn quoted(word: &str) -> String {
    match word.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{:?}…", &word[..end]),
        None => format!("{word:?}"),
    }
}

/// The faults, a line each, and how many more there are.
fn listed(faults: &[LineFault]) -> String {
    let mut lines: Vec<String> =
        faults.iter().take(MOST_FAULTS).map(|fault| format!("\n  {fault}")).collect();
    if let Some(more) = faults.len().checked_sub(MOST_FAULTS).filter(|more| *more > 0) {
        lines.push(format!("\n  and {more} more"));
    }
    lines.concat()
}

/// The entries, once no two of them claim the same slug or domain.
fn distinct(entries: impl Iterator<Item = Numbered<Entry>>) -> Result<Vec<Entry>, TenantsFileError> {
    let (mut good, mut faults) = (Vec::new(), Vec::new());
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    for (line, entry) in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(reason) => {
                faults.push(LineFault { line, reason });
                continue;
            }
        };
        let claims = entry.domains.iter().map(|domain| format!("domain {domain}"));
        for claim in std::iter::once(format!("slug {}", entry.slug)).chain(claims) {
            if let Some(first) = lines.get(&claim) {
                faults.push(LineFault { line, reason: format!("{claim} is on line {first} already") });
            } else {
                lines.insert(claim, line);
            }
        }
        good.push(entry);
    }
    if faults.is_empty() { Ok(good) } else { Err(TenantsFileError::Lines(faults)) }
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(slug: &str, domains: &[&str], name: &str) -> Entry {
        let domains = domains.iter().map(|domain| domain.parse().unwrap()).collect();
        Entry { slug: slug.parse().unwrap(), domains, name: name.parse().unwrap() }
    }

    #[test]
    fn three_formats_say_the_same() {
        let expected = [
            entry("acme", &["acme.example", "www.acme.example"], "Acme, \"Ltd\""),
            entry("globex", &["globex.example"], "globex"),
            entry("initech", &[], "initech"),
        ];
        for text in [
            "slug,domain,name\nacme,acme.example www.acme.example,\"Acme, \"\"Ltd\"\"\"\n# soon more\n\n\
             globex, GLOBEX.example\ninitech\n",
            "acme\tacme.example www.acme.example\t\"Acme, \"\"Ltd\"\"\"\r\nglobex\tglobex.example\r\ninitech\r\n",
            "{\"slug\": \"acme\", \"domains\": [\"acme.example\", \"www.acme.example\"], \"name\": \"Acme, \
             \\\"Ltd\\\"\"}\n{\"slug\": \"globex\", \"domains\": [\"globex.example\"]}\n\n{\"slug\": \"initech\"}\n",
            "\u{feff}acme,acme.example www.acme.example,\"Acme, \"\"Ltd\"\"\"\nglobex,globex.example,\ninitech,,",
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn all_faults_are_told_with_their_lines() {
        let text =
            "acme,acme.example\nA B,\nglobex,b@d.example\nacme,other.example\nzeta,acme.example\na,b,c,d\n";
        let message = read(text.as_bytes()).unwrap_err().to_string();
        let lines: Vec<_> = message.lines().map(str::trim).collect();
        assert_eq!(lines.len(), 6, "{message}");
        assert!(lines[1].starts_with("line 2: slug \"A B\": "), "{message}");
        assert!(lines[2].starts_with("line 3: domain \"b@d.example\": "), "{message}");
        assert_eq!(lines[3], "line 4: slug acme is on line 1 already");
        assert_eq!(lines[4], "line 5: domain acme.example is on line 1 already");
        assert_eq!(lines[5], "line 6: 4 columns, but there are 3: slug,domain,name");
    }

    #[test]
    fn a_hostile_file_is_told_in_a_few_lines() {
        let long = "A".repeat(1_000_000);
        let message = read(long.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            message,
            format!(
                "the file of tenants can't be used:\n  line 1: slug \"{}\"…: a slug is at most 40 characters long",
                "A".repeat(60)
            )
        );
        let many = "A\n".repeat(1_000);
        let message = read(many.as_bytes()).unwrap_err().to_string();
        assert_eq!(message.lines().count(), 52, "{message}");
        assert!(message.ends_with("\n  and 950 more"), "{message}");
        let forged = "acme,acme.example,\"Acme\nline 2: fine\"\n";
        let message = read(forged.as_bytes()).unwrap_err().to_string();
        assert!(
            message.contains(r#"name "Acme\nline 2: fine": a tenant's name holds no control"#),
            "{message}"
        );
        assert!(matches!(read(io::repeat(b'a')), Err(TenantsFileError::TooLong)));
    }

    #[test]
    fn a_json_object_with_an_unknown_field_is_refused() {
        let message =
            read("{\"slug\": \"acme\", \"domain\": \"acme.example\"}".as_bytes()).unwrap_err().to_string();
        assert!(message.contains("line 1: unknown field `domain`"), "{message}");
    }

    #[test]
    fn nobody_and_no_text_are_errors() {
        assert!(matches!(read("slug,domain,name\n".as_bytes()), Err(TenantsFileError::Empty)));
        assert!(matches!(read(&b"\xff"[..]), Err(TenantsFileError::Read(_))));
    }
}
