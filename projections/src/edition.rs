//! Editions: the same view, built more than once.
//!
//! Each edition has tables of its own, numbered like it (`claims_2`); the public names (`claims`)
//! stand for the tables of the edition that serves. A change of code or schema makes a new edition
//! beside the one that serves; both stay as they are until one transaction lets them change places.

use std::fmt;

use huzhu_store::port::StoreId;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::checkpoint::{Checkpoint, Failure};
use crate::database::{Database, Reader};
use crate::record::{Record, Table, Unfit, names, record};
use crate::rows::DatabaseError;
use crate::value::Column;
use crate::views::joined::JOINED;

/// One edition of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// Its number among the editions of the view, from 1.
    pub number: u32,
    /// What it is for.
    pub role: Role,
    /// What its tables look like.
    pub shape: String,
    /// What its tables are called in public.
    pub tables: Vec<String>,
    /// How far it is.
    pub checkpoint: Checkpoint,
    /// The offset up to which its rows were compared with those of an independent fold.
    pub verified: Option<u64>,
}

/// What an edition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The public names stand for it.
    Serving,
    /// It is on its way to serve.
    Building,
    /// It served before, and is kept for the way back.
    Retired,
}

impl Role {
    pub(crate) const ALL: [Self; 3] = [Self::Serving, Self::Building, Self::Retired];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Building => "building",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a table of an edition is called in the database.
#[must_use]
pub fn physical(table: &str, edition: u32) -> String {
    format!("{table}_{edition}")
}

/// Tells tables apart that cannot hold the same rows, or not find them in the same way.
#[must_use]
pub fn shape(tables: &[&Table]) -> String {
    let mut digest = Sha256::new();
    for table in tables {
        digest.update(format!("{} {} {:?};", table.name, table.key, table.indexes));
        for column in table.columns {
            let (name, kind) = (column.name, column.kind);
            digest.update(format!("{name} {kind:?} {};", column.nullable));
        }
    }
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

record! {
    /// How far each view is: one row for each edition of it, of which one serves.
    Line = "projections";
    key {
        /// The view.
        projection: String,
        /// The number of the edition; its tables are called like those of the view, and this.
        edition: u32,
    }
    columns {
        /// serving, building or retired.
        role: String,
        /// The version of the program's code that keeps it.
        version: u32,
        /// What its tables look like, as a digest.
        shape: String,
        /// Its tables, with commas between them.
        tables: String,
        /// Which log it reads.
        store: String,
        /// The position of the last event that it reflects; 0 before the first.
        position: u64,
        /// When the log took that event.
        recorded_at: Option<Timestamp>,
        /// The position up to which its rows were compared with those of an independent fold.
        verified: Option<u64>,
        /// The position of the event that it does not get past, if there is one.
        failed_position: Option<u64>,
        /// The stream of that event.
        failed_stream: Option<String>,
        /// The place of that event in its stream.
        failed_revision: Option<u64>,
        /// The type of that event.
        failed_event: Option<String>,
        /// Why it does not get past it.
        failed_why: Option<String>,
        /// Since when it does not.
        failed_since: Option<Timestamp>,
    }
}

/// The table of editions.
pub const TABLE: &Table = Line::TABLE;

/// Every edition of every view, by view and number.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn editions(reader: &mut dyn Reader) -> Result<Vec<Edition>, DatabaseError> {
    let kinds: Vec<_> = TABLE.columns.iter().map(|column| column.kind).collect();
    let sql = format!(
        "SELECT {} FROM {} ORDER BY projection, edition",
        names(TABLE.columns.iter()),
        TABLE.name
    );
    let mut editions = Vec::new();
    reader.select(&sql, &[], &kinds, &mut |values| {
        editions.push(edition(Line::from_values(values)?)?);
        Ok(())
    })?;
    Ok(editions)
}

/// How far the views are that serve.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn serving(reader: &mut dyn Reader) -> Result<Vec<Checkpoint>, DatabaseError> {
    let serving = editions(reader)?.into_iter().filter(|edition| edition.role == Role::Serving);
    Ok(serving.map(|edition| edition.checkpoint).collect())
}

/// Writes down what is known of an edition, within the transaction that wrote its rows. `before` is
/// the offset that it was at, none if it is new: if it is not there, somebody else writes it too.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn save(
    database: &mut dyn Database,
    edition: &Edition,
    before: Option<u64>,
) -> Result<(), DatabaseError> {
    let mut values = line(edition).values();
    let columns = TABLE.columns.iter().zip(1..);
    let sql = match before {
        None => {
            let places: Vec<_> = columns.map(|(_, n)| format!("?{n}")).collect();
            format!("INSERT INTO {} VALUES ({})", TABLE.name, places.join(", "))
        }
        Some(before) => {
            let place = TABLE.columns.len().saturating_add(1);
            values.push(before.to_value());
            let set: Vec<_> = columns
                .skip(TABLE.key)
                .map(|(column, n)| format!("{} = ?{n}", column.name))
                .collect();
            format!(
                "UPDATE {} SET {} WHERE projection = ?1 AND edition = ?2 AND position = ?{place}",
                TABLE.name,
                set.join(", ")
            )
        }
    };
    match database.execute(&sql, &values)? {
        1 => Ok(()),
        _ => Err(DatabaseError::Refused(format!(
            "the view {} is not where this process left it: another one keeps it too",
            edition.checkpoint.projection
        ))),
    }
}

