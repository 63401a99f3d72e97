use super::*;

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

#[test]
fn user_and_password_are_decoded_and_never_shown() {
    let given = address("esdb://ops:p%40ss%2F%E4%BA%92@a:1,b?tls=false");
    assert_eq!(given.credentials(), Some(("ops", "p@ss/互")));
    for shown in [given.to_string(), format!("{given:?}")] {
        assert_eq!(shown, "esdb://a:1,b:2113");
    }
    assert!(!given.bare(Preference::Leader, 0).contains("ss"));
}

#[test]
fn a_password_comes_from_elsewhere_too() {
    let given = address("esdb://ops@a").with_password("s@cret".to_owned()).unwrap();
    assert_eq!(given.credentials(), Some(("ops", "s@cret")));
    let nobody = address("esdb://a").with_password("s@cret".to_owned());
    assert_eq!(nobody, Err(AddressError::User));
}

#[test]
fn nodes_take_turns_at_being_the_first() {
    let given = address("esdb://a,b:1,c?connectionName=office%20%26%20co");
    let first = |turn| given.bare(Preference::Leader, turn);
    assert!(first(0).starts_with("esdb://a:2113,b:1,c:2113?"));
    assert!(first(4).starts_with("esdb://b:1,c:2113,a:2113?"));
    assert!(first(0).ends_with("&nodePreference=leader&connectionName=office%20%26%20co"));
}

#[test]
fn what_is_wrong_is_told_before_anything_is_tried() {
    let name = |name: &str| name.to_owned();
    for (text, expected) in [
        ("http://a", AddressError::Scheme),
        ("a:2113", AddressError::Scheme),
        ("esdb://", AddressError::Node),
        ("esdb://a,,b", AddressError::Node),
        ("esdb://a:b", AddressError::Node),
        ("esdb://[::1]:2113", AddressError::Node),
        ("esdb://a/b", AddressError::Path),
        ("esdb+discover://a,b", AddressError::Discover),
        ("esdb://p%4@a", AddressError::Encoding),
        ("esdb://a?tls=yes", AddressError::Value { name: name("tls") }),
        ("esdb://a?keepAliveInterval=500", AddressError::Value { name: name("keepAliveInterval") }),
        ("esdb://a?nodePreference=best", AddressError::Value { name: name("nodePreference") }),
        (
            "esdb://a?maxDiscoverAttempts=1",
            AddressError::Setting { name: name("maxDiscoverAttempts") },
        ),
    ] {
        assert_eq!(text.parse::<Address>(), Err(expected), "{text}");
    }
}

#[test]
fn files_that_the_library_would_die_of_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let given = format!("esdb://a?tlsCaFile={}", file.display());
    assert!(matches!(given.parse::<Address>(), Err(AddressError::File { .. })));
    std::fs::write(&file, "nothing of use").unwrap();
    assert!(matches!(given.parse::<Address>(), Err(AddressError::File { .. })));
    std::fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
    assert!(given.parse::<Address>().is_ok());
    let unpaired = format!("esdb://a?userCertFile={}", file.display());
    assert_eq!(unpaired.parse::<Address>(), Err(AddressError::Pair));
}

#[test]
fn a_secret_is_the_first_line_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    assert!(secret_of(&file).is_err());
    std::fs::write(&file, "\n").unwrap();
    assert!(secret_of(&file).is_err());
    std::fs::write(&file, "s@cret\nmore\n").unwrap();
    assert_eq!(secret_of(&file).unwrap(), "s@cret");
}
