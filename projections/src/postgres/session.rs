//! A connection to a server, and the statements that it has prepared.

use std::collections::HashMap;
use std::fmt::{self, Write};
use std::time::Duration;

use postgres::config::Host;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator;
use postgres::{CancelToken, Client, Config, NoTls, Statement};

use super::cells::{Cell, values};
use crate::database::Interrupt;
use crate::rows::DatabaseError;
use crate::value::{Kind, Value};

/// How many statements a connection keeps prepared.
const PREPARED_MAX: usize = 512;

/// Where a server is, and who asks.
#[derive(Clone)]
pub struct Server(Config);

impl Server {
    /// Takes a URL apart, such as `postgres://huzhu@127.0.0.1/huzhu`.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when it is none. The password is never quoted.
    pub fn parse(url: &str) -> Result<Self, DatabaseError> {
        let mut config: Config = url.parse().map_err(|why: postgres::Error| {
            DatabaseError::Refused(format!("not the URL of a PostgreSQL database: {why}"))
        })?;
        if config.get_application_name().is_none() {
            config.application_name("huzhu");
        }
        // A server that is gone without a word is noticed within ten seconds.
        config.connect_timeout(Duration::from_secs(5));
        config.tcp_user_timeout(Duration::from_secs(8));
        config.keepalives_idle(Duration::from_secs(3));
        config.keepalives_interval(Duration::from_secs(2));
        config.keepalives_retries(2);
        Ok(Self(config))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.get_hosts().first().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        write!(f, "PostgreSQL database {} on {host}", self.0.get_dbname().unwrap_or("of the user"))
    }
}

/// A connection. Dropping it blocks, which a task must not.
pub(super) struct Session {
    pub(super) client: Client,
    statements: HashMap<String, Statement>,
}

impl Session {
    pub(super) fn open(server: &Server) -> Result<Self, DatabaseError> {
        let mut client = server.0.connect(NoTls)?;
        // So that a client who is gone without a word lets go of its locks within ten seconds. To
        // compile a statement (jit) takes half a second, more than any of ours runs.
        client.batch_execute(
            "SET TimeZone = 'UTC'; SET client_min_messages = warning; SET jit = off;
             SET tcp_keepalives_idle = 3; SET tcp_keepalives_interval = 2;
             SET tcp_keepalives_count = 2; SET tcp_user_timeout = 8000",
        )?;
        Ok(Self { client, statements: HashMap::new() })
    }

    pub(super) fn prepare(&mut self, sql: &str) -> Result<Statement, DatabaseError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        if self.statements.len() >= PREPARED_MAX {
            self.statements.clear();
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Forgets statements whose answers may look different now.
    pub(super) fn forget(&mut self) {
        self.statements.clear();
    }

    pub(super) fn interrupter(&self) -> Interrupter {
        Interrupter(self.client.cancel_token())
    }

    pub(super) fn select(
        &mut self,
        sql: &str,
        with: &[Value],
        kinds: &[Kind],
        each: &mut dyn FnMut(Vec<Value>) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let statement = self.prepare(&numbered(sql))?;
        let mut rows = self.client.query_raw(&statement, with.iter().map(Cell))?;
        while let Some(row) = rows.next()? {
            each(values(&row, kinds)?)?;
        }
        Ok(())
    }

    pub(super) fn columns(&mut self, sql: &str) -> Result<Vec<String>, DatabaseError> {
        let statement = self.prepare(&numbered(sql))?;
        Ok(statement.columns().iter().map(|column| column.name().to_owned()).collect())
    }
}

pub(super) struct Interrupter(CancelToken);

impl Interrupt for Interrupter {
    fn interrupt(&self) {
        // A server that does not listen gives up at the deadline of its connection.
        let _ = self.0.cancel_query(NoTls);
    }
}

/// A statement with `$1` where it says `?1`, or `$1`, `$2` where it says `?`.
pub(super) fn numbered(sql: &str) -> String {
    let mut numbered = String::with_capacity(sql.len().saturating_add(8));
    let mut parts = sql.split('\'');
    let (mut place, mut quoted) = (0_usize, false);
    let mut next = parts.next();
    while let Some(part) = next {
        if quoted {
            numbered.push_str(part);
        } else {
            let mut letters = part.chars().peekable();
            while let Some(letter) = letters.next() {
                if letter != '?' {
                    numbered.push(letter);
                    continue;
                }
                numbered.push('$');
                if !letters.peek().is_some_and(char::is_ascii_digit) {
                    place = place.saturating_add(1);
                    // Writing to a String cannot fail.
                    let _ = write!(numbered, "{place}");
                }
            }
        }
        next = parts.next();
        if next.is_some() {
            numbered.push('\'');
            quoted = !quoted;
        }
    }
    numbered
}

impl From<postgres::Error> for DatabaseError {
    fn from(error: postgres::Error) -> Self {
        // What the server says in detail may quote a row, and a row may be about a person.
        match error.as_db_error() {
            // Which names no row, only what stands on what.
            Some(said) if *said.code() == SqlState::DEPENDENT_OBJECTS_STILL_EXIST => {
                let which = said.detail().unwrap_or_default().replace('\n', "; ");
                Self::Depended(format!("{}: {which}", said.message()))
            }
            Some(said) => Self::Refused(format!("{} ({})", said.message(), said.code().code())),
            None => Self::Refused(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_numbered_outside_quotes() {
        assert_eq!(numbered("a = ? AND b = '?' AND c = ?"), "a = $1 AND b = '?' AND c = $2");
        assert_eq!(numbered("a = ?2 OR b = ?1"), "a = $2 OR b = $1");
        assert_eq!(numbered("SELECT 'it''s ?', ?"), "SELECT 'it''s ?', $1");
    }

    #[test]
    fn a_server_is_named_without_its_password() {
        let server = Server::parse("postgres://huzhu:secret@db.example/views").unwrap();
        assert_eq!(server.to_string(), "PostgreSQL database views on db.example");
        let refused = Server::parse("postgres://huzhu:secret@db:port/views").err().unwrap();
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
}
