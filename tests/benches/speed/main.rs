//! How fast it is, beside what the machine allows, in one run: durable commands through the real
//! service beside a bare echo and a bare `fdatasync`; views rebuilt; histories replayed.
//!
//! `HUZHU_BENCH_EVENTS` says how long the log is about (1,000,000), `HUZHU_BENCH_CALLS` how many
//! calls each round of a measurement makes per caller at most. An argument picks one part: `calls`,
//! with the numbers in flight to try if not all, `logs`, `node`, `views` (which says more of itself), or
//! `cluster` (with the feature of that name). A miss is told, never a failure.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a measurement reads the machine's clock, and stops where it cannot go on"
)]

mod calls;
#[cfg(feature = "cluster")]
mod cluster;
mod disk;
mod echo;
mod logs;
mod node;
mod processor;
mod report;
mod views;

use report::Report;

// As the program itself has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // What a part does in a process of its own.
    if let [_, part, folder, url @ ..] = &arguments[..] {
        let url = url.first().map(String::as_str);
        match part.as_str() {
            "--rebuild" => return logs::rebuild_here(folder.as_ref(), url),
            "--bare" => return views::bare_here(folder.as_ref(), url),
            _ => {}
        }
    }
    let mut report = Report::default();
    let chosen = |part: &str| {
        let parts = ["calls", "logs", "node", "views", "cluster"];
        arguments.iter().any(|argument| argument == part)
            || !arguments.iter().any(|argument| parts.contains(&argument.as_str()))
    };
    if chosen("calls") {
        let numbers: Vec<usize> =
            arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
        calls::measure(&mut report, &numbers);
    }
    if chosen("logs") {
        logs::measure(&mut report);
    }
    if chosen("node") {
        node::measure(&mut report);
    }
    if chosen("views") {
        views::measure(&mut report, &arguments);
    }
    #[cfg(feature = "cluster")]
    if chosen("cluster") {
        cluster::measure(&mut report);
    }
    report.print();
    report.write();
}

/// A number from the environment.
fn asked(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}
