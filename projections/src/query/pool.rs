//! Connections that only read: few, opened when needed, used on threads that may block.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::QueryError;
use crate::checkpoint::Checkpoint;
use crate::database::{Interrupt, Place, Reader};
use crate::rows::DatabaseError;

pub(super) struct Pool {
    place: Place,
    idle: Arc<Mutex<Vec<Box<dyn Reader>>>>,
    turns: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(place: Place, readers: usize) -> Self {
        Self { place, idle: Arc::default(), turns: Arc::new(Semaphore::new(readers.max(1))) }
    }

    pub(super) fn place(&self) -> Place {
        self.place.clone()
    }

    /// Runs `read` in a transaction of its own; interrupts it at `deadline`.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        read: impl FnOnce(&mut dyn Reader, Vec<Checkpoint>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let turn = timeout_at(deadline, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(QueryError::Deadline) };
        let idle = Arc::clone(&self.idle);
        let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let place = self.place.clone();
        let (begun, interrupt) = oneshot::channel();
        let over = Arc::new(Mutex::new(false));
        let ended = Arc::clone(&over);
        let reading = spawn_blocking(move || {
            let _turn = turn;
            let mut reader = taken.map_or_else(|| place.open_to_read(), Ok)?;
            // Nobody listens any more: the answer is not wanted.
            if begun.send(reader.interrupter()).is_err() {
                return Err(DatabaseError::Refused("nobody waits for the answer".to_owned()));
            }
            let value = within(reader.as_mut(), read);
            // From here on the reader is somebody else's, whom no interruption must reach.
            *ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
            if value.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            }
            value
        });
        // Whoever waits may go at any time; what they asked for must not keep its turn.
        let _interrupts = Interrupts { begun: interrupt, over };
        let Ok(ended) = timeout_at(deadline, reading).await else {
            return Err(QueryError::Deadline);
        };
        ended.map_err(|_| QueryError::Deadline)?.map_err(QueryError::Database)
    }
}

/// Interrupts a read when it is dropped, if that has begun and is not over.
struct Interrupts {
    begun: oneshot::Receiver<Box<dyn Interrupt>>,
    over: Arc<Mutex<bool>>,
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        if *self.over.lock().unwrap_or_else(PoisonError::into_inner) {
            return;
        }
        let (Ok(interrupt), Ok(runtime)) = (self.begun.try_recv(), Handle::try_current()) else {
            return;
        };
        let over = Arc::clone(&self.over);
        // Interrupting may block; meanwhile the read cannot end, and its reader not change hands.
        runtime.spawn_blocking(move || {
            let over = over.lock().unwrap_or_else(PoisonError::into_inner);
            if !*over {
                interrupt.interrupt();
            }
        });
    }
}

fn within<T>(
    reader: &mut dyn Reader,
    read: impl FnOnce(&mut dyn Reader, Vec<Checkpoint>) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    let checkpoints = reader.begin_reading()?;
    let value = read(reader, checkpoints)?;
    reader.end_reading()?;
    Ok(value)
}

impl Drop for Pool {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        // Taking leave of a server blocks, which a task must not.
        thread::spawn(move || drop(idle));
    }
}
