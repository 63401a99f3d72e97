//! `huzhu views`.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use huzhu_projections::database::Place;
use huzhu_projections::dictionary;
use huzhu_projections::edition::editions;
use huzhu_projections::feed::EmbeddedFeed;
use huzhu_projections::rebuild::rebuild;
use huzhu_store::embedded::EmbeddedStore;

use super::Failure;
use crate::clock::Clock;

/// Look after the views.
#[derive(Debug, Subcommand)]
pub(super) enum Views {
    /// Build every view from the log alone, and put them in the place of the old ones. The service
    /// must not run.
    Rebuild {
        /// The data folder.
        #[arg(long, default_value = "data", env = "HUZHU_DATA")]
        data: PathBuf,
    },
    /// Build every view in a folder of its own, as it was at a place of the log. The same log gives
    /// the same bytes.
    At(super::past::At),
    /// Say how far each view is, and why one stands still.
    Status {
        /// The data folder.
        #[arg(long, default_value = "data", env = "HUZHU_DATA")]
        data: PathBuf,
        /// The PostgreSQL database of the views, if they are not in the data folder.
        #[arg(long, value_name = "URL", env = "HUZHU_VIEWS", hide_env_values = true)]
        views: Option<String>,
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
        Views::Rebuild { data } => {
            let clock = Clock::system();
            let told = clock.clone();
            let store = EmbeddedStore::open(data, move || told.now()).map_err(Failure::of)?;
            let mut feed = EmbeddedFeed::new(&store).map_err(Failure::of)?;
            let built = rebuild(data, &mut feed, None, clock.now(), |progress| {
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
        Views::At(asked) => super::past::run(asked),
        Views::Status { data, views } => {
            let place = Place::of(data, views.as_deref()).map_err(Failure::of)?;
            let mut views = place.open_to_read().map_err(Failure::of)?;
            for edition in editions(views.as_mut()).map_err(Failure::of)? {
                let view = edition.checkpoint;
                let offset = view.position().map_or(0, |position| position.offset);
                let state = view.failure.map_or_else(
                    || "goes on".to_owned(),
                    |failure| format!("stands still: {failure:?}"),
                );
                say!(
                    "{:<16} edition {:<3} {:<9} version {:<3} at {offset:<12} {state}",
                    view.projection,
                    edition.number,
                    edition.role,
                    view.version
                );
            }
            Ok(())
        }
        Views::Schema { format, name } => schema(*format, name.as_deref()),
    }
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
