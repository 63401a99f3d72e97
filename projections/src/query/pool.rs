//! Connections that only read: few, opened when needed, used on threads that may block.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::QueryError;
use crate::rows::DatabaseError;
use crate::sqlite::open_to_read;

pub(super) struct Pool {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    turns: Arc<Semaphore>,
}

impl Pool {
    pub(super) fn new(path: PathBuf, readers: usize) -> Self {
        Self { path, idle: Arc::default(), turns: Arc::new(Semaphore::new(readers.max(1))) }
    }

    /// Runs `read` in a transaction of its own; interrupts it at `deadline`.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        read: impl FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let turn = timeout_at(deadline, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(QueryError::Deadline) };
        let idle = Arc::clone(&self.idle);
        let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let path = self.path.clone();
        let (begun, interrupt) = oneshot::channel();
        let reading = spawn_blocking(move || {
            let _turn = turn;
            let connection = taken.map_or_else(|| open_to_read(&path), Ok)?;
            // Nobody listens any more if the deadline has passed; then the answer is not wanted.
            let _ = begun.send(connection.get_interrupt_handle());
            let value = within(&connection, read);
            if value.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            value
        });
        tokio::pin!(reading);
        if let Ok(ended) = timeout_at(deadline, &mut reading).await {
            return ended.map_err(|_| QueryError::Deadline)?.map_err(QueryError::Database);
        }
        if let Ok(interrupt) = interrupt.await {
            interrupt.interrupt();
        }
        Err(QueryError::Deadline)
    }
}

fn within<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
) -> Result<T, DatabaseError> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let value = read(connection);
    connection.prepare_cached("COMMIT")?.execute([])?;
    value
}
