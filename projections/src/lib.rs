//! What the events add up to: views over the log, kept in tables.
//!
//! [`projection`] is what a view is; [`views`] are the views there are; [`worker`] keeps them
//! beside the log; [`rebuild`] makes them anew from the log alone; [`query`] reads them;
//! [`export`] writes them as files, [`past`] builds them as they were.
//! [`catalogue`] is what SQL may read of them, [`snapshot`] one moment of it.

#[cfg(feature = "arrow")]
pub mod arrow;
pub mod catalogue;
pub mod checkpoint;
pub mod database;
pub mod dictionary;
pub mod dump;
pub mod edition;
pub mod export;
pub mod feed;
pub mod files;
pub mod keeper;
pub mod orders;
pub mod past;
pub mod postgres;
pub mod projection;
pub mod query;
pub mod rebuild;
pub mod record;
pub mod rows;
pub mod snapshot;
pub mod sqlite;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod value;
pub mod verify;
pub mod views;
pub mod worker;
