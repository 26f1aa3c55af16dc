//! A real Apache Kafka: one KRaft node in a directory of its own, on ports of its own.
//!
//! It has a PLAINTEXT listener and a SASL_SSL one (SCRAM-SHA-256, SCRAM-SHA-512, PLAIN), with a certificate authority
//! made for this broker alone. Ports and data stay the same over [`Kafka::stop`], [`Kafka::kill`] and
//! [`Kafka::start_again`]. Dropping it ends the process and removes the data.

mod cluster;
mod connection;
pub mod environment;
mod installation;
mod node;
mod properties;
mod readiness;
mod reassignment;
pub(crate) mod security;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow};

pub use cluster::Cluster;
pub use connection::{Connection, Mechanism, Sasl};
pub use installation::VERSION;
pub use security::authority_pem;

use crate::ports;
use crate::process::Process;
use installation::Installation;
use node::{Java, Node};
use properties::Ports;
use security::Security;

/// Of a broker's heap, in MiB.
const HEAP: u32 = 512;
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
    ports: Ports,
    security: Security,
    cancelled: Arc<AtomicBool>,
    node: Node,
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
            if start < STARTS && kafka.node.lost_a_port() {
                start += 1;
                continue;
            }
            return Err(kafka.keep_log(NOT_STARTED, error));
        }
    }

    /// Directory, ports, certificates and formatted storage of a broker that has not run yet.
    fn prepare(&self, installation: Installation) -> Result<Kafka> {
        let node = Node::new(installation, Java { heap: HEAP, short_lived: self.short_lived })?;
        let ports = Ports {
            plaintext: self.port.map_or_else(ports::free, ports::preferably),
            sasl_ssl: ports::free(),
            controller: ports::free(),
        };
        let security = Security::generate(node.directory())?;
        let properties = properties::alone(&ports, node.directory(), &security, &self.properties);
        let mut kafka = Kafka { ports, security, cancelled: Arc::clone(&self.cancelled), node };
        if let Err(error) = kafka.format(&properties) {
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
        Connection::plaintext(&format!("127.0.0.1:{}", self.ports.plaintext))
    }

    /// Where the SASL_SSL listener is, and what it asks for.
    #[must_use]
    pub fn sasl(&self) -> Sasl {
        Sasl {
            bootstrap: format!("localhost:{}", self.ports.sasl_ssl),
            user: security::USER.to_owned(),
            password: self.security.password.clone(),
            authority: self.security.authority.clone(),
        }
    }

    /// The process id of the running broker.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.node.process().map(Process::id)
    }

    /// Stops the broker in order (`SIGTERM`) and waits for its end. Ports and data stay.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    #[track_caller]
    pub fn stop(&mut self) {
        self.node.stop();
    }

    /// Ends the broker as a crash would (`SIGKILL`). Ports and data stay.
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn kill(&mut self) {
        self.node.kill();
    }

    /// Starts a stopped broker on the same ports and data, and waits until it answers.
    ///
    /// # Panics
    /// When it runs already or does not come up.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.node.process().is_none(), "Kafka runs already");
        if let Err(error) = self.launch() {
            panic!("{:#}", self.keep_log(NOT_STARTED, error));
        }
    }

    /// Why the broker has ended by itself, if it has: the message names its log, which is kept, and holds the end of it.
    /// It is given once.
    pub fn failure(&mut self) -> Option<anyhow::Error> {
        let error = self.node.failure()?;
        Some(self.keep_log("Kafka ended by itself", error))
    }

    /// The broker's log, standard output and error of all its starts together.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.node.log_file()
    }

    fn format(&self, properties: &str) -> Result<()> {
        let credentials = self.security.scram_arguments();
        let mut arguments = vec!["--standalone"];
        for credential in &credentials {
            arguments.extend(["--add-scram", credential]);
        }
        self.node.format(properties, &properties::cluster_id(), &arguments)
    }

    fn launch(&mut self) -> Result<()> {
        self.node.launch()?;
        let listeners = [self.connection(), self.sasl().connection(Mechanism::ScramSha256)];
        self.node.wait_ready(&listeners, &self.cancelled)
    }

    /// `what` and `error` with the end of the log, which outlives this broker. Without a log, or when nobody waits for
    /// the broker any more, nothing is kept.
    fn keep_log(&mut self, what: &'static str, error: anyhow::Error) -> anyhow::Error {
        let tail = self.node.log_tail();
        if tail.is_empty() || self.cancelled.load(Ordering::Relaxed) {
            return error.context(what);
        }
        self.node.keep();
        let log = self.log_file();
        anyhow!("{what}: {error:#}\nIts log is {}, and ends with:\n{tail}", log.display())
    }
}
