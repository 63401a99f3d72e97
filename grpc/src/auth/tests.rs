use std::os::unix::fs::PermissionsExt;

use super::*;

fn actor(role: Role) -> Actor {
    let organisation = (role == Role::Handler).then(|| "beiyi".parse().unwrap());
    Actor { subject: "beiyi-01".parse().unwrap(), role, organisation }
}

fn now() -> Timestamp {
    "2014-11-30T08:00:00Z".parse().unwrap()
}

fn later(days: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_hours(days.saturating_mul(24))).unwrap()
}

#[test]
fn a_token_stands_for_its_subject_until_it_expires() {
    let key = TokenKey::fresh().unwrap();
    let (issuer, verifier) = (Issuer::new(&key).unwrap(), Verifier::new(&key));
    let token = issuer.issue(&actor(Role::Handler), now(), 30).unwrap();
    let header = format!("Bearer {token}");
    for _ in 0..2 {
        let verified = verifier.verify(Some(&header), later(29)).unwrap();
        assert_eq!(*verified, actor(Role::Handler));
    }
    assert_eq!(verifier.verify(Some(&header), later(30)), Err(TokenError::Expired));
}

#[test]
fn a_token_of_another_key_or_another_algorithm_is_refused() {
    let (key, other) = (TokenKey::fresh().unwrap(), TokenKey::fresh().unwrap());
    let verifier = Verifier::new(&key);
    let foreign = Issuer::new(&other).unwrap().issue(&actor(Role::Auditor), now(), 1).unwrap();
    let verify = |token: &str| verifier.verify(Some(&format!("Bearer {token}")), now());
    assert_eq!(verify(&foreign), Err(TokenError::Invalid));

    // No signature at all, in a header that says so.
    let (_, body) = foreign.split_once('.').unwrap();
    let (body, _) = body.split_once('.').unwrap();
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
    assert_eq!(verify(&none), Err(TokenError::Invalid));
    for text in ["", "a.b.c", &"x".repeat(5_000)] {
        assert!(verify(text).is_err());
    }
}

#[test]
fn a_call_without_a_bearer_token_is_told_so() {
    let verifier = Verifier::new(&TokenKey::fresh().unwrap());
    for header in [None, Some(""), Some("Basic abc"), Some("Bearer")] {
        assert_eq!(verifier.verify(header, now()), Err(TokenError::Missing), "{header:?}");
    }
}

#[test]
fn a_handler_without_an_organisation_gets_no_token() {
    let issuer = Issuer::new(&TokenKey::fresh().unwrap()).unwrap();
    let nobody = Actor { organisation: None, ..actor(Role::Handler) };
    assert_eq!(issuer.issue(&nobody, now(), 1), Err(IssueError::OrganisationMissing));
    assert_eq!(issuer.issue(&actor(Role::Analyst), now(), 0), Err(IssueError::Days(0)));
}

#[test]
fn the_keys_of_a_folder_are_made_once_and_read_by_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let fresh = folder.path().join("of/its/own");
    TokenKey::open(&fresh).unwrap();
    let mode = std::fs::metadata(&fresh).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "what stands beside the keys is nobody else's either");
    let first = TokenKey::open(folder.path()).unwrap();
    let again = TokenKey::open(folder.path()).unwrap();
    assert_eq!(first.public_bytes(), again.public_bytes());

    let path = folder.path().join("token.key");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(TokenKey::open(folder.path()), Err(keys::KeyError::Open { mode: 0o644, .. })));
    std::fs::write(&path, "no key").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(TokenKey::open(folder.path()), Err(keys::KeyError::NotAKey { .. })));
}

#[test]
fn a_resident_id_hashes_alike_under_one_key_only() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let id = "110228198506150022".parse().unwrap();
    let hash = |folder: &std::path::Path| keys::ResidentHasher::open(folder).unwrap().hash(&id);
    assert_eq!(hash(one.path()), hash(one.path()));
    assert_ne!(hash(one.path()), hash(other.path()));
}

