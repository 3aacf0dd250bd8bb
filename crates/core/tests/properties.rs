//! What holds for every text, not only for those that somebody thought of.

use proptest::prelude::*;
use tenantry_core::{HostName, HostPattern, Slug};

/// Bytes that are likely to come near a host, so that the ways deep into the parser are walked too.
fn host_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z]{1,8}",
        2 => "[A-Za-z0-9-]{0,12}",
        2 => Just(".".to_owned()),
        1 => "xn--[a-z0-9-]{0,10}",
        1 => "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        1 => "\\[[0-9a-f:.]{0,20}\\]?",
        1 => ":[0-9]{0,6}",
        1 => "0x[0-9a-f]{0,4}",
        1 => "[@/%_ \\\\?#*\\x00-\\x1f]",
        1 => "[a\u{430}\u{e9}\u{3002}\u{200b}]",
        1 => "[a-z]{60,70}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Names that are right, with what may be removed or folded still in them.
fn labels() -> impl Strategy<Value = Vec<String>> {
    let label = "[A-Za-z0-9]([A-Za-z0-9]{0,20}[A-Za-z0-9])?";
    (prop::collection::vec(label, 0..8), "[A-Za-z]{1,20}").prop_map(|(mut labels, last)| {
        labels.push(last);
        labels
    })
}

fn holds_what_is_promised(host: &HostName) -> Result<(), TestCaseError> {
    let text = host.as_str();
    prop_assert_eq!(HostName::from_authority(text.as_bytes()), Ok(host.clone()), "canonical is idempotent");
    let domain = Some(host.clone()).filter(|host| !host.is_address());
    prop_assert_eq!(text.parse::<HostName>().ok(), domain);
    prop_assert!((1..=HostName::MAX_LENGTH).contains(&text.len()));
    if text.starts_with('[') {
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_hexdigit() || b"[]:.".contains(&byte)));
        return Ok(());
    }
    prop_assert!(text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.')));
    for label in text.split('.') {
        prop_assert!((1..=HostName::MAX_LABEL_LENGTH).contains(&label.len()));
        prop_assert!(!label.starts_with('-') && !label.ends_with('-'));
    }
    prop_assert_eq!(host.is_address(), text.parse::<std::net::Ipv4Addr>().is_ok());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_host_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(host) = HostName::from_authority(&bytes) {
            holds_what_is_promised(&host)?;
        }
    }

    #[test]
    fn any_text_near_a_host_is_a_host_or_refused(text in host_like()) {
        if let Ok(host) = HostName::from_authority(text.as_bytes()) {
            holds_what_is_promised(&host)?;
        }
        if let Ok(host) = text.parse::<HostName>() {
            holds_what_is_promised(&host)?;
        }
        if let Ok(pattern) = text.parse::<HostPattern>() {
            prop_assert_eq!(pattern.to_string().parse(), Ok(pattern));
        }
    }

    #[test]
    fn a_request_never_has_a_host_that_one_of_its_facts_lacks(target in host_like(), header in host_like()) {
        if let Ok(host) = HostName::of_request(Some(target.as_bytes()), [header.as_bytes()]) {
            for fact in [target, header] {
                prop_assert_eq!(HostName::from_authority(fact.as_bytes()), Ok(host.clone()));
            }
        }
    }

    #[test]
    fn a_right_name_passes_in_each_of_its_spellings(labels in labels(), port in 1..=u16::MAX) {
        let name = labels.join(".");
        let canonical = name.to_ascii_lowercase();
        for spelling in [name.clone(), format!("{name}."), format!("{name}:{port}"), format!("{name}.:{port}")] {
            let host = HostName::from_authority(spelling.as_bytes());
            prop_assert_eq!(host.as_ref().map(HostName::as_str), Ok(canonical.as_str()), "{}", spelling);
        }
    }

    #[test]
    fn any_address_passes_in_the_form_that_the_standard_library_displays(v4: [u8; 4], v6: [u16; 8]) {
        let (v4, v6) = (std::net::Ipv4Addr::from(v4), std::net::Ipv6Addr::from(v6));
        for (text, expected) in [(v4.to_string(), HostName::from(v4)), (format!("[{v6}]"), HostName::from(v6))] {
            let host = HostName::from_authority(format!("{text}:8000").as_bytes());
            prop_assert_eq!(host.as_ref(), Ok(&expected));
            prop_assert!(expected.is_address());
            prop_assert_eq!(expected.as_str(), text);
        }
    }

    #[test]
    fn a_name_is_below_the_base_it_was_put_under(label in "[a-z0-9]{1,20}", base in labels()) {
        let base: HostName = base.join(".").parse().map_err(|_| TestCaseError::reject("too long"))?;
        let host: HostName = format!("{label}.{base}").parse().map_err(|_| TestCaseError::reject("too long"))?;
        prop_assert!(host.is_subdomain_of(&base) && !base.is_subdomain_of(&host));
    }

    #[test]
    fn any_text_is_a_slug_as_it_stands_or_refused(text in prop_oneof!["[a-z0-9-]{0,45}", "[a-zA-Z0-9_. -]{0,8}", any::<String>()]) {
        let Ok(slug) = text.parse::<Slug>() else { return Ok(()) };
        prop_assert_eq!(slug.as_str(), text.as_str());
        prop_assert!((Slug::MIN_LENGTH..=Slug::MAX_LENGTH).contains(&text.len()));
        prop_assert!(text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')));
        prop_assert!(!text.starts_with('-') && !text.ends_with('-') && !text.starts_with("xn--"));
        let host: HostName = format!("{slug}.tenants.example").parse().unwrap();
        prop_assert!(host.is_subdomain_of(&"tenants.example".parse().unwrap()));
        prop_assert_eq!(slug.schema_name().replace('_', "-"), text);
    }
}
