//! The official Python driver (ADBC) reads views into pandas.
//!
//! It needs an interpreter with the packages of `tests/python/requirements.txt`, named by
//! `HUZHU_PYTHON`; without one it says loudly that it did nothing.
use std::path::Path;
use std::process::Command;

use huzhu_domain::envelope::Role;
use huzhu_tests::outside;
use huzhu_tests::story;

use super::with_two_claims;

#[test]
fn the_python_driver_reads_views_into_pandas() {
    let Some(python) = outside::python(
        "the Python driver of Flight SQL",
        "import adbc_driver_flightsql.dbapi, pandas, pyarrow",
    ) else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    story(async {
        let (union, position) = with_two_claims().await;
        let service = &union.service;
        let told = serde_json::json!({
            "address": service.address(),
            "position": position,
            "analyst": service.token(Role::Analyst, "wang", None),
            "auditor": service.token(Role::Auditor, "li", None),
            "handler": service.token(Role::Handler, "unit-file", Some("unit")),
        });
        let output = Command::new(python)
            .arg(root.join("tests/python/analysis.py"))
            .arg(told.to_string())
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.trim(), "800.00 of 10200.00", "{errors}");
    });
}
