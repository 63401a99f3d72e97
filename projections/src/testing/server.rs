//! A PostgreSQL server of one's own, for as long as somebody uses it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::sleep;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use tempfile::TempDir;

use crate::database::Place;

/// How long the server may take to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// Who runs it if root asks: PostgreSQL refuses to run as root.
const NOBODY: &str = "nobody";

/// A server in a folder of its own, that nobody reaches but through a socket there.
pub struct Private {
    folder: TempDir,
    process: Child,
}

/// A database of its own on such a server.
#[derive(Clone)]
pub struct Scratch {
    server: Arc<Private>,
    name: String,
}

impl Scratch {
    /// A new database, or none, loudly, where there is no PostgreSQL.
    #[must_use]
    pub fn new() -> Option<Self> {
        // Connecting blocks, which a test that is a task must not.
        std::thread::spawn(Self::make).join().unwrap()
    }

    fn make() -> Option<Self> {
        static SERVER: Mutex<Weak<Private>> = Mutex::new(Weak::new());
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mut running = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        let server = match running.upgrade() {
            Some(server) => server,
            None => match Private::start() {
                Ok(server) => Arc::new(server),
                Err(why) => {
                    // Past the test harness, which keeps what a test prints to itself.
                    let _ =
                        writeln!(std::io::stderr(), "\nSKIPPED: PostgreSQL was not tried: {why}");
                    return None;
                }
            },
        };
        *running = Arc::downgrade(&server);
        let name = format!("scratch_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut client = server.connect("postgres").unwrap();
        client.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        Some(Self { server, name })
    }

    /// As views are told of it.
    #[must_use]
    pub fn place(&self) -> Place {
        Place::of(Path::new("unused"), Some(&self.url())).unwrap()
    }

    /// As programs are told of it.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// A connection that may do anything.
    #[must_use]
    pub fn client(&self) -> Client {
        self.server.connect(&self.name).unwrap()
    }
}

impl Private {
    fn start() -> Result<Self, String> {
        let programs = programs().ok_or("Debian's postgresql is not installed")?;
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let owner = Command::new("id").arg("-u").output().map_err(|why| why.to_string())?;
        let root = owner.stdout.starts_with(b"0\n");
        if root {
            let given = Command::new("chown").arg(NOBODY).arg(folder.path()).status();
            given.map_err(|why| why.to_string())?;
        }
        let run = |program: &str| {
            let program = programs.join(program);
            let mut command = if root { Command::new("setpriv") } else { Command::new(&program) };
            if root {
                command.args(["--reuid", NOBODY, "--regid", "nogroup", "--clear-groups", "--"]);
                command.arg(&program);
            }
            command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
            command
        };
        let data = folder.path().join("data");
        // Text is sorted as in Chinese unless a column says otherwise.
        let made = run("initdb")
            .args(["--username=huzhu", "--auth=trust", "--no-sync", "--encoding=UTF8"])
            .args(["--locale-provider=icu", "--icu-locale=zh", "--locale=C", "--pgdata"])
            .arg(&data)
            .stderr(Stdio::piped())
            .output()
            .map_err(|why| why.to_string())?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned());
        }
        let log = fs::File::create(folder.path().join("log")).map_err(|why| why.to_string())?;
        let process = run("postgres")
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=64MB"])
            .arg("-k")
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .stderr(log)
            .spawn()
            .map_err(|why| why.to_string())?;
        let server = Self { folder, process };
        let began = Instant::now();
        while let Err(why) = server.connect("postgres") {
            if began.elapsed() > PATIENCE {
                return Err(why.to_string());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?user=huzhu&host={}", self.folder.path().display())
    }

    fn connect(&self, database: &str) -> Result<Client, postgres::Error> {
        Client::connect(&self.url(database), NoTls)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // Ends it without waiting for clients.
        let _ = Command::new("kill").arg("-INT").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// Where PostgreSQL's programs are: the newest version that Debian installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let programs = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    programs.filter(|folder| folder.join("initdb").exists()).max()
}
