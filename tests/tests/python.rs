//! A Python client, generated from `proto/`, takes one claim from filing to approval.
//!
//! It needs an interpreter with the packages of `tests/python/requirements.txt`, named by
//! `HUZHU_PYTHON`; without one it says loudly that it did nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a story that cannot go on has failed")]

use std::path::Path;
use std::process::Command;

use huzhu_domain::envelope::Role;
use huzhu_tests::facts::written;
use huzhu_tests::outside::python;
use huzhu_tests::people::person;
use huzhu_tests::story;
use huzhu_tests::union::{DISTRICT, OFFICE, TOWNSHIP, Union};
use huzhu_tests::wire::Sex;

#[test]
fn a_generated_python_client_takes_a_claim_from_filing_to_approval() {
    let imports = "import grpc_tools.protoc, grpc, google.rpc.error_details_pb2";
    let Some(python) = python("the Python client", imports) else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let generated = tempfile::tempdir().unwrap();
    story(async {
        let union = Union::found().await;
        let unit = union.unit("unit", "单位", 1).await;
        let member = unit.member(person("彭女士", Sex::Female, "1972-03-08")).await;
        let plan = ("female-disease", "V6");
        let cover = unit.enrol(plan, "2013-01-01", &[&member], 2, "80").await.remove(0);

        let service = &union.service;
        let token = |subject: &str, of: &str| service.token(Role::Handler, subject, Some(of));
        let told = serde_json::json!({
            "address": service.address(),
            "cover": cover,
            "filer": token("unit-file", "unit"),
            "deciders": [
                token("unit-endorse", "unit"),
                token("township", TOWNSHIP),
                token("district", DISTRICT),
                token("first", OFFICE),
                token("second", OFFICE),
                token("finance", OFFICE),
            ],
            "analyst": service.token(Role::Analyst, "analyst", None),
            "auditor": service.token(Role::Auditor, "auditor", None),
        });
        let output = Command::new(python)
            .arg(root.join("tests/python/claim.py"))
            .arg(root.join("proto"))
            .arg(generated.path())
            .arg(told.to_string())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        let said = String::from_utf8(output.stdout).unwrap();
        let claim =
            said.trim().strip_prefix("approved ").unwrap_or_else(|| panic!("{said}{errors}"));
        let assessed = union.assessed(claim).await;
        assert_eq!(written(assessed.total.as_ref()), "24208.00");
        assert_eq!(union.pay(&[claim], "2014-12-12").await, "24208.00");
    });
}
