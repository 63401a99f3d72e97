//! The service as callers meet it: who may call, what is refused, how it starts and stops.

mod commands;
mod input;
mod raw;
mod rights;
mod running;

use huzhu_domain::envelope::Role;
use tempfile::TempDir;

use super::{Config, Running, start};
use crate::client::{Desk, Desks};

/// A service with a data folder of its own.
struct Service {
    running: Running,
    desks: Desks,
    // Removed when the service has stopped.
    _data: TempDir,
}

impl Service {
    async fn start() -> Self {
        Self::start_with(|config| config).await
    }

    async fn start_with(change: impl FnOnce(Config) -> Config) -> Self {
        let data = tempfile::tempdir().unwrap();
        let running = start(change(Config::new(data.path().to_owned()))).unwrap();
        let address = format!("http://{}", running.address);
        let desks = Desks::connect(address, &running.key).await.unwrap();
        Self { running, desks, _data: data }
    }

    fn desk(&self, role: Role) -> Desk {
        match role {
            Role::Handler => self.desks.handler("beiyi-01", "beiyi").unwrap(),
            Role::Operator | Role::Auditor | Role::Analyst | Role::Service => {
                self.desks.of(role, "somebody").unwrap()
            }
        }
    }

    fn operator(&self) -> Desk {
        self.desk(Role::Operator)
    }
}