#[test]
fn the_table_knows_every_rpc_of_the_contract_and_no_other() {
    use prost::Message;
    use std::collections::BTreeSet;

    let descriptors = prost_types::FileDescriptorSet::decode(crate::contract::DESCRIPTORS).unwrap();
    let contract: BTreeSet<String> = descriptors
        .file
        .iter()
        .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
        .flat_map(|(package, service)| {
            let path = move |name: &str| format!("/{package}.{}/{name}", service.name());
            service.method.iter().map(move |method| path(method.name()))
        })
        .filter(|path| table::rule(path) != table::Rule::Open)
        .collect();
    let listed: BTreeSet<String> = table::TABLE
        .iter()
        .flat_map(|(service, methods)| {
            methods.iter().map(move |(method, _)| format!("/{service}/{method}"))
        })
        .collect();
    assert_eq!(listed, contract);
    for file in &descriptors.file {
        for service in &file.service {
            for method in &service.method {
                let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let streams = method.client_streaming() || method.server_streaming();
                assert_eq!(table::streams(&path), streams, "{path}");
            }
        }
    }
    for path in &listed {
        let somebody = matches!(table::rule(path), table::Rule::Roles([_, ..]));
        let writes = ["/Append", "/BatchAppend", "/Delete", "/Tombstone"];
        let nobody = table::is_eventstore(path) && writes.iter().any(|end| path.ends_with(end));
        assert_eq!(somebody, !nobody, "{path}");
    }
}

/// The RPCs of the command services, with what the contract says of each.
fn commands_as_told() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../proto/huzhu/command/v1");
    let mut told = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let (mut service, mut comment) = (String::new(), String::new());
        for line in text.lines().map(str::trim) {
            let word = |line: &str| line.split([' ', '(']).nth(1).unwrap().to_owned();
            if let Some(more) = line.strip_prefix("//") {
                comment.push_str(more);
                continue;
            }
            if line.starts_with("service ") {
                service = word(line);
            } else if line.starts_with("rpc ") {
                let path = format!("/huzhu.command.v1.{service}/{}", word(line));
                told.push((path, comment.clone()));
            }
            comment.clear();
        }
    }
    told
}

#[test]
fn the_contract_names_the_roles_of_the_table() {
    let told = commands_as_told();
    assert!(told.len() >= 30, "{}", told.len());
    for (path, comment) in told {
        let table::Rule::Roles(roles) = table::rule(&path) else { panic!("{path}") };
        let before = comment.split("Refused:").next().unwrap().to_lowercase();
        for (role, word) in [
            (Role::Handler, "handlers"),
            (Role::Operator, "operators"),
            (Role::Service, "services"),
        ] {
            assert_eq!(before.contains(word), roles.contains(&role), "{path}: {word}");
        }
    }
}

#[test]
fn the_contract_names_no_reason_that_nobody_gives() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../domain/src");
    let mut given: std::collections::BTreeSet<String> = std::collections::BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let text = std::fs::read_to_string(entry).unwrap();
                let variants = text.lines().filter_map(|line| line.strip_prefix("    "));
                let name = |line: &str| line.split([' ', ',', '(', '{']).next().map(reason);
                given.extend(variants.filter_map(name));
            }
        }
    }
    let mut named = 0;
    for (path, comment) in commands_as_told() {
        let reasons = comment.split_once("Refused:").map_or("", |(_, reasons)| reasons);
        let words = reasons.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
        for reason in words.filter(|word| word.contains('_') && word.len() > 3) {
            assert!(given.contains(reason), "{path}: {reason}");
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}

/// What the reason of a refusal is called: `StepOfNobody` is STEP_OF_NOBODY.
fn reason(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[test]
fn what_is_not_in_the_table_is_unknown() {
    for path in ["", "/", "/huzhu.command.v1.ClaimService/", "/other.Service/FileClaim"] {
        assert_eq!(table::rule(path), table::Rule::Unknown, "{path}");
    }
    assert_eq!(table::rule("/grpc.health.v1.Health/Check"), table::Rule::Open);
}
