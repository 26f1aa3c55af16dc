//! One node of Kafka: its directory, and its process while it runs.
//!
//! Dropping it ends the process and removes the directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tempfile::TempDir;

use super::connection::Connection;
use super::installation::Installation;
use super::readiness;
use crate::process::Process;

/// For the start of a broker on a machine with two busy cores; it takes about 4 s on an idle one.
const START: Duration = Duration::from_secs(120);
/// For a broker that was asked to stop.
const STOP: Duration = Duration::from_secs(60);
/// For a Java that ends before optimised code would pay.
const COMPILE_FAST: &[&str] = &["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/// What is asked of Java for a node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Java {
    /// Of the heap, in MiB.
    pub(super) heap: u32,
    /// Whether its code is compiled fast instead of well.
    pub(super) short_lived: bool,
}

#[derive(Debug)]
pub(super) struct Node {
    installation: Installation,
    java: Java,
    // Before the directory: fields drop in order, and the broker must not write into a removed one.
    process: Option<Process>,
    directory: TempDir,
}

impl Node {
    /// A directory without anything in it.
    pub(super) fn new(installation: Installation, java: Java) -> Result<Node> {
        let directory =
            tempfile::Builder::new().prefix("sandbus-kafka-").tempdir().context("make a directory for Kafka")?;
        Ok(Node { installation, java, process: None, directory })
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes `server.properties` and prepares the storage. `arguments` are the storage tool's, besides cluster and file.
    pub(super) fn format(&self, properties: &str, cluster: &str, arguments: &[&str]) -> Result<()> {
        let file = self.properties_file();
        fs::write(&file, properties).context("write server.properties")?;
        let own = ["format", "-t", cluster, "-c", text(&file)?];
        let mut process = self.spawn(COMPILE_FAST, "kafka.tools.StorageTool", &[&own, arguments].concat())?;
        let status = process.wait(START).map_err(|message| anyhow!(message))?;
        ensure!(status.success(), "formatting Kafka's storage ended with {status}");
        Ok(())
    }

    /// Starts the broker, without waiting for anything.
    pub(super) fn launch(&mut self) -> Result<()> {
        let file = self.properties_file();
        let java = if self.java.short_lived { COMPILE_FAST } else { &[] };
        self.process = Some(self.spawn(java, "kafka.Kafka", &[text(&file)?])?);
        Ok(())
    }

    /// Waits until every listener answers; a broker that does not is ended.
    pub(super) fn wait_ready(&mut self, listeners: &[Connection], cancelled: &AtomicBool) -> Result<()> {
        let process = self.process.as_mut().context("it was not started")?;
        let ready = readiness::wait(process, listeners, START, cancelled);
        if ready.is_err() {
            self.process = None;
        }
        ready
    }

    pub(super) fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// Sends a signal. One that does not run gets none.
    pub(super) fn signal(&mut self, signal: libc::c_int) {
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }

    /// Why it has ended by itself, if it has. It is given once.
    pub(super) fn failure(&mut self) -> Option<anyhow::Error> {
        let status = self.process.as_mut()?.ended()?;
        self.process = None;
        Some(anyhow!("{status}"))
    }

    /// `SIGTERM`, and waits.
    #[track_caller]
    pub(super) fn stop(&mut self) {
        let mut process = self.process.take().expect("Kafka runs");
        if let Err(message) = process.terminate(STOP) {
            panic!("{message}\n{}", self.log_tail());
        }
    }

    /// `SIGKILL`.
    #[track_caller]
    pub(super) fn kill(&mut self) {
        self.process.take().expect("Kafka runs").kill();
    }

    /// Standard output and error of all its starts together.
    pub(super) fn log_file(&self) -> PathBuf {
        self.directory.path().join("kafka.log")
    }

    pub(super) fn log_tail(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    pub(super) fn lost_a_port(&self) -> bool {
        fs::read_to_string(self.log_file()).is_ok_and(|log| log.contains("Address already in use"))
    }

    /// Leaves the directory behind when this is dropped.
    pub(super) fn keep(&mut self) {
        self.directory.disable_cleanup(true);
    }

    fn properties_file(&self) -> PathBuf {
        self.directory.path().join("server.properties")
    }

    fn spawn(&self, java: &[&str], class: &str, arguments: &[&str]) -> Result<Process> {
        let heap = format!("-Xmx{}m", self.java.heap);
        let arguments = [&[&*heap], java, &[class], arguments].concat();
        self.installation.run(class, self.directory(), &self.log_file(), &arguments)
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("the path {} is not UTF-8", path.display()))
}
