//! Rule: some texts stand nowhere in the repository.

use super::{File, Finding, Tree};

/// A text that stands nowhere. Each is written in two halves, so that this file obeys the rule too.
struct Refused {
    text: &'static str,
    because: &'static str,
}

const UNFINISHED: &str = "what is left to do stands in an issue, and what is merged is whole";
const NOT_RUN: &str = "a test that isn't run tells nothing: mend it or remove it";
const MACHINE: &str = "a path of one developer's machine means nothing on another";
const REGISTRY: &str = "no registry's host is named: whoever builds this may use a mirror";

const CODE: [Refused; 5] = [
    Refused { text: concat!("to", "do!("), because: UNFINISHED },
    Refused { text: concat!("unimpl", "emented!("), because: UNFINISHED },
    Refused { text: concat!("db", "g!("), because: "it prints to whoever runs the program: use tracing" },
    Refused { text: concat!("#[ig", "nore"), because: NOT_RUN },
    Refused { text: concat!("it, ig", "nore]"), because: NOT_RUN },
];

/// Looked for as whole words.
const WORDS: [Refused; 4] = [
    Refused { text: concat!("TO", "DO"), because: UNFINISHED },
    Refused { text: concat!("FIX", "ME"), because: UNFINISHED },
    Refused { text: concat!("XX", "X"), because: UNFINISHED },
    Refused { text: concat!("HA", "CK"), because: UNFINISHED },
];

const ANYWHERE: [Refused; 10] = [
    Refused { text: concat!("/ho", "me/"), because: MACHINE },
    Refused { text: concat!("/wo", "rk/"), because: MACHINE },
    Refused { text: concat!("/ro", "ot/"), because: MACHINE },
    Refused { text: concat!("/Us", "ers/"), because: MACHINE },
    Refused { text: concat!("crates", ".io"), because: REGISTRY },
    Refused { text: concat!("py", "pi.org"), because: REGISTRY },
    Refused { text: concat!("python", "hosted.org"), because: REGISTRY },
    Refused { text: concat!("npm", "js.org"), because: REGISTRY },
    Refused { text: concat!("deb", "ian.org"), because: REGISTRY },
    Refused { text: concat!("docker", ".io"), because: REGISTRY },
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    // Cargo writes the registry into its lock file.
    tree.files.iter().filter(|file| file.path != "Cargo.lock").flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let code: &[Refused] = if file.path.ends_with(".rs") { &CODE } else { &[] };
    let mut findings = Vec::new();
    for (number, line) in file.lines() {
        let in_code = code.iter().chain(&ANYWHERE).filter(|refused| line.contains(refused.text));
        let words = WORDS.iter().filter(|refused| has_word(line, refused.text));
        findings.extend(
            in_code.chain(words).map(|it| file.finding(number, format!("`{}`: {}", it.text, it.because))),
        );
    }
    findings
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|char: char| !char.is_alphanumeric() && char != '_').any(|other| other == word)
}

#[cfg(test)]
mod tests {
    use super::super::testing::found;
    use super::{ANYWHERE, CODE, WORDS, check};

    #[test]
    fn each_refused_text_is_found_where_it_stands() {
        for refused in CODE.iter().chain(&WORDS).chain(&ANYWHERE) {
            let text = format!("fine\nbefore {}: after\n", refused.text);
            assert_eq!(
                found(check, &[("a/b.rs", &text)]),
                [format!("a/b.rs:2: `{}`: {}", refused.text, refused.because)]
            );
        }
    }

    #[test]
    fn what_only_looks_alike_is_left_alone() {
        let words = WORDS.map(|refused| format!("{}S lower{}", refused.text, refused.text)).join(" ");
        let elsewhere = CODE.map(|refused| refused.text).join(" ");
        let files = [("a.rs", words.as_str()), ("a.md", &elsewhere), ("Cargo.lock", ANYWHERE[4].text)];
        assert_eq!(found(check, &files), [""; 0]);
    }
}
