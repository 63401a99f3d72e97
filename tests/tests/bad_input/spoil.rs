//! Sound requests in which one thing is wrong.

use huzhu_tests::new_id;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use super::sample;

/// A request with one bad field.
pub(crate) struct Spoilt {
    /// Where it is bad, as an error names it.
    pub(crate) path: String,
    /// In which way.
    pub(crate) how: &'static str,
    /// The request.
    pub(crate) message: DynamicMessage,
}

/// Fields that have to be there, by message and name; `*` for every message.
const REQUIRED: &[&str] = &[
    "*.request_id",
    "*.organisation_id",
    "*.handler",
    "*.claim_id",
    "*.cover_id",
    "*.roster_id",
    "*.payout_id",
    "*.batch_id",
    "*.facts",
    "*.incident",
    "*.applied_on",
    "*.stream",
    "*.period",
    "PublishPlanRequest.terms_json",
    "PublishApprovalPolicyRequest.label",
    "PublishApprovalPolicyRequest.from",
    "PublishApprovalPolicyRequest.rules",
    "ApprovalRule.steps",
    "RegisterOrganisationRequest.level",
    "RegisterOrganisationRequest.name",
    "Name.zh",
    "RegisterHandlerRequest.duties",
    "CertifyHandlerRequest.certificate",
    "Term.start",
    "Term.end",
    "RegisterMemberRequest.person",
    "RegisterMemberRequest.unit_id",
    "RegisterMemberRequest.class",
    "Person.name",
    "Person.resident_id",
    "CorrectMemberRequest.member_id",
    "ClassifyMemberRequest.member_id",
    "ClassifyMemberRequest.class",
    "TransferMemberRequest.member_id",
    "TransferMemberRequest.unit_id",
    "RetireMemberRequest.member_id",
    "RecordDeathRequest.member_id",
    "OpenRosterRequest.plan",
    "OpenRosterRequest.unit_id",
    "OpenRosterRequest.start",
    "RosterLine.member_id",
    "RemoveRosterMemberRequest.member_id",
    "RecordContributionRequest.amount",
    "RecordContributionRequest.reference",
    "GrantCoverRequest.member_id",
    "GrantCoverRequest.plan",
    "GrantCoverRequest.start",
    "EndCoverRequest.reason",
    "Incident.kind",
    "Incident.date",
    "Diagnosis.code",
    "Diagnosis.severity",
    "Diagnosis.established_on",
    "Bill.serial",
    "Bill.date",
    "Bill.self_pay_one",
    "Stay.serial",
    "Stay.hospital_grade",
    "Stay.admitted",
    "Stay.discharged",
    "Stay.self_pay_one",
    "Joins.serial",
    "Disability.grade",
    "Disability.assessed_on",
    "Loss.kind",
    "Loss.amount",
    "Offset.payer",
    "Offset.amount",
    "Document.kind",
    "Document.name",
    "Document.sha256",
    "ReturnClaimRequest.wanted",
    "Wanted.text",
    "RefuseClaimRequest.reason",
    "CreateBatchRequest.payout_ids",
    "BankAnswerLines.lines",
    "BankSettled.reference",
    "BankReturned.reason",
    "ReversePayoutRequest.note",
    "GetPlanRequest.plan",
];

/// Texts that may hold any characters but control characters.
const FREE_TEXT: &[&str] = &[
    "Name.zh",
    "Name.en",
    "Person.name",
    "CorrectMemberRequest.name",
    "Document.name",
    "Wanted.text",
    "CertifyHandlerRequest.certificate",
    "RecordContributionRequest.reference",
    "BankSettled.reference",
    "ReplayStreamRequest.stream",
];

/// Filters and tokens of queries, which stand for anything when empty.
fn is_required(field: &FieldDescriptor) -> bool {
    let of = field.parent_message();
    let listed = |name: String| REQUIRED.contains(&name.as_str());
    let listing = of.name().starts_with("List");
    !listing
        && (listed(format!("*.{}", field.name()))
            || listed(format!("{}.{}", of.name(), field.name())))
}

fn is_free_text(field: &FieldDescriptor) -> bool {
    let name = format!("{}.{}", field.parent_message().name(), field.name());
    field.name() == "note" || FREE_TEXT.contains(&name.as_str())
}

/// Every way to spoil a request of this type.
pub(crate) fn all(descriptor: &MessageDescriptor) -> Vec<Spoilt> {
    let mut all = Vec::new();
    walk(descriptor, "", &mut |path, how, change: &dyn Fn(&mut DynamicMessage)| {
        let mut message = sample::message(descriptor);
        change(&mut message);
        all.push(Spoilt { path: path.to_owned(), how, message });
    });
    all
}

type Visit<'v> = dyn FnMut(&str, &'static str, &dyn Fn(&mut DynamicMessage)) + 'v;

