//! Passwords through the hasher: what verifies, what never does, and what it costs.

use proptest::prelude::*;

use super::scheme::Scheme;
use super::{HashPolicy, Hasher, Password, PasswordHash, Verdict};

/// All three were made by Django 4.1.
const PBKDF2: &str =
    "pbkdf2_sha256$390000$M5X73AGDa9mUMwvDlYlJDv$EKwg5UD/P79saBiPgMqBnWsfJhiyPjuPMtPhF9x78vU=";
const PBKDF2_BEYOND_ASCII: &str =
    "pbkdf2_sha256$390000$6mbYqPyaUFdzORF9vqYNy6$XDAIgV2rzVr4cXVJVYUS7h1x4P2no24U0622CG22mYI=";
const ARGON2: &str = "argon2$argon2id$v=19$m=102400,t=2,p=8$djlneXlGT3JqNnMzT0xGTHpQR3czcw\
                      $PhbW/YBQUBU1WkHVfKbUe9Hrvwwz+m5LlVtXvc7BYT8";

const POLICIES: [HashPolicy; 3] = [HashPolicy::Own, HashPolicy::Adopted, HashPolicy::Upgrading];

fn typed(text: &str) -> Password {
    Password::from(text.to_owned())
}

fn stored(text: &str) -> PasswordHash {
    PasswordHash::from(text.to_owned())
}

async fn verdict(text: &str, hash: &str, policy: HashPolicy) -> Verdict {
    Hasher::default().verify(&typed(text), Some(&stored(hash)), policy).await.unwrap()
}

#[tokio::test]
async fn django_s_hashes_verify_and_are_outdated_where_they_may_be_upgraded() {
    for (policy, outdated) in
        [(HashPolicy::Own, true), (HashPolicy::Adopted, false), (HashPolicy::Upgrading, true)]
    {
        for hash in [PBKDF2, ARGON2] {
            assert_eq!(verdict("Tenant-pass-1", hash, policy).await, Verdict::Right { outdated }, "{hash}");
            assert_eq!(verdict("Tenant-pass-2", hash, policy).await, Verdict::Wrong, "{hash}");
        }
    }
    let beyond_ascii = verdict("pässwörd ✓", PBKDF2_BEYOND_ASCII, HashPolicy::Adopted).await;
    assert_eq!(beyond_ascii, Verdict::Right { outdated: false });
}

#[tokio::test]
async fn a_new_hash_has_its_policy_s_form_and_verifies() {
    let hasher = Hasher::default();
    let forms = [
        (HashPolicy::Own, "argon2$argon2id$v=19$m=19456,t=2,p=1$"),
        (HashPolicy::Adopted, "pbkdf2_sha256$390000$"),
        (HashPolicy::Upgrading, "argon2$argon2id$v=19$m=19456,t=2,p=1$"),
    ];
    for (policy, form) in forms {
        let password = typed(" to the character ");
        let one = hasher.hash(&password, policy).await.unwrap();
        let other = hasher.hash(&password, policy).await.unwrap();
        assert!(one.as_str().starts_with(form), "{}", one.as_str());
        assert!(one.as_str().len() <= PasswordHash::MAX_LENGTH);
        assert_ne!(one, other, "each has a salt of its own");
        assert_ne!(one.fingerprint(), other.fingerprint());

        let right = hasher.verify(&password, Some(&one), policy).await.unwrap();
        assert_eq!(right, Verdict::Right { outdated: false });
        let trimmed = hasher.verify(&typed("to the character"), Some(&one), policy).await.unwrap();
        assert_eq!(trimmed, Verdict::Wrong);
    }
}