/// Removes an edition: its tables, and what is known of it.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn remove(database: &mut dyn Database, edition: &Edition) -> Result<(), DatabaseError> {
    for table in &edition.tables {
        let name = physical(table, edition.number);
        database.execute(&format!("DROP TABLE IF EXISTS {name}"), &[])?;
    }
    let sql = format!("DELETE FROM {} WHERE projection = ? AND edition = ?", TABLE.name);
    let key = [edition.checkpoint.projection.to_value(), edition.number.to_value()];
    database.execute(&sql, &key).map(|_| ())
}

/// Adds the further indexes of a table, which are faster to add to a full one.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn index(
    database: &mut dyn Database,
    edition: u32,
    table: &'static Table,
) -> Result<(), DatabaseError> {
    let name = physical(table.name, edition);
    for (index, number) in table.indexes.iter().zip(1_u32..) {
        let on = match index.split_once(" WHERE ") {
            Some((columns, rows)) => format!("({columns}) WHERE {rows}"),
            None => format!("({index})"),
        };
        let sql = format!("CREATE INDEX IF NOT EXISTS {name}_by_{number} ON {name} {on}");
        database.execute(&sql, &[])?;
    }
    Ok(())
}

/// Lets the public names stand for the tables of the editions of `now` that serve; those of
/// `before` served until now. [`join`] has to follow.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn show(
    database: &mut dyn Database,
    before: &[Edition],
    now: &[Edition],
) -> Result<(), DatabaseError> {
    database.exclude()?;
    for joined in JOINED {
        database.execute(&format!("DROP VIEW IF EXISTS {}", joined.table.name), &[])?;
    }
    let serves = |edition: &&Edition| edition.role == Role::Serving;
    for table in before.iter().filter(serves).flat_map(|edition| &edition.tables) {
        database.execute(&format!("DROP VIEW IF EXISTS {table}"), &[])?;
    }
    for edition in now.iter().filter(serves) {
        for table in &edition.tables {
            database.show(table, &physical(table, edition.number))?;
        }
    }
    Ok(())
}

/// Shows the views over the tables of more than one view.
///
/// # Errors
///
/// [`DatabaseError`].
pub fn join(database: &mut dyn Database) -> Result<(), DatabaseError> {
    JOINED.iter().try_for_each(|joined| database.join(joined))
}

fn line(edition: &Edition) -> Line {
    let Edition { number, role, shape, tables, checkpoint, verified } = edition.clone();
    let Checkpoint { projection, version, store, offset, recorded_at, failure } = checkpoint;
    let failed = failure.as_ref();
    Line {
        projection,
        edition: number,
        role: role.word().to_owned(),
        version,
        shape,
        tables: tables.join(","),
        store: store.to_string(),
        position: offset,
        recorded_at,
        verified,
        failed_position: failed.map(|failure| failure.offset),
        failed_stream: failed.map(|failure| failure.stream.clone()),
        failed_revision: failed.map(|failure| failure.revision),
        failed_event: failed.map(|failure| failure.event.clone()),
        failed_why: failed.map(|failure| failure.why.clone()),
        failed_since: failed.map(|failure| failure.since),
    }
}

fn edition(line: Line) -> Result<Edition, Unfit> {
    let unfit = || Unfit { table: TABLE.name };
    let failure = match line.failed_position {
        None => None,
        Some(offset) => Some(Failure {
            offset,
            stream: line.failed_stream.ok_or_else(unfit)?,
            revision: line.failed_revision.ok_or_else(unfit)?,
            event: line.failed_event.ok_or_else(unfit)?,
            why: line.failed_why.ok_or_else(unfit)?,
            since: line.failed_since.ok_or_else(unfit)?,
        }),
    };
    Ok(Edition {
        number: line.edition,
        role: Role::ALL.into_iter().find(|role| role.word() == line.role).ok_or_else(unfit)?,
        shape: line.shape,
        tables: line.tables.split(',').map(str::to_owned).collect(),
        checkpoint: Checkpoint {
            projection: line.projection,
            version: line.version,
            store: StoreId(Uuid::try_parse(&line.store).map_err(|_| unfit())?),
            offset: line.position,
            recorded_at: line.recorded_at,
            failure,
        },
        verified: line.verified,
    })
}
