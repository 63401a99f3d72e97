//! Views: built anew from a long log, beside a bare upsert of the same rows; how late they are behind
//! commands; how fast they answer with many claims in them. Each in both databases.
//!
//! `HUZHU_BENCH_VIEW_EVENTS` says how long the log is about (300,000; the target is set for 2,000,000),
//! `HUZHU_BENCH_VIEW_CLAIMS` how many claims are asked about (200,000; the target is set for
//! 2,000,000), `HUZHU_BENCH_FOLDER` where the log is kept for the next run, since making it takes
//! longer than all the rest. `views rebuild`, `views questions` and `views lag` measure a part.

mod bare;
mod lag;
mod questions;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use huzhu_projections::database::Place;
use huzhu_projections::rebuild::BUILD;
use huzhu_projections::testing::Scratch;

use crate::asked;
use crate::logs;
use crate::report::Report;

const PARTS: [&str; 3] = ["rebuild", "questions", "lag"];

/// A database that views are in, and what is asked of a rebuild into it.
struct Tried {
    name: &'static str,
    server: Option<Scratch>,
    events_per_second: u64,
}

impl Tried {
    /// SQLite, and PostgreSQL where it is installed.
    fn all() -> Vec<Self> {
        let sqlite = Self { name: "SQLite", server: None, events_per_second: 60_000 };
        let postgres = Scratch::new().map(|server| Self {
            name: "PostgreSQL",
            server: Some(server),
            events_per_second: 40_000,
        });
        std::iter::once(sqlite).chain(postgres).collect()
    }

    fn place(&self, folder: &Path) -> Place {
        Place::of(folder, self.server.as_ref().map(Scratch::url).as_deref()).unwrap()
    }
}

/// Measures the parts that `arguments` name, or all.
pub(crate) fn measure(report: &mut Report, arguments: &[String]) {
    let named = |part: &str| arguments.iter().any(|argument| argument == part);
    let chosen = |part: &str| named(part) || !PARTS.iter().any(|part| named(part));
    if chosen("rebuild") || chosen("questions") {
        let (folder, _temporary) = log();
        for tried in Tried::all() {
            let rate = rebuild(report, &folder, &tried);
            if chosen("rebuild") {
                write_bare(report, &folder, &tried, rate);
            }
            if chosen("questions") {
                questions::measure(report, &folder, &tried);
            }
        }
    }
    if chosen("lag") {
        for tried in Tried::all() {
            lag::measure(report, tried.name, tried.server.as_ref().map(Scratch::url));
        }
    }
}

/// The folder of a log of about as many events as are wanted.
fn log() -> (PathBuf, Option<tempfile::TempDir>) {
    let events = asked("HUZHU_BENCH_VIEW_EVENTS", 300_000);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Some(kept) = std::env::var_os("HUZHU_BENCH_FOLDER") {
        let folder = PathBuf::from(kept).join(events.to_string());
        if !folder.join("whole").exists() {
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            runtime.block_on(logs::generate(&folder, events));
            fs::write(folder.join("whole"), "").unwrap();
        }
        return (folder, None);
    }
    let temporary = tempfile::tempdir().unwrap();
    runtime.block_on(logs::generate(temporary.path(), events));
    (temporary.path().to_owned(), Some(temporary))
}

/// Builds the views; how many events a second were taken in.
fn rebuild(report: &mut Report, folder: &Path, tried: &Tried) -> u64 {
    let Tried { name, server, events_per_second: least } = tried;
    let url = server.as_ref().map(Scratch::url);
    eprintln!("building the views in {name}");
    let built = child("--rebuild", folder, url.as_deref(), 0);
    let [rate, peak_kib] = built[..] else { panic!("{built:?}") };
    let target = Some((format!("{least}/s"), rate >= *least));
    report.figure(&format!("views into {name}"), rate, "events/s", target);
    let peak = peak_kib / 1024;
    let target = Some(("under 512 MiB".into(), peak < 512));
    report.figure(&format!("views into {name}, peak memory"), peak, "MiB", target);
    rate
}

/// Writes the same rows bare, and says how a rebuild at `rate` compares.
fn write_bare(report: &mut Report, folder: &Path, tried: &Tried, rate: u64) {
    let Tried { name, server, .. } = tried;
    eprintln!("writing the same rows bare");
    for (what, folded) in [("event", 1), ("batch", BUILD.events)] {
        let scratch = server.as_ref().and_then(|_| Scratch::new());
        let written =
            child("--bare", folder, scratch.as_ref().map(Scratch::url).as_deref(), folded);
        let [bare, rows] = written[..] else { panic!("{written:?}") };
        report.figure(&format!("bare upsert of each {what}'s rows"), bare, "events/s", None);
        report.figure(&format!("bare upsert of each {what}'s rows"), rows, "rows/s", None);
        let percent = rate * 100 / bare.max(1);
        // To fold a batch before it is written is what gains on the first.
        let target = (folded == 1).then(|| ("80 %".to_owned(), percent >= 80));
        report.figure(&format!("{name} over that"), percent, "%", target);
    }
}

/// Runs a part in a process of its own, so that the peak of memory is its own.
fn child(part: &str, folder: &Path, url: Option<&str>, folded: usize) -> Vec<u64> {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .arg(part)
        .arg(folder)
        .args(url)
        .env("HUZHU_BENCH_FOLDED", folded.to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    told.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

/// What the child of [`child`] does with `--bare`.
pub(crate) fn bare_here(folder: &Path, url: Option<&str>) {
    let folded = usize::try_from(asked("HUZHU_BENCH_FOLDED", 1)).unwrap();
    let written = bare::write(folder, folded, url);
    println!("{} {}", written.events_per_second(), written.rows_per_second());
}
