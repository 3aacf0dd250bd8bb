//! Every Host value of `data/hosts.txt` gets the verdict that the file gives it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a row that can't be read fails the test")]

use std::collections::{BTreeMap, HashMap, HashSet};

use tenantry_core::{HostError, HostName};

const FILE: &str = include_str!("data/hosts.txt");
const KINDS: [&str; 16] = [
    "absolute form",
    "case",
    "confusables",
    "controls",
    "dots",
    "hyphens",
    "ipv4",
    "ipv6",
    "length",
    "percent-encoding",
    "ports",
    "punycode",
    "two hosts",
    "underscores",
    "userinfo",
    "whitespace",
];

struct Row {
    line: usize,
    kind: &'static str,
    /// The cell as it is written, for messages.
    host: &'static str,
    /// The values of the Host headers.
    headers: Vec<Vec<u8>>,
    target: Option<Vec<u8>>,
    /// The canonical form, or the name of a variant of `HostError`.
    verdict: Result<String, &'static str>,
}

impl Row {
    fn parsed(&self) -> Result<HostName, HostError> {
        HostName::of_request(self.target.as_deref(), self.headers.iter().map(Vec::as_slice))
    }
}

fn rows() -> Vec<Row> {
    let mut kind = "";
    let mut rows = Vec::new();
    for (line, text) in (1..).zip(FILE.lines()) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some(name) = text.strip_prefix("kind: ") {
            kind = name;
            continue;
        }
        let cells: Vec<&str> = text.split_ascii_whitespace().collect();
        let (host, target, sign, verdict) = match *cells {
            [host, sign, verdict] => (host, None, sign, verdict),
            [host, "@", target, sign, verdict] => (host, Some(target), sign, verdict),
            _ => panic!("line {line} is not a row: {text}"),
        };
        let verdict = match sign {
            "=" => Ok(String::from_utf8(unescaped(verdict)).unwrap()),
            "!" => Err(verdict),
            _ => panic!("line {line} has no verdict: {text}"),
        };
        let headers = if host == "\\-" { Vec::new() } else { host.split("\\|").map(unescaped).collect() };
        rows.push(Row { line, kind, host, headers, target: target.map(unescaped), verdict });
    }
    rows
}

/// The bytes that a cell stands for; the head of the file lists the escapes.
fn unescaped(cell: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = cell;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let (escape, after) = rest[at + 1..].split_at(1);
        rest = after;
        match escape {
            "e" => {}
            "s" => bytes.push(b' '),
            "t" => bytes.push(b'\t'),
            "n" => bytes.push(b'\n'),
            "r" => bytes.push(b'\r'),
            "0" => bytes.push(0),
            "\\" => bytes.push(b'\\'),
            "x" => {
                let (digits, after) = rest.split_at(2);
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = after;
            }
            "u" => {
                let (digits, after) = braces(rest);
                let character = char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap();
                bytes.extend_from_slice(character.to_string().as_bytes());
                rest = after;
            }
            "*" => {
                let (times, text) = rest.split_at(rest.find('{').unwrap());
                let (text, after) = braces(text);
                bytes.extend(unescaped(text).repeat(times.parse().unwrap()));
                rest = after;
            }
            _ => panic!("{cell} has an unknown escape"),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// What stands between the brace that `text` starts with and the one that closes it, and what follows.
fn braces(text: &str) -> (&str, &str) {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (&text[1..at], &text[at + 1..]);
        }
    }
    panic!("{text} has no closing brace");
}

