//! `huzhu views`.

use std::io::Write;

use clap::Subcommand;
use huzhu_projections::dictionary;
use huzhu_projections::feed::EmbeddedFeed;
use huzhu_projections::orders::Wish;
use huzhu_projections::rebuild::rebuild;
use huzhu_store::embedded::EmbeddedStore;

use super::Failure;
use super::orders::{Where, order, status};
use crate::clock::Clock;

/// Look after the views.
#[derive(Debug, Subcommand)]
pub(super) enum Views {
    /// Build views from the log alone, and put them in the place of the old ones.
    ///
    /// Every view, while no service runs; or one view, by the service that runs, beside what it
    /// shows.
    Rebuild {
        /// The view; every view if absent.
        view: Option<String>,
        #[command(flatten)]
        at: Where,
    },
    /// Let a view try the event again at which it stands still.
    Retry {
        /// The view.
        view: String,
        #[command(flatten)]
        at: Where,
    },
    /// Let a view go on without the event at which it stands still, and without what the event's
    /// stream says after it. Stays on record in the table view_orders.
    Skip {
        /// The view.
        view: String,
        /// The position of the event.
        #[arg(long)]
        position: u64,
        /// Why it is left out.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: Where,
    },
    /// Let the edition of a view serve again that served before.
    Rollback {
        /// The view.
        view: String,
        #[command(flatten)]
        at: Where,
    },
    /// Build every view in a folder of its own, as it was at a place of the log. The same log gives
    /// the same bytes.
    At(super::past::At),
    /// Say how far each view is, and why one stands still.
    Status {
        #[command(flatten)]
        at: Where,
    },
    /// Print the data dictionary: every table and view, each column with its type and meaning, and
    /// which of them are personal data.
    Schema {
        /// How it is printed.
        #[arg(long, value_enum, default_value = "text")]
        format: Form,
        /// Only this table or view.
        name: Option<String>,
    },
}

/// How a dictionary is printed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Form {
    /// For a terminal.
    Text,
    /// For a document.
    Markdown,
    /// For programs.
    Json,
}

pub(super) fn run(views: &Views) -> Result<(), Failure> {
    match views {
        Views::Rebuild { view: Some(view), at } => order(at, view, &Wish::Rebuild),
        Views::Rebuild { view: None, at } => rebuild_all(at),
        Views::Retry { view, at } => order(at, view, &Wish::Retry),
        Views::Skip { view, position, reason, at } => {
            let wish = Wish::Skip { position: *position, reason: reason.clone() };
            order(at, view, &wish)
        }
        Views::Rollback { view, at } => order(at, view, &Wish::Rollback),
        Views::Status { at } => status(at),
        Views::At(asked) => super::past::run(asked),
        Views::Schema { format, name } => schema(*format, name.as_deref()),
    }
}

fn rebuild_all(at: &Where) -> Result<(), Failure> {
    let clock = Clock::system();
    let told = clock.clone();
    let store = EmbeddedStore::open(&at.data, move || told.now()).map_err(Failure::of)?;
    let mut feed = EmbeddedFeed::new(&store).map_err(Failure::of)?;
    let built = rebuild(&at.place()?, &mut feed, None, clock.now(), |progress| {
        eprint!("\r{} of {} events", progress.offset, progress.until);
        // A terminal that shows no progress is no reason to stop.
        let _ = std::io::stderr().flush();
    })
    .map_err(Failure::of)?;
    eprintln!();
    say!(
        "{} events into all views in {} ms: {} events a second",
        built.events,
        built.took.as_millis(),
        built.events_per_second()
    );
    Ok(())
}

fn schema(format: Form, name: Option<&str>) -> Result<(), Failure> {
    let mut entries = dictionary::entries();
    if let Some(name) = name {
        entries.retain(|entry| entry.name == name);
        if entries.is_empty() {
            return Err(Failure::of(format!("there is no table or view {name}")));
        }
    }
    let printed = match format {
        Form::Text => dictionary::text(&entries),
        Form::Markdown => dictionary::markdown(&entries),
        Form::Json => dictionary::json(&entries).map_err(Failure::of)?,
    };
    say!("{}", printed.trim_end());
    Ok(())
}
