//! One moment of the views, in which any number of selects are read side by side.
//!
//! Whoever joins tables has to see them all as of one moment. Each select has a connection and a
//! thread of its own, whatever the database; all connections are at the same checkpoints, and the
//! same checkpoints mean the same rows. A select goes on as far as it is asked to, so that nothing
//! is read ahead of whoever wants it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use crate::checkpoint::Checkpoint;
use crate::database::{Interrupt, Place, Reader};
use crate::query::{Freshness, QueryError, freshness};
use crate::rows::DatabaseError;
use crate::value::{Kind, Value};

/// How many selects a snapshot may have at a time.
pub const SELECTS_MAX: usize = 16;

/// Takes rows.
pub trait Fill: Send + 'static {
    /// Takes a row, its values in the order in which the select names them.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when they are not what such rows hold.
    fn take(&mut self, row: Vec<Value>) -> Result<(), DatabaseError>;
}

/// A select, with the values at its `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// The SQL.
    pub sql: String,
    /// The values.
    pub values: Vec<Value>,
    /// What its columns hold.
    pub kinds: Arc<[Kind]>,
}

/// Connections that see one moment and are not reading.
type Idle = Arc<Mutex<Vec<Box<dyn Reader>>>>;

/// Connections that see one moment, for so many selects at a time.
pub struct Snapshot {
    idle: Idle,
    checkpoints: Vec<Checkpoint>,
}

/// A select that is being read; it is given up when this is dropped.
pub struct Reading<F> {
    wishes: mpsc::Sender<Wish<F>>,
    ended: Arc<AtomicBool>,
    interrupt: Option<Box<dyn Interrupt>>,
}

/// Rows that somebody waits for.
struct Wish<F> {
    into: F,
    rows: usize,
    done: oneshot::Sender<Result<(F, bool), DatabaseError>>,
}

impl Snapshot {
    /// Opens connections for so many selects, at least one, all of one moment.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; [`QueryError::Deadline`] if the views never stood still until then.
    pub async fn open(place: Place, selects: usize, deadline: Instant) -> Result<Self, QueryError> {
        if selects > SELECTS_MAX {
            let why = format!("more than {SELECTS_MAX} tables are read at once");
            return Err(DatabaseError::Refused(why).into());
        }
        let given_up = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&given_up);
        let opening = spawn_blocking(move || {
            let readers = (0..selects.max(1)).map(|_| place.open_to_read());
            let mut readers = readers.collect::<Result<Vec<_>, _>>()?;
            while !over.load(Ordering::Relaxed) {
                if let Some(checkpoints) = begin(&mut readers)? {
                    return Ok(Some(Self { idle: Arc::new(Mutex::new(readers)), checkpoints }));
                }
            }
            Ok(None)
        });
        let opened = timeout_at(deadline, opening).await;
        given_up.store(true, Ordering::Relaxed);
        match opened {
            Ok(Ok(Ok(Some(snapshot)))) => Ok(snapshot),
            Ok(Ok(Err(why))) => Err(QueryError::Database(why)),
            Ok(Ok(Ok(None)) | Err(_)) | Err(_) => Err(QueryError::Deadline),
        }
    }

    /// What all of the projections `names` reflect in it; what all projections do if none is named.
    #[must_use]
    pub fn freshness(&self, names: &[&str]) -> Freshness {
        let all: Vec<_> = self.checkpoints.iter().map(|view| view.projection.as_str()).collect();
        freshness(&self.checkpoints, if names.is_empty() { &all } else { names })
    }

    /// Begins to read `select`; nothing is done before the first rows are asked for.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when it is one more at a time than the snapshot was opened for.
    pub fn read<F: Fill>(&self, select: Select) -> Result<Reading<F>, DatabaseError> {
        let reader = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let reader = reader.ok_or_else(|| {
            DatabaseError::Refused("more tables are read at once than was foreseen".to_owned())
        })?;
        let interrupt = Some(reader.interrupter());
        let (wishes, waiting) = mpsc::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let (end, idle) = (Arc::clone(&ended), Arc::clone(&self.idle));
        thread::Builder::new()
            .name("huzhu-select".to_owned())
            .spawn(move || {
                serve(reader, &select, &waiting, &idle);
                end.store(true, Ordering::Relaxed);
            })
            .map_err(|why| DatabaseError::Refused(why.to_string()))?;
        Ok(Reading { wishes, ended, interrupt })
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let readers =
            std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        if !readers.is_empty() {
            // Taking leave of a server blocks, which a task must not.
            thread::spawn(move || drop(readers));
        }
    }
}

/// Begins a transaction with each reader; the checkpoints, if all are at the same ones.
fn begin(readers: &mut [Box<dyn Reader>]) -> Result<Option<Vec<Checkpoint>>, DatabaseError> {
    let begun = readers.iter_mut().map(|reader| reader.begin_reading());
    let mut begun = begun.collect::<Result<Vec<_>, _>>()?.into_iter();
    let first = begun.next().unwrap_or_default();
    if begun.all(|other| other == first) {
        return Ok(Some(first));
    }
    readers.iter_mut().try_for_each(|reader| reader.end_reading())?;
    Ok(None)
}

impl<F: Fill> Reading<F> {
    /// Puts the next rows, at most `rows`, into `into`; and says whether there may be more.
    ///
    /// They are read from now on, whenever they are waited for.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn next(
        &self,
        into: F,
        rows: usize,
    ) -> impl Future<Output = Result<(F, bool), DatabaseError>> + Send + use<F> {
        let (done, doing) = oneshot::channel();
        // If nobody takes the wish, it is dropped, and whoever waits is told.
        let _ = self.wishes.send(Wish { into, rows: rows.max(1), done });
        async move { doing.await.map_err(|_| cut_off())? }
    }
}

impl<F> Drop for Reading<F> {
    fn drop(&mut self) {
        if self.ended.load(Ordering::Relaxed) {
            return;
        }
        if let Some(interrupt) = self.interrupt.take() {
            // It may block, which a task must not.
            thread::spawn(move || interrupt.interrupt());
        }
    }
}

fn cut_off() -> DatabaseError {
    DatabaseError::Refused("the reading was cut off".to_owned())
}

/// Reads a select as far as it is asked to, and to its end at most.
fn serve<F: Fill>(
    mut reader: Box<dyn Reader>,
    select: &Select,
    waiting: &mpsc::Receiver<Wish<F>>,
    idle: &Mutex<Vec<Box<dyn Reader>>>,
) {
    let Ok(first) = waiting.recv() else { return };
    let mut wish = Some(first);
    let Select { sql, values, kinds } = select;
    let read = reader.select(sql, values, kinds, &mut |row| {
        let Some(mut now) = wish.take() else { return Err(cut_off()) };
        if now.rows == 0 {
            // Whoever asked may have gone.
            let _ = now.done.send(Ok((now.into, true)));
            now = waiting.recv().map_err(|_| cut_off())?;
        }
        now.rows = now.rows.saturating_sub(1);
        let taken = now.into.take(row);
        wish = Some(now);
        taken
    });
    if read.is_ok() {
        // It still sees the same moment: whoever reads next may have it.
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
    }
    if let Some(last) = wish {
        let _ = last.done.send(read.map(|()| (last.into, false)));
    }
}

#[cfg(test)]
mod tests;
