//! A real Apache Kafka: one KRaft node in a directory of its own, on ports of its own.
//!
//! It has a PLAINTEXT listener and a SASL_SSL one (SCRAM-SHA-256, SCRAM-SHA-512, PLAIN), with a certificate authority
//! made for this broker alone. Ports and data stay the same over [`Kafka::stop`], [`Kafka::kill`] and
//! [`Kafka::start_again`]. Dropping it ends the process and removes the data.

mod connection;
pub mod environment;
mod installation;
mod properties;
mod readiness;
mod security;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tempfile::TempDir;

pub use connection::{Connection, Mechanism, Sasl};
pub use installation::VERSION;
pub use security::authority_pem;

use crate::ports;
use crate::process::Process;
use installation::Installation;
use properties::Node;
use security::Security;

/// For the start of a broker on a machine with two busy cores; it takes about 4 s on an idle one.
const START: Duration = Duration::from_secs(120);
/// For a broker that was asked to stop.
const STOP: Duration = Duration::from_secs(60);
/// For a Java that ends before optimised code would pay.
const COMPILE_FAST: &[&str] = &["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
const NOT_STARTED: &str = "Kafka did not start";
/// Starts with fresh ports, in case another process takes one between our look and Kafka's bind.
const STARTS: u32 = 3;

/// What may be chosen for a broker before it starts.
#[derive(Debug, Default)]
pub struct Setup {
    properties: Vec<(String, String)>,
    port: Option<u16>,
    short_lived: bool,
    cancelled: Arc<AtomicBool>,
}

/// A broker of one's own, running or stopped.
#[derive(Debug)]
pub struct Kafka {
    installation: Installation,
    node: Node,
    security: Security,
    short_lived: bool,
    cancelled: Arc<AtomicBool>,
    // Before the directory: fields drop in order, and the broker must not write into a removed one.
    process: Option<Process>,
    directory: TempDir,
}

impl Setup {
    /// Adds a line to `server.properties`, or replaces the harness's own.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Setup {
        self.properties.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes this port for the PLAINTEXT listener if it is free.
    #[must_use]
    pub fn prefer_port(mut self, port: u16) -> Setup {
        self.port = Some(port);
        self
    }

    /// Says that the broker lives for one test: its code is compiled fast instead of well, which saves seconds.
    #[must_use]
    pub fn short_lived(mut self) -> Setup {
        self.short_lived = true;
        self
    }

    /// Gives up starting soon after `flag` was set.
    #[must_use]
    pub fn cancelled_by(mut self, flag: Arc<AtomicBool>) -> Setup {
        self.cancelled = flag;
        self
    }

    /// Starts the broker and waits until both listeners answer.
    ///
    /// # Errors
    /// When Java or Kafka's files are missing (the message says how to get them), or when Kafka does not come up: the
    /// message names its log, which is kept, and holds the end of it.
    pub fn start(self) -> Result<Kafka> {
        let installation = Installation::find()?;
        let mut start = 1;
        loop {
            let mut kafka = self.prepare(installation.clone())?;
            let Err(error) = kafka.launch() else {
                return Ok(kafka);
            };
            if start < STARTS && kafka.lost_a_port() {
                start += 1;
                continue;
            }
            return Err(kafka.keep_log(NOT_STARTED, error));
        }
    }

    /// Directory, ports, certificates and formatted storage of a broker that has not run yet.
    fn prepare(&self, installation: Installation) -> Result<Kafka> {
        let directory =
            tempfile::Builder::new().prefix("sandbus-kafka-").tempdir().context("make a directory for Kafka")?;
        let node = Node {
            plaintext: self.port.map_or_else(ports::free, ports::preferably),
            sasl_ssl: ports::free(),
            controller: ports::free(),
        };
        let security = Security::generate(directory.path())?;
        let properties = properties::server(&node, directory.path(), &security, &self.properties);
        let mut kafka = Kafka {
            installation,
            node,
            security,
            short_lived: self.short_lived,
            cancelled: Arc::clone(&self.cancelled),
            process: None,
            directory,
        };
        fs::write(kafka.properties_file(), properties).context("write server.properties")?;
        if let Err(error) = kafka.format() {
            return Err(kafka.keep_log(NOT_STARTED, error));
        }
        Ok(kafka)
    }
}

impl Kafka {
    /// What may be chosen before the start.
    #[must_use]
    pub fn setup() -> Setup {
        Setup::default()
    }

    /// Starts a broker of one's own, for one test, with nothing else chosen.
    ///
    /// # Panics
    /// When [`Setup::start`] fails.
    #[must_use]
    #[track_caller]
    pub fn start() -> Kafka {
        Kafka::setup().short_lived().start().unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Where the PLAINTEXT listener is, the same for as long as this value lives.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection::plaintext(&format!("127.0.0.1:{}", self.node.plaintext))
    }

    /// Where the SASL_SSL listener is, and what it asks for.
    #[must_use]
    pub fn sasl(&self) -> Sasl {
        Sasl {
            bootstrap: format!("localhost:{}", self.node.sasl_ssl),
            user: security::USER.to_owned(),
            password: self.security.password.clone(),
            authority: self.security.authority.clone(),
        }
    }

    /// The process id of the running broker.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Stops the broker in order (`SIGTERM`) and waits for its end. Ports and data stay.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("Kafka runs");
        if let Err(message) = process.terminate(STOP) {
            panic!("{message}\n{}", self.log_tail());
        }
    }

    /// Ends the broker as a crash would (`SIGKILL`). Ports and data stay.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn kill(&mut self) {
        self.process.take().expect("Kafka runs").kill();
    }

    /// Starts a stopped broker on the same ports and data, and waits until it answers.
    ///
    /// # Panics
    /// When it runs already or does not come up.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "Kafka runs already");
        if let Err(error) = self.launch() {
            panic!("{:#}", self.keep_log(NOT_STARTED, error));
        }
    }

    /// Why the broker has ended by itself, if it has: the message names its log, which is kept, and holds the end of it.
    /// It is given once.
    pub fn failure(&mut self) -> Option<anyhow::Error> {
        let status = self.process.as_mut()?.ended()?;
        self.process = None;
        Some(self.keep_log("Kafka ended by itself", anyhow!("{status}")))
    }

    /// The broker's log, standard output and error of all its starts together.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.directory.path().join("kafka.log")
    }

    fn properties_file(&self) -> PathBuf {
        self.directory.path().join("server.properties")
    }

    fn spawn(&self, java: &[&str], class: &str, arguments: &[&str]) -> Result<Process> {
        let directory = self.directory.path();
        let arguments = [java, &[class], arguments].concat();
        self.installation.run(class, directory, &self.log_file(), &arguments)
    }

    fn format(&mut self) -> Result<()> {
        let id = properties::cluster_id();
        let file = self.properties_file();
        let credentials = self.security.scram_arguments();
        let mut arguments = vec!["format", "--standalone", "-t", &id, "-c", text(&file)?];
        for credential in &credentials {
            arguments.extend(["--add-scram", credential]);
        }
        let mut process = self.spawn(COMPILE_FAST, "kafka.tools.StorageTool", &arguments)?;
        let status = process.wait(START).map_err(|message| anyhow!(message))?;
        ensure!(status.success(), "formatting Kafka's storage ended with {status}");
        Ok(())
    }

    fn launch(&mut self) -> Result<()> {
        let file = self.properties_file();
        let java = if self.short_lived { COMPILE_FAST } else { &[] };
        let mut process = self.spawn(java, "kafka.Kafka", &[text(&file)?])?;
        let listeners = [self.connection(), self.sasl().connection(Mechanism::ScramSha256)];
        readiness::wait(&mut process, &listeners, START, &self.cancelled)?;
        self.process = Some(process);
        Ok(())
    }

    fn lost_a_port(&self) -> bool {
        fs::read_to_string(self.log_file()).is_ok_and(|log| log.contains("Address already in use"))
    }

    fn log_tail(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// `what` and `error` with the end of the log, which outlives this broker. Without a log, or when nobody waits for
    /// the broker any more, nothing is kept.
    fn keep_log(&mut self, what: &'static str, error: anyhow::Error) -> anyhow::Error {
        let tail = self.log_tail();
        if tail.is_empty() || self.cancelled.load(Ordering::Relaxed) {
            return error.context(what);
        }
        self.directory.disable_cleanup(true);
        let log = self.log_file();
        anyhow!("{what}: {error:#}\nIts log is {}, and ends with:\n{tail}", log.display())
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("the path {} is not UTF-8", path.display()))
}
