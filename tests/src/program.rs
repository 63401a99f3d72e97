//! The real program, in a process of its own, that can be stopped and killed.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use huzhu_domain::envelope::Role;
use tempfile::TempDir;
use tonic::transport::Channel;

use crate::caller::Caller;
use crate::service::{Service, connect, scrape};

/// How long the program may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the program is, built if it was not: once for all stories of a file.
#[must_use]
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        // …/target/<profile>/deps/<story>
        let story = std::env::current_exe().unwrap();
        let profile = story.parent().and_then(Path::parent).unwrap().to_owned();
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "huzhu-grpc", "--bin", "huzhu"]);
        build.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
        build.arg("--target-dir").arg(profile.parent().unwrap());
        if cfg!(feature = "cluster") {
            build.args(["--features", "cluster"]);
        }
        if cfg!(feature = "parquet") {
            build.args(["--features", "parquet"]);
        }
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.status().unwrap();
        assert!(built.success(), "the program does not build");
        profile.join("huzhu")
    })
}

/// What the program said, and whether it went well.
#[derive(Debug)]
pub struct Said {
    /// Whether its exit code is 0.
    pub well: bool,
    /// Standard output, by line.
    pub lines: Vec<String>,
    /// Standard error.
    pub errors: String,
}

/// Runs the program to its end.
pub async fn huzhu(arguments: &[&str]) -> Said {
    let program = tokio::task::spawn_blocking(program).await.unwrap();
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(10 * PATIENCE, command.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said {
        well: output.status.success(),
        lines: text(output.stdout).lines().map(str::to_owned).collect(),
        errors: text(output.stderr),
    }
}

/// The program, serving a data folder.
pub struct Program {
    child: Option<Child>,
    address: String,
    metrics: String,
    folder: TempDir,
    /// Where its log and its views are, if not in its folder.
    store: Option<String>,
    views: Option<String>,
    log: TempDir,
}

impl Program {
    /// Serves `folder`, on free ports.
    pub async fn start_in(folder: TempDir) -> Self {
        Self::start_on(folder, None).await
    }

    /// The same, with its log elsewhere.
    pub async fn start_on(folder: TempDir, store: Option<String>) -> Self {
        Self::start_with(folder, store, None).await
    }

    /// The same, with its views elsewhere too.
    pub async fn start_with(folder: TempDir, store: Option<String>, views: Option<String>) -> Self {
        let log = tempfile::tempdir().unwrap();
        let none = String::new;
        let mut program =
            Self { child: None, address: none(), metrics: none(), folder, store, views, log };
        program.restart().await;
        program
    }

    /// Serves the same folder again, on other ports.
    pub async fn restart(&mut self) {
        let log = File::options().append(true).create(true).open(self.log_file()).unwrap();
        let mut child = Command::new(program())
            .args(["serve", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
            .args(["--backdate-days", "any", "--drain", "5", "--data"])
            .arg(self.folder.path())
            .args(self.store.iter().flat_map(|store| ["--store", store.as_str()]))
            .args(self.views.iter().flat_map(|views| ["--views", views.as_str()]))
            .env("RUST_LOG", "debug")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        self.child = Some(child);
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        let line = tokio::time::timeout(PATIENCE, line).await.unwrap().unwrap().unwrap();
        // huzhu serves on 127.0.0.1:50051; metrics on http://127.0.0.1:9464/metrics
        let (serves, metrics) =
            line.split_once("; metrics on http://").unwrap_or_else(|| panic!("{}", self.log()));
        self.address = serves.strip_prefix("huzhu serves on ").unwrap().to_owned();
        self.metrics = metrics.split('/').next().unwrap().to_owned();
    }

    /// The service, for a union.
    #[must_use]
    pub fn service(&self) -> Service {
        Service::at(&self.address, &self.metrics, self.folder.path())
    }

    /// Someone with a token.
    #[must_use]
    pub fn caller(&self, role: Role, subject: &str, organisation: Option<&str>) -> Caller {
        self.service().caller(role, subject, organisation)
    }

    /// A connection of its own.
    #[must_use]
    pub fn connect(&self) -> Channel {
        connect(&self.address)
    }

    /// Its data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where it takes calls.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What Prometheus reads.
    pub async fn metrics(&self) -> String {
        scrape(&self.metrics).await
    }

    /// What it logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap()
    }

    fn log_file(&self) -> PathBuf {
        self.log.path().join("log")
    }

    /// Asks it to stop (SIGTERM).
    pub fn terminate(&self) {
        let id = self.child.as_ref().unwrap().id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it on the spot (SIGKILL), as a power cut would.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub async fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Ended already, or ended now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
