//! Every field of every request, with what it cannot hold: told by its path, and nothing recorded.

use huzhu_domain::envelope::Role;
use prost::encoding::{WireType, encode_key, encode_varint};
use prost_types::FieldDescriptorProto;
use prost_types::field_descriptor_proto::Type;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::Service;
use super::raw::{Contract, Rpc, call};
use crate::auth::table::{Rule, rule};

/// A field that holds what it cannot.
struct Bad {
    path: String,
    message: Vec<u8>,
}

/// Every field of `message` once, each with a value that it cannot hold.
fn spoil(contract: &Contract, message: &str) -> Vec<Bad> {
    let mut all = Vec::new();
    for field in &contract.message(message).field {
        let index = if field.label() == prost_types::field_descriptor_proto::Label::Repeated {
            "[0]"
        } else {
            ""
        };
        let path = format!("{}{index}", field.name());
        let tag = u32::try_from(field.number()).unwrap();
        if field.r#type() == Type::Message {
            for inner in spoil_inside(contract, field.type_name()) {
                let dot = if inner.path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{}", inner.path);
                all.push(Bad { path, message: nested(tag, &inner.message) });
            }
        } else if let Some(message) = spoiled(field, tag) {
            all.push(Bad { path, message });
        }
    }
    all
}

fn spoil_inside(contract: &Contract, message: &str) -> Vec<Bad> {
    let whole = |message: Vec<u8>| vec![Bad { path: String::new(), message }];
    match message {
        // 30 February; one yuan less one fen; more nanos than a second has.
        ".google.type.Date" => whole(numbers(&[(1, 2014), (2, 2), (3, 30)])),
        ".google.type.Money" => {
            let mut money = nested(1, b"CNY");
            money.extend(numbers(&[(2, 1), (3, -10_000_000)]));
            whole(money)
        }
        ".google.protobuf.Timestamp" => whole(numbers(&[(1, 0), (2, 1_000_000_000)])),
        _ => spoil(contract, message),
    }
}

/// The field with a value that it cannot hold; none if it can hold any.
#[expect(clippy::wildcard_enum_match_arm, reason = "any other type holds whatever comes")]
fn spoiled(field: &FieldDescriptorProto, tag: u32) -> Option<Vec<u8>> {
    match field.r#type() {
        Type::String | Type::Bytes => Some(nested(tag, "\u{7}坏".repeat(500).as_bytes())),
        Type::Enum => Some(numbers(&[(tag, 9_999)])),
        Type::Int32 => Some(numbers(&[(tag, -1)])),
        Type::Uint32 => Some(numbers(&[(tag, u32::MAX.into())])),
        // A revision may be anywhere, and a yes or no is always one.
        _ => None,
    }
}

fn nested(tag: u32, inner: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(tag, WireType::LengthDelimited, &mut bytes);
    encode_varint(u64::try_from(inner.len()).unwrap(), &mut bytes);
    bytes.extend_from_slice(inner);
    bytes
}

fn numbers(numbers: &[(u32, i64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, number) in numbers {
        encode_key(*tag, WireType::Varint, &mut bytes);
        // Negative numbers go over the wire in two's complement.
        encode_varint(number.cast_unsigned(), &mut bytes);
    }
    bytes
}

/// The paths that an answer calls bad.
async fn told(
    service: &Service,
    channel: &Channel,
    rpc: &Rpc,
    message: Vec<u8>,
) -> (Code, Vec<String>) {
    let Rule::Roles(roles) = rule(&rpc.path) else { panic!("{}", rpc.path) };
    let role = roles.iter().find(|role| **role != Role::Analyst).unwrap();
    let desk = service.desk(*role);
    let header = desk.request(()).metadata().get("authorization").unwrap().clone();
    let answer = call(channel, &rpc.path, Some(header.to_str().unwrap()), message).await;
    let status = match answer {
        Ok(()) => return (Code::Ok, Vec::new()),
        Err(status) => status,
    };
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations);
    let fields = violations.unwrap_or_default().into_iter().map(|violation| violation.field);
    (status.code(), fields.collect())
}

#[tokio::test]
async fn whatever_a_field_cannot_hold_is_told_by_its_path() {
    let service = Service::start().await;
    let channel = service.channel().await;
    let contract = Contract::read();
    let mut tried = 0_u32;
    for rpc in contract.rpcs() {
        for bad in spoil(&contract, &rpc.input) {
            // Lines come after the header, and a bad one is told in the answer.
            if bad.path.starts_with("lines.lines") && rpc.path.ends_with("AddRosterMembers") {
                continue;
            }
            let (code, fields) = told(&service, &channel, &rpc, bad.message).await;
            let which = format!("{} {}: {fields:?}", rpc.path, bad.path);
            assert_eq!(code, Code::InvalidArgument, "{which}");
            assert!(fields.iter().any(|field| field.starts_with(&bad.path)), "{which}");
            tried += 1;
        }
    }
    assert!(tried > 300, "only {tried} fields were tried");
    let metrics = super::running::metrics(service.running.metrics).await;
    assert!(metrics.contains("huzhu_log_events 0"), "something was recorded");
}

#[tokio::test]
async fn an_empty_command_is_told_what_it_lacks() {
    let service = Service::start().await;
    let channel = service.channel().await;
    for rpc in Contract::read().rpcs() {
        if !rpc.path.contains(".command.") {
            continue;
        }
        let (code, fields) = told(&service, &channel, &rpc, Vec::new()).await;
        assert_eq!(code, Code::InvalidArgument, "{}", rpc.path);
        assert!(!fields.is_empty(), "{}", rpc.path);
    }
}

#[tokio::test]
async fn bytes_that_are_no_message_and_messages_that_are_too_large_are_refused() {
    let service =
        Service::start_with(|config| super::Config { message_bytes_max: 64 * 1024, ..config })
            .await;
    let channel = service.channel().await;
    let rpcs = Contract::read().rpcs();
    let rpc = rpcs.iter().find(|rpc| rpc.path.ends_with("FileClaim")).unwrap();
    let (code, _) = told(&service, &channel, rpc, vec![0xff; 100]).await;
    assert_eq!(code, Code::Internal);
    let (code, _) = told(&service, &channel, rpc, nested(1, &vec![b'a'; 100_000])).await;
    assert_eq!(code, Code::OutOfRange);
}
