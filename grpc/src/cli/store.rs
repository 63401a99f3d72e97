//! `huzhu store`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use huzhu_store::copy::{self, Copied, Folder, Readable, Writable};
use huzhu_store::embedded::LogReader;

use super::{Failure, blocking};
use crate::clock::Clock;

/// Look after logs.
#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Copy a log to another store: resumable, verified event by event.
    ///
    /// Ids, revisions, order and times are kept; positions and the log's id are the target's own.
    /// A copy that was cut short, or that is older than its source, goes on where it ends. A
    /// service may go on writing the source meanwhile; nobody else may use a target folder.
    Copy(Copy),
}

#[derive(Debug, Args)]
pub(super) struct Copy {
    /// The data folder that is copied.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The data folder that becomes a copy; made if there is none.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

pub(super) fn run(store: Store) -> Result<(), Failure> {
    match store {
        Store::Copy(asked) => blocking(copy(asked))?,
    }
}

async fn copy(asked: Copy) -> Result<(), Failure> {
    let of = |side: &'static str| {
        move |why: huzhu_store::port::StoreError| Failure(format!("{side}: {why}"))
    };
    let mut source: Box<dyn Readable> =
        Box::new(LogReader::open(&asked.from).map_err(of("--from"))?);
    let mut target: Box<dyn Writable> = Box::new(Folder::open(&asked.to).map_err(of("--to"))?);
    let clock = Clock::system();
    let mut said = clock.now();
    let told = |done: &Copied| {
        let now = clock.now();
        if now.as_second() > said.as_second() {
            said = now;
            eprintln!("{} events copied, {} verified", done.copied, done.verified);
        }
    };
    let done = copy::copy(&mut *source, &mut *target, told).await.map_err(Failure::of)?;
    say!(
        "{} events were there, {} were copied, {} are verified",
        done.found,
        done.copied,
        done.verified
    );
    Ok(())
}