#[tokio::test]
async fn unusable_and_malformed_hashes_match_nothing_and_cost_the_same() {
    let digest = &PBKDF2[PBKDF2.len() - 44..];
    let unusable = PasswordHash::unusable().unwrap();
    assert_ne!(unusable, PasswordHash::unusable().unwrap());
    let hashes = [
        unusable.as_str().to_owned(),
        String::new(),
        "!".to_owned(),
        format!("!{PBKDF2}"),
        "Tenant-pass-1".to_owned(),
        format!("{PBKDF2}$"),
        format!(" {PBKDF2}"),
        PBKDF2.replace("390000", "0"),
        PBKDF2.replace("390000", "-1"),
        PBKDF2.replace("390000", "99999999999999999999"),
        PBKDF2.replace("sha256", "sha1"),
        PBKDF2.replace('=', ""),
        format!("pbkdf2_sha256$390000$${digest}"),
        "pbkdf2_sha256$390000$M5X73AGDa9mUMwvDlYlJDv$".to_owned(),
        ARGON2.replace("argon2$", ""),
        ARGON2.replace("argon2id", "argon2x"),
        ARGON2.replace("v=19", "v=20"),
        ARGON2.replace("$v=19", ""),
        ARGON2[..60].to_owned(),
    ];
    let hasher = Hasher::default();
    for hash in hashes {
        let calls = hasher.calls();
        let found = hasher.verify(&typed("Tenant-pass-1"), Some(&stored(&hash)), HashPolicy::Own).await;
        assert_eq!(found, Ok(Verdict::Wrong), "{hash}");
        assert_eq!(hasher.calls() - calls, 1, "{hash}");
        assert!(!stored(&hash).is_usable(), "{hash}");
    }
    assert!(stored(PBKDF2).is_usable() && stored(ARGON2).is_usable());
}

#[test]
fn a_hash_that_costs_too_much_is_not_even_tried() {
    let table = [
        (PBKDF2.replace("390000", "3000000"), true),
        (PBKDF2.replace("390000", "3000001"), false),
        (PBKDF2.replace("390000", "4294967295"), false),
        (ARGON2.replace("m=102400", "m=131072"), true),
        (ARGON2.replace("m=102400", "m=131073"), false),
        (ARGON2.replace("m=102400", "m=4294967295"), false),
        (ARGON2.replace("t=2", "t=8"), true),
        (ARGON2.replace("t=2", "t=9"), false),
        (ARGON2.replace("p=8", "p=16"), true),
        (ARGON2.replace("p=8", "p=17"), false),
        (ARGON2.replace("p=8", "p=16777215"), false),
    ];
    for (hash, usable) in table {
        assert_eq!(stored(&hash).is_usable(), usable, "{hash}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_parsing_panic(text in "\\PC*", hash in prop::sample::select(vec![PBKDF2, ARGON2]),
                                   at in 0usize..140, with in "[$=,a-z0-9+/!é]{0,12}") {
        let _ = Scheme::parse(&text);
        let at = at.min(hash.len());
        let _ = Scheme::parse(&format!("{}{with}{}", &hash[..at], &hash[at..]));
        let _ = Scheme::parse(&format!("{}{with}", &hash[..at]));
    }
}

#[tokio::test]
async fn a_wrong_password_and_nobody_s_cost_the_same() {
    let newest = Hasher::default().hash(&typed("Tenant-pass-1"), HashPolicy::Own).await.unwrap();
    let table = [
        (HashPolicy::Own, newest.clone(), 1),
        (HashPolicy::Adopted, stored(PBKDF2), 1),
        (HashPolicy::Upgrading, stored(PBKDF2), 2),
        (HashPolicy::Upgrading, newest, 2),
    ];
    for (policy, hash, expected) in table {
        let unusable = PasswordHash::unusable().unwrap();
        for who in [None, Some(&hash), Some(&unusable)] {
            let hasher = Hasher::default();
            assert_eq!(hasher.verify(&typed("wrong"), who, policy).await, Ok(Verdict::Wrong));
            assert_eq!(hasher.calls(), expected, "{policy:?} {who:?}");
        }
    }
}

#[tokio::test]
async fn without_a_hash_no_password_is_right() {
    for policy in POLICIES {
        for text in ["", "\0", "!", "Tenant-pass-1"] {
            assert_eq!(Hasher::default().verify(&typed(text), None, policy).await, Ok(Verdict::Wrong));
        }
    }
}

#[test]
fn nothing_of_a_password_is_formatted() {
    let all = format!("{:?} {:?}", typed("Tenant-pass-1"), stored(PBKDF2));
    assert_eq!(all, "Password(..) PasswordHash(..)");
}
