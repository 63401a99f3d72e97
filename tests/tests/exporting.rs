//! Analysts take views away as files and read the file of the views, while the service goes on.
//!
//! What opens the files is Python: an interpreter with the packages of
//! `tests/python/requirements.txt`, named by `HUZHU_PYTHON`; without one the story says loudly that
//! nobody opened them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on has failed"
)]

use std::path::Path;

use huzhu_tests::facts::{illness, receipt};
use huzhu_tests::outside::python;
use huzhu_tests::people::person;
use huzhu_tests::program::{Program, Said, huzhu};
use huzhu_tests::requests::claim_request;
use huzhu_tests::story;
use huzhu_tests::union::{Union, Unit};
use huzhu_tests::wire::Sex;
use tokio::process::Command;

const DAY: &str = "2014-11-20";

/// Files a claim; answers the position of the receipt.
async fn file(unit: &Unit<'_>, serial: &str) -> String {
    let member = unit.member(person("李女士", Sex::Female, "1972-03-08")).await;
    let cover = unit.grant(&member, "nuan-huzhu", "2014-01-01").await;
    let mut facts = illness("2014-01-02", DAY);
    facts.bills = vec![receipt(serial, "2014-05-01", "5800.55")];
    let filed = unit.filer.must(claim_request(&cover, &["outpatient"], facts, DAY)).await;
    filed.receipt.unwrap().position
}

/// What Python says of a file, if there is Python.
async fn opened(what: &str, path: &Path) -> Option<String> {
    let imports = if what == "parquet" { "import pyarrow.parquet" } else { "import openpyxl" };
    let python = python("opening exported views", imports)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/views.py");
    let output = Command::new(python).arg(script).arg(what).arg(path).output().await.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{what}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn well(said: Said) -> Said {
    assert!(said.well, "{:?} {}", said.lines, said.errors);
    said
}

/// Waits until the views in a folder show so many claims.
async fn show(folder: &str, claims: usize) {
    for _ in 0..200 {
        let said = well(huzhu(&["export", "claims", "--columns", "claim", "--data", folder]).await);
        if said.lines.len().checked_sub(1) == Some(claims) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the views do not show {claims} claims");
}

#[test]
fn views_are_read_and_exported_while_commands_run() {
    story(async {
        let program = Program::start_in(tempfile::tempdir().unwrap()).await;
        let union = Union::found_with(program.service()).await;
        let unit = union.unit("unit", "单位", 100).await;
        let folder = program.folder().to_str().unwrap().to_owned();
        let out = tempfile::tempdir().unwrap();
        let path = |name: &str| out.path().join(name);
        let mut then = file(&unit, "X-0").await;
        show(&folder, 1).await;

        let filing = async {
            for number in 1..20 {
                then = file(&unit, &format!("X-{number}")).await;
            }
        };
        let reading = opened("sqlite", program.folder());
        let exporting = async {
            for number in 0..5 {
                let file = path(&format!("{number}.csv"));
                let file = file.to_str().unwrap();
                let said = ["export", "claims", "--data", &folder, "--out", file];
                let said = well(huzhu(&said).await);
                assert!(said.errors.contains(" rows of claims as of "), "{}", said.errors);
            }
        };
        let ((), _, ()) = futures::join!(filing, reading, exporting);
        show(&folder, 20).await;

        let kinds: &[_] =
            if cfg!(feature = "parquet") { &["csv", "xlsx", "parquet"] } else { &["csv", "xlsx"] };
        for what in kinds {
            let file = path(&format!("claims.{what}"));
            let arguments =
                ["export", "claims", "--data", &folder, "--out", file.to_str().unwrap()];
            well(huzhu(&arguments).await);
            if let Some(said) = opened(what, &file).await {
                assert_eq!(said, r#"{"rows": 20, "asked": "116011.00"}"#);
            }
        }
        if let Some(claims) = opened("sqlite", program.folder()).await {
            assert_eq!(claims, "20");
        }

        let personal = ["export", "member_persons", "--data", &folder];
        let refused = huzhu(&personal).await;
        assert!(!refused.well && refused.errors.contains("--personal"), "{}", refused.errors);
        let said = well(huzhu(&[&personal[..], &["--personal", "--raw"]].concat()).await);
        assert_eq!(said.lines.len(), 21);
        assert!(said.errors.contains("this is personal data"), "{}", said.errors);
        assert!(
            huzhu(&["export", "claims", "--data", "nowhere"]).await.errors.contains("no views")
        );

        // The views of then, twice, while the service runs: the same bytes, and no claim too many.
        let (first, second) = (path("first"), path("second"));
        let mut digests = Vec::new();
        for folder_of_then in [&first, &second] {
            let to = folder_of_then.to_str().unwrap();
            let position = ["views", "at", "--data", &folder, "--position", &then, "--out", to];
            digests.push(well(huzhu(&position).await).lines[1].clone());
        }
        assert_eq!(digests[0], digests[1]);
        file(&unit, "X-20").await;
        let read = |folder: &Path| std::fs::read(folder.join("views.db")).unwrap();
        assert!(read(&first) == read(&second), "the files differ");
        show(first.to_str().unwrap(), 20).await;
        let again = ["views", "at", "--data", &folder, "--position", "1", "--out"];
        let again = huzhu(&[&again[..], &[first.to_str().unwrap()]].concat()).await;
        assert!(again.errors.contains("is not an empty folder"), "{}", again.errors);
        let never = ["views", "at", "--data", &folder, "--recorded-at", "2001-01-01T00:00:00Z"];
        let never = huzhu(&[&never[..], &["--out", path("x").to_str().unwrap()]].concat()).await;
        assert!(never.errors.contains("had no event then"), "{}", never.errors);
        assert!(!path("x").exists());
    });
}