#[test]
fn every_host_gets_its_verdict() {
    let wrong: Vec<String> = rows()
        .iter()
        .filter_map(|row| {
            let parsed = row.parsed();
            let right = match (&parsed, &row.verdict) {
                (Ok(host), Ok(canonical)) => host.as_str() == canonical,
                (Err(error), Err(fault)) => format!("{error:?}") == *fault,
                _ => false,
            };
            (!right).then(|| format!("line {}: {} gave {parsed:?}", row.line, row.host))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_file_holds_500_values_and_both_verdicts_of_every_kind() {
    let rows = rows();
    let values: HashSet<_> = rows.iter().map(|row| &row.headers).collect();
    assert!(values.len() >= 500, "{} distinct values", values.len());

    let mut kinds: BTreeMap<&str, (HashSet<_>, HashSet<_>)> = BTreeMap::new();
    let mut seen = HashMap::new();
    for row in &rows {
        let (accepted, refused) = kinds.entry(row.kind).or_default();
        let facts = (&row.headers, &row.target);
        if row.verdict.is_ok() {
            accepted.insert(facts)
        } else {
            refused.insert(facts)
        };
        let before = seen.insert((row.kind, facts), row.line);
        assert_eq!(before, None, "line {} repeats a line of its kind", row.line);
    }
    assert!(kinds.keys().copied().eq(KINDS), "{:?}", kinds.keys());
    for (kind, (accepted, refused)) in kinds {
        let (accepted, refused) = (accepted.len(), refused.len());
        assert!(accepted >= 5 && refused >= 5, "{kind}: {accepted} accepted, {refused} refused");
        assert!(accepted + refused >= 20, "{kind}: {}", accepted + refused);
    }
}

#[test]
fn every_fault_of_a_request_has_a_row() {
    let faults: HashSet<_> = rows().iter().filter_map(|row| row.parsed().err()).collect();
    let of_a_request = {
        use HostError::*;
        [
            Missing,
            Repeated,
            Disagreement,
            Empty,
            TooLong,
            NonAscii,
            Whitespace,
            Control,
            Scheme,
            Path,
            Userinfo,
            PercentEncoding,
            Underscore,
            Character,
            Port,
            EmptyLabel,
            LabelTooLong,
            Hyphen,
            Punycode,
            Ipv4,
            Ipv6,
            Unbracketed,
        ]
    };
    assert_eq!(faults, HashSet::from(of_a_request));
}

#[test]
fn an_operator_may_say_the_canonical_form_and_nothing_that_a_request_may_not() {
    for row in rows() {
        match (row.parsed(), row.headers.as_slice()) {
            (Ok(host), _) if host.is_address() => {
                assert_eq!(host.as_str().parse::<HostName>(), Err(HostError::Address), "{}", row.host);
            }
            (Ok(host), _) => assert_eq!(host.as_str().parse(), Ok(host), "{}", row.host),
            (Err(_), [header]) if row.target.is_none() => {
                if let Ok(text) = str::from_utf8(header) {
                    assert!(text.parse::<HostName>().is_err(), "{}", row.host);
                }
            }
            _ => {}
        }
    }
}

#[test]
fn an_operator_gives_a_domain_without_port_and_not_as_an_address() {
    let table = [
        ("acme.example:8000", HostError::PortGiven),
        ("acme.example:", HostError::PortGiven),
        ("127.0.0.1", HostError::Address),
        ("[::1]", HostError::Address),
        ("[::1]:8000", HostError::PortGiven),
        ("https://acme.example", HostError::Scheme),
        ("*.acme.example", HostError::Character),
        ("", HostError::Empty),
    ];
    for (text, error) in table {
        assert_eq!(text.parse::<HostName>(), Err(error), "{text}");
    }
    assert_eq!("ACME.Example.".parse::<HostName>().unwrap().as_str(), "acme.example");
}

#[test]
fn a_map_of_hosts_is_asked_with_text() {
    let domains = HashMap::from([("acme.example".parse::<HostName>().unwrap(), 1)]);
    assert_eq!(domains.get("acme.example"), Some(&1));
    assert_eq!(domains.get("globex.example"), None);
}

#[test]
fn json_holds_a_domain_as_text_and_refuses_what_is_none() {
    let host: HostName = serde_json::from_str("\"ACME.example\"").unwrap();
    assert_eq!(serde_json::to_string(&host).unwrap(), "\"acme.example\"");
    let refused = serde_json::from_str::<HostName>("\"user@acme.example\"").unwrap_err();
    assert!(refused.to_string().starts_with("a host name has no user name or password before it"));
}

#[test]
fn only_a_name_below_is_a_subdomain() {
    let base: HostName = "acme.example".parse().unwrap();
    let table = [
        ("www.acme.example", true),
        ("a.b.acme.example", true),
        ("acme.example", false),
        ("evilacme.example", false),
        ("example", false),
        ("acme.example.evil", false),
        ("www.acme.exampl", false),
    ];
    for (text, below) in table {
        let host: HostName = text.parse().unwrap();
        assert_eq!(host.is_subdomain_of(&base), below, "{text}");
    }
}
