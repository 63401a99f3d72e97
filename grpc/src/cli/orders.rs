//! What an operator asks of those who keep the views, and how far the views are.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use huzhu_projections::database::Place;
use huzhu_projections::edition::{Edition, Role, editions};
use huzhu_projections::orders::{DONE, Wish, answer, ask};

use super::Failure;
use crate::clock::Clock;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long an edition that is being built is watched to tell how fast it grows.
const WATCHED: Duration = Duration::from_secs(1);

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

/// Says how far every edition of every view is, when one that is being built will be there, and why
/// one stands still.
pub(super) fn status(at: &Where) -> Result<(), Failure> {
    let mut reader = at.place()?.open_to_read().map_err(Failure::of)?;
    let before = editions(reader.as_mut()).map_err(Failure::of)?;
    let after = if before.iter().any(grows) {
        std::thread::sleep(WATCHED);
        editions(reader.as_mut()).map_err(Failure::of)?
    } else {
        before.clone()
    };
    let furthest = after.iter().map(|edition| edition.checkpoint.offset).max().unwrap_or(0);
    for edition in &after {
        let Edition { number, role, checkpoint: view, .. } = edition;
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
            None => progress(edition, &before, furthest),
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

/// Whether an edition is on its way to serve.
fn grows(edition: &Edition) -> bool {
    edition.role == Role::Building && edition.checkpoint.failure.is_none()
}

/// How far an edition is beside the furthest, and when it will be there, from what it took in since
/// `before`.
fn progress(edition: &Edition, before: &[Edition], furthest: u64) -> String {
    let view = &edition.checkpoint;
    let share = view.offset.saturating_mul(100).checked_div(furthest).unwrap_or(100);
    let mut told = format!("{share} % of the furthest");
    let same = |earlier: &&Edition| {
        earlier.number == edition.number && earlier.checkpoint.projection == view.projection
    };
    if grows(edition)
        && let Some(earlier) = before.iter().find(same)
    {
        let rate = view.offset.saturating_sub(earlier.checkpoint.offset);
        let left = furthest.saturating_sub(view.offset);
        told.push_str(&match left.div_ceil(rate.max(1)) {
            _ if rate == 0 => format!(", {left} events left, none in the last second"),
            seconds => format!(", {rate} events a second, about {} left", spelled(seconds)),
        });
    }
    told
}

/// Seconds as people say them.
fn spelled(seconds: u64) -> String {
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use huzhu_projections::checkpoint::Checkpoint;
    use huzhu_store::port::StoreId;
    use uuid::Uuid;

    use super::*;

    fn claims(number: u32, role: Role, offset: u64) -> Edition {
        let checkpoint = Checkpoint {
            projection: "claims".into(),
            version: 1,
            store: StoreId(Uuid::nil()),
            offset,
            recorded_at: None,
            failure: None,
        };
        let (shape, tables, verified) = (String::new(), Vec::new(), None);
        Edition { number, role, shape, tables, checkpoint, verified }
    }

    #[test]
    fn an_edition_that_is_being_built_tells_when_it_will_be_there() {
        let before = [claims(1, Role::Serving, 900_000), claims(2, Role::Building, 100_000)];
        let told = |offset| progress(&claims(2, Role::Building, offset), &before, 1_000_000);
        assert_eq!(
            told(110_000),
            "11 % of the furthest, 10000 events a second, about 1 min 29 s left"
        );
        assert_eq!(told(999_999), "99 % of the furthest, 899999 events a second, about 1 s left");
        assert_eq!(
            told(100_000),
            "10 % of the furthest, 900000 events left, none in the last second"
        );
    }

    #[test]
    fn an_edition_that_serves_only_tells_how_far_it_is() {
        let before = [claims(1, Role::Serving, 900_000)];
        let told = progress(&claims(1, Role::Serving, 950_000), &before, 1_000_000);
        assert_eq!(told, "95 % of the furthest");
    }

    #[test]
    fn long_waits_are_told_in_hours() {
        assert_eq!([59, 60, 3_661].map(spelled), ["59 s", "1 min 0 s", "1 h 1 min"]);
    }
}
