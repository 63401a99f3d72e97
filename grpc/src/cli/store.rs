//! `huzhu store`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use huzhu_store::copy::{self, Copied, Folder, Readable, Writable};
use huzhu_store::embedded::LogReader;
use huzhu_store::port::StoreError;

use super::{Failure, blocking};
use crate::clock::Clock;

/// Look after logs.
#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Copy a log to another store: resumable, verified event by event.
    ///
    /// Ids, revisions, order and times are kept; positions and the log's id are the target's own.
    /// A copy that was cut short, or that is older than its source, goes on where it ends. A
    /// service may go on writing the source meanwhile; nobody else may use the target.
    Copy(Copy),
}

/// From where to where.
#[derive(Args)]
pub(super) struct Copy {
    /// What is copied: a data folder, or a cluster as `serve --store` has it (esdb://…).
    #[arg(long, value_name = "DIR|ESDB")]
    from: String,
    /// A file whose first line is the password of the user that --from names.
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// What becomes a copy; a data folder is made if there is none.
    #[arg(long, value_name = "DIR|ESDB")]
    to: String,
    /// A file whose first line is the password of the user that --to names.
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
}

/// Without the addresses, which may hold passwords.
impl std::fmt::Debug for Copy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Copy").finish_non_exhaustive()
    }
}

pub(super) fn run(store: Store) -> Result<(), Failure> {
    match store {
        Store::Copy(asked) => blocking(copy(asked))?,
    }
}

async fn copy(asked: Copy) -> Result<(), Failure> {
    let mut source: Box<dyn Readable> = if is_address(&asked.from) {
        Box::new(cluster("--from", &asked.from, asked.from_password_file).await?)
    } else {
        let folder = PathBuf::from(asked.from);
        Box::new(LogReader::open(&folder).map_err(|why| failed("--from", &why))?)
    };
    let mut target: Box<dyn Writable> = if is_address(&asked.to) {
        Box::new(cluster("--to", &asked.to, asked.to_password_file).await?)
    } else {
        let folder = PathBuf::from(asked.to);
        Box::new(Folder::open(&folder).map_err(|why| failed("--to", &why))?)
    };
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

fn is_address(text: &str) -> bool {
    text.contains("://")
}

fn failed(side: &str, why: &StoreError) -> Failure {
    Failure(format!("{side}: {why}"))
}

#[cfg(feature = "cluster")]
async fn cluster(
    side: &str,
    address: &str,
    password_file: Option<PathBuf>,
) -> Result<huzhu_store::cluster::ClusterStore, Failure> {
    use huzhu_store::cluster::{Address, ClusterStore, secret_of};

    let wrong = |why: &dyn std::fmt::Display| Failure(format!("{side}: {why}"));
    let address: Address = address.parse().map_err(|why| wrong(&why))?;
    let address = match password_file {
        Some(file) => {
            let password = secret_of(&file).map_err(|why| {
                Failure(format!("{side}-password-file: {}: {why}", file.display()))
            })?;
            address.with_password(password).map_err(|why| wrong(&why))?
        }
        None => address,
    };
    let fresh = uuid::Uuid::new_v4();
    ClusterStore::open(address, fresh).await.map_err(|why| failed(side, &why))
}

#[cfg(not(feature = "cluster"))]
async fn cluster(side: &str, _: &str, _: Option<PathBuf>) -> Result<Folder, Failure> {
    Err(Failure(format!("{side}: {}", super::place::WITHOUT_CLUSTERS)))
}
