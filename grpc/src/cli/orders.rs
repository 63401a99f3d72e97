//! What an operator asks of those who keep the views, and how far the views are.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use huzhu_projections::database::Place;
use huzhu_projections::edition::{Edition, editions};
use huzhu_projections::orders::{DONE, Wish, answer, ask};

use super::Failure;
use crate::clock::Clock;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the views are.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// The data folder.
    #[arg(long, default_value = "data", env = "HUZHU_DATA")]
    pub(super) data: PathBuf,
    /// The PostgreSQL database of the views, if they are not in the data folder.
    #[arg(long, value_name = "URL", env = "HUZHU_VIEWS", hide_env_values = true)]
    pub(super) views: Option<String>,
}

impl Where {
    pub(super) fn place(&self) -> Result<Place, Failure> {
        Place::of(&self.data, self.views.as_deref()).map_err(Failure::of)
    }
}

/// Asks for `wish`, and says what came of it.
pub(super) fn order(at: &Where, view: &str, wish: &Wish) -> Result<(), Failure> {
    if let Wish::Skip { reason, .. } = wish
        && reason.trim().is_empty()
    {
        return Err(Failure("an event is left out for a reason: say it with --reason".into()));
    }
    let place = at.place()?;
    let by = std::env::var("USER").unwrap_or_else(|_| "unknown".into());
    let number = ask(&place, view, wish, &by, Clock::system().now()).map_err(Failure::of)?;
    match answer(&place, number, PATIENCE).map_err(Failure::of)? {
        Some(answer) if answer == DONE => {
            say!("{DONE}: order {number} of the table view_orders");
            Ok(())
        }
        Some(why) => Err(Failure(why)),
        None => Err(Failure(format!(
            "nobody answered order {number} yet: it is carried out as soon as a service keeps \
             the views"
        ))),
    }
}

/// Says how far every edition of every view is, and why one stands still.
pub(super) fn status(at: &Where) -> Result<(), Failure> {
    let mut reader = at.place()?.open_to_read().map_err(Failure::of)?;
    let editions = editions(reader.as_mut()).map_err(Failure::of)?;
    let furthest = editions.iter().map(|edition| edition.checkpoint.offset).max().unwrap_or(0);
    for edition in &editions {
        let Edition { number, role, checkpoint: view, .. } = edition;
        let share = view.offset.saturating_mul(100).checked_div(furthest).unwrap_or(100);
        let state = match &view.failure {
            Some(failure) => format!(
                "stands still since {} at event {} ({} {} of {}): {}",
                failure.since,
                failure.offset,
                failure.event,
                failure.revision,
                failure.stream,
                failure.why
            ),
            None => format!("{share} % of the furthest"),
        };
        let of = view.recorded_at.map_or_else(String::new, |at| format!(" of {at}"));
        say!(
            "{:<16} edition {number:<3} {:<9} version {:<3} at event {}{of}: {state}",
            view.projection,
            role.to_string(),
            view.version,
            view.offset
        );
    }
    Ok(())
}
