//! Every field of every request, spoilt in every way that its type allows: a precise error that
//! names the field, nothing recorded, and the service goes on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

#[path = "bad_input/sample.rs"]
mod sample;
#[path = "bad_input/spoil.rs"]
mod spoil;

use std::collections::BTreeSet;

use bytes::Bytes;
use huzhu_domain::envelope::Role;
use huzhu_tests::caller::Caller;
use huzhu_tests::contract::DESCRIPTORS;
use huzhu_tests::service::Service;
use huzhu_tests::union::OFFICE;
use huzhu_tests::{bad_fields, raw, story};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use tonic::{Code, Status};

/// Who may call an RPC.
fn caller(service: &Service, method: &MethodDescriptor) -> Caller {
    let decisions = ["PassStep", "ReturnClaim", "RefuseClaim"];
    let of = method.parent_service().name().to_owned();
    if of == "PayoutService" || decisions.contains(&method.name()) {
        service.caller(Role::Handler, "somebody", Some(OFFICE))
    } else {
        service.caller(Role::Operator, "somebody", None)
    }
}

/// A stream of lines begins with a header; whichever part is under test, the other is sound.
async fn send(
    caller: &Caller,
    method: &MethodDescriptor,
    message: DynamicMessage,
) -> Result<Vec<Bytes>, Status> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let mut messages = vec![Bytes::from(message.encode_to_vec())];
    if method.is_client_streaming() {
        let sound = |part| Bytes::from(sample::with_oneof(&method.input(), part).encode_to_vec());
        if message.has_field_by_name("lines") {
            messages.insert(0, sound("header"));
        } else {
            messages.push(sound("lines"));
        }
    }
    // A watch goes on for as long as somebody reads.
    let most = if method.name().starts_with("Watch") { 1 } else { usize::MAX };
    raw::send_for(caller, &path, messages, most).await
}

fn methods() -> Vec<MethodDescriptor> {
    let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
    let services = pool.services().filter(|service| service.full_name().starts_with("huzhu."));
    services.flat_map(|service| service.methods().collect::<Vec<_>>()).collect()
}

#[test]
fn the_sound_requests_that_the_walk_begins_from_are_not_malformed() {
    story(async {
        let service = Service::start();
        for method in methods() {
            let caller = caller(&service, &method);
            for message in sample::all(&method.input()) {
                if let Err(status) = send(&caller, &method, message).await {
                    let told = bad_fields(&status);
                    assert_ne!(status.code(), Code::InvalidArgument, "{}: {told:?}", method.name());
                    assert_ne!(status.code(), Code::Internal, "{}", method.name());
                }
            }
        }
    });
}

#[test]
fn each_spoilt_field_is_named_and_nothing_is_recorded() {
    story(async {
        let service = Service::start();
        let (mut tried, mut wrong) = (0_usize, BTreeSet::new());
        for method in methods() {
            let caller = caller(&service, &method);
            let before = service.log_length();
            for spoilt in spoil::all(&method.input()) {
                tried += 1;
                let what = format!("{}: {} {}", method.name(), spoilt.path, spoilt.how);
                match send(&caller, &method, spoilt.message).await {
                    Ok(_) => drop(wrong.insert(format!("{what}: taken"))),
                    Err(status) => {
                        let fields = bad_fields(&status);
                        let named = fields.iter().any(|field| names(field, &spoilt.path));
                        if status.code() != Code::InvalidArgument || !named {
                            wrong.insert(format!("{what}: {status:?} {fields:?}"));
                        }
                    }
                }
            }
            assert_eq!(service.log_length(), before, "{} recorded something", method.name());
        }
        assert!(tried > 1_500, "{tried}");
        let wrong: Vec<_> = wrong.into_iter().collect();
        assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    });
}

/// Whether a violation points at the field, at something inside it, or at what holds it.
fn names(violation: &str, path: &str) -> bool {
    let inside = |outer: &str, inner: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ':']))
    };
    // A roster names a line by the number it bears; the one line of a sound request bears 1.
    let violation = violation.replace("[number=1]", "[0]");
    inside(&violation, path) || inside(path, &violation)
}

#[test]
fn noise_in_place_of_a_request_is_refused_and_the_service_goes_on() {
    story(async {
        let service = Service::start();
        for method in methods() {
            let caller = caller(&service, &method);
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            for noise in
                [&[0xff_u8; 40][..], &[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], b"\x0a\x03\xff\xfe\xfd"]
            {
                let status = raw::send(&caller, &path, vec![Bytes::copy_from_slice(noise)]).await;
                assert!(status.is_err(), "{}", method.name());
            }
        }
        assert_eq!(service.log_length(), 0);
        let operator = service.caller(Role::Operator, "operator", None);
        let listed = operator.must(huzhu_tests::query::ListPlansRequest::default()).await;
        assert!(listed.plans.is_empty());
    });
}
