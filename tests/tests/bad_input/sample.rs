//! Sound requests, made from their descriptors.

use huzhu_tests::new_id;
use prost_reflect::{Cardinality, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

/// A sound request for each way in which its choices (`oneof`) can be made.
pub(crate) fn all(descriptor: &MessageDescriptor) -> Vec<DynamicMessage> {
    let choices: Vec<_> = descriptor.oneofs().filter(|oneof| oneof.fields().len() > 1).collect();
    match choices.first() {
        None => vec![message(descriptor)],
        Some(oneof) => oneof.fields().map(|field| with_oneof(descriptor, field.name())).collect(),
    }
}

/// A sound request in which the named choice is made.
pub(crate) fn with_oneof(descriptor: &MessageDescriptor, choice: &str) -> DynamicMessage {
    let mut message = message(descriptor);
    let field = descriptor.get_field_by_name(choice).unwrap();
    message.set_field(&field, value(&field));
    message
}

/// A sound message with every field that has something to say.
pub(crate) fn message(descriptor: &MessageDescriptor) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    match descriptor.full_name() {
        "google.protobuf.Timestamp" => {
            // 2014-11-20T02:00:00Z
            message.set_field_by_name("seconds", Value::I64(1_416_448_800));
            return message;
        }
        "google.type.Date" => {
            for (name, part) in [("year", 2014), ("month", 11), ("day", 20)] {
                message.set_field_by_name(name, Value::I32(part));
            }
            return message;
        }
        "google.type.Money" => {
            message.set_field_by_name("currency_code", Value::String("CNY".to_owned()));
            message.set_field_by_name("units", Value::I64(100));
            return message;
        }
        _ => {}
    }
    for field in descriptor.fields() {
        let later_choice = field.containing_oneof().is_some_and(|oneof| {
            oneof.fields().next().is_some_and(|first| first.number() != field.number())
        });
        if !(later_choice || SILENT.contains(&field.name())) {
            message.set_field(&field, value(&field));
        }
    }
    message
}

/// Fields that a first request leaves empty.
const SILENT: &[&str] =
    &["expected_revision", "page_token", "at_least", "after", "death", "joins", "parent_id"];

/// A sound value of a field, with one element if there may be several.
pub(crate) fn value(field: &FieldDescriptor) -> Value {
    let one = one(field);
    if field.cardinality() == Cardinality::Repeated { Value::List(vec![one]) } else { one }
}

/// One sound element of a field.
#[expect(clippy::wildcard_enum_match_arm, reason = "a kind that no request has fails the test")]
pub(crate) fn one(field: &FieldDescriptor) -> Value {
    match field.kind() {
        Kind::Message(descriptor) => Value::Message(message(&descriptor)),
        Kind::Enum(_) => Value::EnumNumber(match field.name() {
            // Organisations without a parent are offices; a policy ends there.
            "level" => 4,
            "steps" => 6,
            "reason" if field.parent_message().name() == "EndCoverRequest" => 4,
            _ => 1,
        }),
        Kind::String => Value::String(text(field)),
        Kind::Bytes => Value::Bytes(
            format!("payout,outcome,reference,reason,note\n{},settled,R1,,\n", new_id())
                .into_bytes()
                .into(),
        ),
        Kind::Bool => Value::Bool(false),
        Kind::Uint32 => Value::U32(1),
        Kind::Uint64 => Value::U64(1),
        Kind::Int32 => Value::I32(1),
        Kind::Int64 => Value::I64(1),
        kind => panic!("no request has a field of kind {kind:?} yet"),
    }
}

fn text(field: &FieldDescriptor) -> String {
    let text = match (field.parent_message().name(), field.name()) {
        (_, "organisation_id" | "parent_id" | "unit_id" | "district_id" | "queue_id") => "beijing",
        (_, "plan") => "nuan-huzhu",
        (_, "version") => "2012",
        (_, "label") => "policy-1",
        (_, "handler") => "staff-1",
        (_, "credit_code") => "91350100M000100Y43",
        (_, "resident_id") => "110101199003071233",
        (_, "card") => "6221630000000004",
        (_, "phone") => "13812345678",
        ("Bill", "serial") => "B-1",
        (_, "serial") => "S-1",
        ("Diagnosis", "code") | (_, "cause" | "confirmed_diagnoses") => "C50",
        (_, "sha256") => return "5a".repeat(32),
        (_, "terms_json") => huzhu_domain::plan::catalogue()[0].1,
        (_, "from_month" | "until_month") => "2014-11",
        (_, "category") => "C50",
        (_, "chapter") => "II",
        (_, "benefits") => "outpatient",
        (_, "stream") => return format!("claim-{}", new_id()),
        (_, name) if name.ends_with("_id") || name.ends_with("_ids") => return new_id(),
        _ => "文字 text",
    };
    text.to_owned()
}
