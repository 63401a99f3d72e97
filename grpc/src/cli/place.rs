//! `--store`: where the log is.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::server::LogPlace;

/// What whoever names a cluster is told.
#[cfg(not(feature = "cluster"))]
pub(super) const WITHOUT_CLUSTERS: &str =
    "this program was built without clusters; build it with --features cluster";

/// The variable that a password may stand in.
#[cfg(feature = "cluster")]
const PASSWORD: &str = "HUZHU_STORE_PASSWORD";

/// Where the log is, as the command line says.
#[derive(Args)]
pub(super) struct At {
    /// Keep the log on a KurrentDB (EventStoreDB) cluster, or behind `huzhu eventstore`, instead
    /// of in the data folder: esdb://user@host:2113,…?tls=true. The password may stand in the
    /// address, in HUZHU_STORE_PASSWORD or in a file.
    #[arg(long, value_name = "ESDB", env = "HUZHU_STORE", hide_env_values = true)]
    store: Option<String>,
    /// A file whose first line is the password of the user that --store names.
    #[arg(long, value_name = "FILE", env = "HUZHU_STORE_PASSWORD_FILE", requires = "store")]
    store_password_file: Option<PathBuf>,
}

/// Without the address, which may hold a password.
impl std::fmt::Debug for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("At").finish_non_exhaustive()
    }
}

impl At {
    #[cfg(feature = "cluster")]
    pub(super) fn place(self) -> Result<LogPlace, Failure> {
        use huzhu_store::cluster::{Address, secret_of};

        let Some(store) = self.store else { return Ok(LogPlace::Folder) };
        let failed = |why: &dyn std::fmt::Display| Failure(format!("--store: {why}"));
        let address: Address = store.parse().map_err(|why| failed(&why))?;
        let password = match self.store_password_file {
            Some(file) => Some(secret_of(&file).map_err(|why| {
                Failure(format!("--store-password-file: {}: {why}", file.display()))
            })?),
            None => std::env::var(PASSWORD).ok(),
        };
        let address = match password {
            Some(password) => address.with_password(password).map_err(|why| failed(&why))?,
            None => address,
        };
        Ok(LogPlace::Cluster(address))
    }

    #[cfg(not(feature = "cluster"))]
    pub(super) fn place(self) -> Result<LogPlace, Failure> {
        match self.store {
            None => Ok(LogPlace::Folder),
            Some(_) => Err(Failure(WITHOUT_CLUSTERS.to_owned())),
        }
    }
}
