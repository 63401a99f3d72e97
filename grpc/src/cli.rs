//! What can be asked of the program, and how it answers: results on standard output, everything
//! else on standard error, and an exit code that says whether it went well.

mod audit;
mod eventstore;
mod export;
mod import;
mod orders;
mod past;
mod place;
mod plans;
mod progress;
mod serve;
mod simulate;
mod store;
mod token;
mod views;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Huzhu (互助): the claims engine of workers' mutual-aid protection.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub struct Huzhu {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the engine over gRPC, until SIGTERM or Ctrl-C.
    Serve(serve::Serve),
    /// Serve the log of a data folder alone, by EventStoreDB's protocol, until SIGTERM or Ctrl-C.
    Eventstore(eventstore::EventStore),
    /// Play the whole main job on real cases, in process, and end.
    Demo {
        /// Keep the data in this folder, so that `serve --data` can go on with it.
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
        #[command(flatten)]
        at: place::At,
    },
    /// Fill a data folder with a made-up city, offline.
    Simulate(simulate::Simulate),
    /// Issue a bearer token from the key of a data folder.
    Token(token::Token),
    /// Check plans, try them on facts, show their schema.
    #[command(subcommand)]
    Plans(plans::Plans),
    /// Replay histories as an auditor.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Look after logs.
    #[command(subcommand)]
    Store(store::Store),
    /// Look after the views.
    #[command(subcommand)]
    Views(views::Views),
    /// Export a view as CSV, Excel workbook or Parquet.
    Export(export::Export),
    /// Take spreadsheets of union offices (.xlsx, .csv) into the running service.
    #[command(subcommand)]
    Import(import::Import),
}

/// Why the program did not do what it was asked; one line for a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(String);

impl Failure {
    fn of(why: impl std::fmt::Display) -> Self {
        Self(why.to_string())
    }
}

/// Does what was asked.
#[must_use]
pub fn run(huzhu: Huzhu) -> ExitCode {
    let done = match huzhu.command {
        Command::Serve(serve) => serve::run(serve),
        Command::Eventstore(asked) => eventstore::run(asked),
        Command::Demo { keep, at } => {
            at.place().and_then(|log| crate::demo::run(keep, log).map_err(Failure::of))
        }
        Command::Simulate(asked) => simulate::run(asked),
        Command::Token(token) => token::run(&token),
        Command::Plans(plans) => plans::run(&plans),
        Command::Audit(audit) => blocking(audit::run(audit)).and_then(|audit| audit),
        Command::Store(store) => store::run(store),
        Command::Views(views) => views::run(&views),
        Command::Export(asked) => export::run(asked),
        Command::Import(asked) => blocking(import::run(asked)).and_then(|done| done),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(why)) => {
            eprintln!("huzhu: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `future` to its end on a runtime of this thread.
fn blocking<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map(|runtime| runtime.block_on(future)).map_err(Failure::of)
}
