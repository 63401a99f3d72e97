//! Is a view that was built what the log says? Its rows are compared with those of a fold of its
//! own: from the first event on, in other batches, into another database.

use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::checkpoint::ViewsError;
use crate::database::Reader;
use crate::dump::dump_table;
use crate::edition::physical;
use crate::feed::{Budget, Feed};
use crate::keeper::{Keeper, Make, tables};
use crate::orders::{Order, insert};
use crate::record::Table;
use crate::rows::DatabaseError;
use crate::sqlite::{Mode, Sqlite};

/// How many events are folded again at most.
pub const SAMPLE: u64 = 20_000;

/// Not the batches in which views are built.
const BATCH: Budget = Budget { events: 777, bytes: 4 * 1024 * 1024 };

/// Compares the rows of edition `number` in `views`, which are at `offset`, with those of the
/// projection that `make` makes, folded from `feed` without what is `skipped`; the first difference, if there is one.
///
/// # Errors
///
/// [`ViewsError`] when the database or the log does not answer.
pub fn differs(
    views: &mut dyn Reader,
    number: u32,
    make: &Make,
    skipped: &[Order],
    offset: u64,
    feed: &mut dyn Feed,
    runtime: &tokio::runtime::Runtime,
) -> Result<Option<String>, ViewsError> {
    let mut memory = Box::new(Sqlite::open(Path::new(":memory:"), Mode::Build)?);
    for order in skipped {
        insert(memory.as_mut(), order)?;
    }
    let mut fold = Keeper::anew(memory, make.clone(), feed.store())?;
    let mut at = 0;
    while at < offset {
        let left = usize::try_from(offset.saturating_sub(at)).unwrap_or(usize::MAX);
        let budget = Budget { events: BATCH.events.min(left), ..BATCH };
        let mut events = runtime.block_on(feed.after(at, budget))?.events;
        events.retain(|event| event.offset <= offset);
        let Some(last) = events.last().map(|event| event.offset) else { break };
        fold.take(at, &events, Timestamp::UNIX_EPOCH)?;
        at = last;
    }
    for table in tables(&mut make()) {
        let built = content(views, table, number)?;
        let folded = content(fold.database().reader(), table, 1)?;
        if built != folded {
            return Ok(Some(format!(
                "{} holds {} rows, another fold of the first {offset} events {}, and what they \
                 say differs",
                table.name, built.0, folded.0
            )));
        }
    }
    Ok(None)
}

/// How many rows a table has, and a hash of what they say.
fn content(
    views: &mut dyn Reader,
    table: &'static Table,
    number: u32,
) -> Result<(u64, Vec<u8>), DatabaseError> {
    let mut hasher = Hasher(Sha256::new());
    let rows = dump_table(views, table, &physical(table.name, number), &mut hasher)?;
    Ok((rows, hasher.0.finalize().to_vec()))
}

/// Hashes what is written.
pub(crate) struct Hasher(pub(crate) Sha256);

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
