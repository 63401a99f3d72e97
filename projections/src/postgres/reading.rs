//! A connection that only reads.

use super::session::{Server, Session};
use crate::checkpoint::Checkpoint;
use crate::database::{Interrupt, Reader};
use crate::edition::{Edition, Role, editions};
use crate::rows::DatabaseError;
use crate::value::{Kind, Value};

/// A connection that only reads, beside the one that writes.
pub struct Reading {
    session: Session,
    // Which editions served when statements were prepared.
    served: Vec<u32>,
}

impl Reading {
    /// Connects to `server`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub fn open(server: &Server) -> Result<Self, DatabaseError> {
        let mut session = Session::open(server)?;
        session.client.batch_execute("SET default_transaction_read_only = on")?;
        Ok(Self { session, served: Vec::new() })
    }
}

impl Reader for Reading {
    fn select(
        &mut self,
        sql: &str,
        with: &[Value],
        kinds: &[Kind],
        each: &mut dyn FnMut(Vec<Value>) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        self.session.select(sql, with, kinds, each)
    }

    fn columns(&mut self, sql: &str) -> Result<Vec<String>, DatabaseError> {
        self.session.columns(sql)
    }

    fn begin_reading(&mut self) -> Result<Vec<Checkpoint>, DatabaseError> {
        self.session.client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        let serves = |edition: &Edition| edition.role == Role::Serving;
        let serving: Vec<_> = editions(self)?.into_iter().filter(serves).collect();
        let served: Vec<_> = serving.iter().map(|edition| edition.number).collect();
        if served != self.served {
            self.session.forget();
            self.served = served;
        }
        Ok(serving.into_iter().map(|edition| edition.checkpoint).collect())
    }

    fn end_reading(&mut self) -> Result<(), DatabaseError> {
        Ok(self.session.client.batch_execute("COMMIT")?)
    }

    fn interrupter(&self) -> Box<dyn Interrupt> {
        Box::new(self.session.interrupter())
    }
}
