//! `huzhu views at`: the views as they were.

use std::path::PathBuf;

use clap::Args;
use huzhu_projections::past::{Place, build_past};
use huzhu_store::embedded::LogReader;
use huzhu_store::port::Position;
use jiff::Timestamp;

use super::Failure;
use super::progress::Progress;
use crate::clock::Clock;

/// Which moment, and where its views go.
#[derive(Debug, Args)]
pub(super) struct At {
    #[command(flatten)]
    place: Named,
    /// The folder, which is empty or not there; `huzhu export --data DIR` reads it.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Show progress even where nobody watches.
    #[arg(long)]
    progress: bool,
    /// The data folder with the log. The service may run.
    #[arg(long, default_value = "data", env = "HUZHU_DATA")]
    data: PathBuf,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Named {
    /// The last event to be shown: a position as receipts and exports tell it, or its number
    /// alone.
    #[arg(long, value_parser = position)]
    position: Option<Place>,
    /// The last event that the log took at this time or before, such as
    /// 2014-12-31T23:59:59.999999+08:00.
    #[arg(long, value_name = "TIME")]
    recorded_at: Option<Timestamp>,
}

fn position(text: &str) -> Result<Place, String> {
    let number = text.parse().map(Place::Offset).ok();
    let place = number.or_else(|| text.parse::<Position>().map(Place::Position).ok());
    place.ok_or_else(|| "a number, or a position such as 5f0c…@1234".to_owned())
}

pub(super) fn run(asked: &At) -> Result<(), Failure> {
    let Named { position, recorded_at } = asked.place;
    let place = position.or_else(|| recorded_at.map(Place::RecordedBy));
    let place = place.ok_or_else(|| Failure("say --position or --recorded-at".into()))?;
    let reader = LogReader::open(&asked.data)
        .map_err(|why| Failure(format!("the log in {}: {why}", asked.data.display())))?;
    let mut progress = Progress::new("events", asked.progress);
    let now = Clock::system().now();
    let past = build_past(&asked.out, reader, place, now, |at| progress.tell(at.offset, at.until));
    progress.end();
    let past = past.map_err(Failure::of)?;
    say!(
        "{} events into {} as of {}, recorded {:.6}",
        past.events,
        asked.out.display(),
        past.position,
        past.recorded_at
    );
    say!("views.db {}", past.sha256);
    Ok(())
}