fn walk(descriptor: &MessageDescriptor, path: &str, visit: &mut Visit<'_>) {
    for field in descriptor.fields() {
        let here = if path.is_empty() {
            field.name().to_owned()
        } else {
            format!("{path}.{}", field.name())
        };
        if is_required(&field) {
            visit(&here, "missing", &|message| message.clear_field(&field));
        }
        let element = if field.is_list() { format!("{here}[0]") } else { here.clone() };
        if field.is_list() {
            visit(&here, "too many", &|message| {
                let many = (0..5_100).map(|_| sample::one(&field)).collect();
                message.set_field(&field, Value::List(many));
            });
        }
        for (how, value) in bad_values(&field) {
            let value = if field.is_list() { Value::List(vec![value]) } else { value };
            visit(&element, how, &|message| message.set_field(&field, value.clone()));
        }
        if let Kind::Message(inner) = field.kind()
            && !inner.full_name().starts_with("google.")
        {
            walk(&inner, &element, &mut |path, how, change| {
                visit(path, how, &|message| {
                    let mut held = sample::message(&inner);
                    change(&mut held);
                    let held = Value::Message(held);
                    let held = if field.is_list() { Value::List(vec![held]) } else { held };
                    message.set_field(&field, held);
                });
            });
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only these kinds can be spoilt")]
fn bad_values(field: &FieldDescriptor) -> Vec<(&'static str, Value)> {
    match field.kind() {
        Kind::String => bad_texts(field),
        Kind::Enum(_) => {
            vec![("unknown", Value::EnumNumber(9_999)), ("negative", Value::EnumNumber(-1))]
        }
        // A page that is too large is cut, as page sizes are elsewhere.
        Kind::Int32 => vec![("negative", Value::I32(-1))],
        Kind::Uint32 => bad_numbers(field),
        Kind::Bytes => vec![
            ("not text", Value::Bytes(vec![0xff, 0xfe, 0x00].into())),
            ("no such columns", Value::Bytes("a,b\n1,2\n".as_bytes().to_vec().into())),
            ("nothing", Value::Bytes(bytes::Bytes::new())),
        ],
        Kind::Message(inner) => match inner.full_name() {
            "google.type.Date" => bad_dates(&inner),
            "google.type.Money" => bad_amounts(&inner),
            "google.protobuf.Timestamp" => bad_moments(&inner),
            _ => Vec::new(),
        },
        // Any flag is sound, and any revision may be expected.
        _ => Vec::new(),
    }
}

fn bad_texts(field: &FieldDescriptor) -> Vec<(&'static str, Value)> {
    let long = if field.name() == "terms_json" { 600_000 } else { 5_000 };
    let mut bad =
        vec![("too long", "7".repeat(long)), ("control characters", "7\u{0}\u{7}7".to_owned())];
    if !is_free_text(field) {
        bad.push(("wrong charset", "漢字 💥\u{202e}".to_owned()));
        bad.push(("injection", format!("'; DROP TABLE events; -- {}", new_id())));
    }
    bad.into_iter().map(|(how, text)| (how, Value::String(text))).collect()
}

fn bad_numbers(field: &FieldDescriptor) -> Vec<(&'static str, Value)> {
    let mut bad = Vec::new();
    // A line may have any number from 1.
    if field.name() != "number" {
        bad.push(("overflow", Value::U32(u32::MAX)));
    }
    if ["grade", "hospital_grade", "units", "number"].contains(&field.name()) {
        bad.push(("zero", Value::U32(0)));
    }
    bad
}

fn of(descriptor: &MessageDescriptor, parts: &[(&str, Value)]) -> Value {
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, value) in parts {
        message.set_field_by_name(name, value.clone());
    }
    Value::Message(message)
}

fn bad_dates(descriptor: &MessageDescriptor) -> Vec<(&'static str, Value)> {
    let cases = [
        ("impossible", (2014, 2, 30)),
        ("no month", (2014, 0, 1)),
        ("no year", (0, 2, 1)),
        ("negative", (2014, -1, 1)),
        ("overflow", (i32::MAX, i32::MAX, i32::MAX)),
        ("far future", (9_999, 12, 31)),
    ];
    let date = |(year, month, day)| {
        let parts =
            [("year", Value::I32(year)), ("month", Value::I32(month)), ("day", Value::I32(day))];
        of(descriptor, &parts)
    };
    cases.into_iter().map(|(how, day)| (how, date(day))).collect()
}

fn bad_amounts(descriptor: &MessageDescriptor) -> Vec<(&'static str, Value)> {
    let cases = [
        ("other currency", ("USD", 100, 0)),
        ("no currency", ("", 100, 0)),
        ("negative", ("CNY", -100, 0)),
        ("part of a fen", ("CNY", 100, 1)),
        ("overflow", ("CNY", i64::MAX, 0)),
        ("underflow", ("CNY", i64::MIN, 0)),
        ("nanos overflow", ("CNY", 1, i32::MAX)),
        ("two signs", ("CNY", 1, -10_000_000)),
    ];
    let money = |(currency, units, nanos): (&str, i64, i32)| {
        let parts = [
            ("currency_code", Value::String(currency.to_owned())),
            ("units", Value::I64(units)),
            ("nanos", Value::I32(nanos)),
        ];
        of(descriptor, &parts)
    };
    cases.into_iter().map(|(how, amount)| (how, money(amount))).collect()
}

fn bad_moments(descriptor: &MessageDescriptor) -> Vec<(&'static str, Value)> {
    let cases = [
        // 2200-01-01
        ("future", (7_258_118_400, 0)),
        ("overflow", (i64::MAX, 0)),
        ("underflow", (i64::MIN, 0)),
        ("negative nanos", (0, -1)),
        ("too many nanos", (0, i32::MAX)),
    ];
    let moment = |(seconds, nanos)| {
        of(descriptor, &[("seconds", Value::I64(seconds)), ("nanos", Value::I32(nanos))])
    };
    cases.into_iter().map(|(how, at)| (how, moment(at))).collect()
}
