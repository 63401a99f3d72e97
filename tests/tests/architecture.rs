//! What ARCHITECTURE.md promises about the code, read from the code.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// From left to right: a package may use only those before it.
const ORDER: [&str; 5] =
    ["huzhu-domain", "huzhu-store", "huzhu-projections", "huzhu-grpc", "huzhu-tests"];

const LINES_MAX: usize = 600;

#[test]
fn a_package_depends_only_on_those_to_its_left() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rank: BTreeMap<&str, usize> = ORDER.iter().enumerate().map(|(i, n)| (*n, i)).collect();

    let mut seen = BTreeSet::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        seen.insert(name.to_owned());
        for dependency in package["dependencies"].as_array().unwrap() {
            let Some(used) = rank.get(dependency["name"].as_str().unwrap()) else { continue };
            // A package may use itself in its own tests, to turn a feature on.
            assert!(
                *used < rank[name] || (dependency["kind"] == "dev" && *used == rank[name]),
                "{name} must not depend on {}",
                dependency["name"]
            );
        }
    }
    assert_eq!(seen, ORDER.iter().map(|n| (*n).to_owned()).collect());
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let section = page.split("## Invariants").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut tests = String::new();
    for file in sources() {
        tests.push_str(&fs::read_to_string(file).unwrap());
    }

    let mut numbers = BTreeSet::new();
    for row in section.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let Ok(number) = cells[1].parse::<u32>() else { continue };
        numbers.insert(number);
        let names: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "invariant {number} names no test");
        for name in names {
            assert!(tests.contains(&format!("fn {name}(")), "no test is called {name}");
        }
    }
    assert_eq!(numbers, (1..=9).collect(), "the invariants of the design");
}

#[test]
fn no_source_file_outgrows_a_reader() {
    for file in sources() {
        let path = file.to_string_lossy();
        if path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/") {
            continue;
        }
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= LINES_MAX, "{path} has {lines} lines, more than {LINES_MAX}");
    }
}

#[test]
fn the_systemd_unit_lets_the_views_stand_back() {
    let unit = fs::read_to_string(root().join("deploy/huzhu.service")).unwrap();
    let place = |line: &str| unit.lines().position(|given| given == line);
    // @resources holds setpriority; what is allowed after that is taken off again.
    let refused = place("SystemCallFilter=~@privileged @resources").unwrap();
    assert!(place("SystemCallFilter=setpriority").is_some_and(|allowed| allowed > refused));
    assert!(place("SystemCallErrorNumber=EPERM").is_some());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file of the five packages.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> =
        ["domain", "store", "projections", "grpc", "tests"].map(|name| root().join(name)).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
