//! A real OpenTelemetry Collector, built by `scripts/setup-collector.sh`, that writes what it was sent to files.
//!
//! It receives OTLP by gRPC and by HTTP. What it wrote is read back as OTLP's own JSON, one line for each request, and given out
//! as [`Span`]s, [`Series`] and [`Line`]s: the parts that a test asks for, with their attributes as text.

mod received;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

pub use received::{Attributes, Line, Series, Span};

use crate::cache::cache;
use crate::kafka::security;
use crate::process::Process;
use crate::{eventually, ports};

/// The one place that says which collector: its builder, the setup script and this harness all read it.
const PARTS: &str = include_str!("../collector/builder.yaml");

/// For a start on a busy machine.
const START: Duration = Duration::from_secs(30);

/// The version of the collector that is run.
pub static VERSION: LazyLock<&str> = LazyLock::new(|| {
    PARTS.lines().find_map(|line| line.strip_prefix("  version: ")).expect("builder.yaml names a version")
});

/// A running collector. Dropping it ends it.
#[derive(Debug)]
pub struct Collector {
    process: Process,
    directory: TempDir,
    grpc: u16,
    http: u16,
    scheme: &'static str,
}

impl Collector {
    /// Starts one on free ports, and waits until it listens.
    ///
    /// # Panics
    /// When it is not built (the message says how it is), or does not listen by the deadline.
    #[must_use]
    #[track_caller]
    pub fn start() -> Collector {
        Collector::start_on(ports::free(), ports::free())
    }

    /// The same with TLS; its authority is [`Collector::authority`].
    ///
    /// # Panics
    /// As [`Collector::start`].
    #[must_use]
    #[track_caller]
    pub fn start_with_tls() -> Collector {
        Collector::start_with(ports::free(), ports::free(), true)
    }

    /// The file of the authority that signs its certificate, if it has one.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join(security::AUTHORITY)
    }

    /// The same, on these ports, for gRPC and for HTTP.
    ///
    /// # Panics
    /// As [`Collector::start`].
    #[must_use]
    #[track_caller]
    pub fn start_on(grpc: u16, http: u16) -> Collector {
        Collector::start_with(grpc, http, false)
    }

    #[track_caller]
    fn start_with(grpc: u16, http: u16, tls: bool) -> Collector {
        let mut collector = try_start(grpc, http, tls).unwrap_or_else(|error| panic!("{error:#}"));
        eventually("the collector to listen", START, || {
            if let Some(status) = collector.process.ended() {
                panic!("the collector ended with {status}:\n{}", collector.log());
            }
            let listens = |port: u16| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            if listens(grpc) && listens(http) { Ok(()) } else { Err(collector.log()) }
        });
        collector
    }

    /// Where it receives by gRPC.
    #[must_use]
    pub fn grpc(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.grpc)
    }

    /// Where it receives by HTTP.
    #[must_use]
    pub fn http(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.http)
    }

    /// All spans that it was sent so far.
    ///
    /// # Panics
    /// When what it wrote cannot be read.
    #[must_use]
    #[track_caller]
    pub fn spans(&self) -> Vec<Span> {
        self.requests("traces").iter().flat_map(received::spans).collect()
    }

    /// All points of all series that it was sent so far, oldest first.
    ///
    /// # Panics
    /// As [`Collector::spans`].
    #[must_use]
    #[track_caller]
    pub fn series(&self) -> Vec<Series> {
        self.requests("metrics").iter().flat_map(received::series).collect()
    }

    /// All log lines that it was sent so far.
    ///
    /// # Panics
    /// As [`Collector::spans`].
    #[must_use]
    #[track_caller]
    pub fn lines(&self) -> Vec<Line> {
        self.requests("logs").iter().flat_map(received::lines).collect()
    }

    fn requests(&self, signal: &str) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.directory.path().join(format!("{signal}.json"))).unwrap_or_default();
        // The last line may not be written whole yet.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{signal}.json: {error}: {line}"));
        whole.lines().filter(|line| !line.is_empty()).map(parse).collect()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

fn try_start(grpc: u16, http: u16, tls: bool) -> Result<Collector> {
    let directory = tempfile::Builder::new().prefix("sandbus-collector-").tempdir().context("make a directory")?;
    let config = directory.path().join("collector.yaml");
    if tls {
        security::certify(directory.path())?;
    }
    fs::write(&config, configuration(&directory, grpc, http, tls)).context("write collector.yaml")?;
    let log = File::create(directory.path().join("log")).context("make its log")?;
    let mut command = Command::new(binary()?);
    command.arg("--config").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let process = Process::spawn("the collector", command)?;
    let scheme = if tls { "https" } else { "http" };
    Ok(Collector { process, directory, grpc, http, scheme })
}

fn binary() -> Result<PathBuf> {
    let folder = cache()?.join(format!("otelcol-{}", *VERSION));
    if !folder.join(".complete").exists() {
        bail!("the collector {} is not in {}; run scripts/setup-collector.sh", *VERSION, folder.display());
    }
    Ok(folder.join("otelcol"))
}

/// One pipeline for each signal, into a file of its own; nothing is held back.
fn configuration(directory: &TempDir, grpc: u16, http: u16, tls: bool) -> String {
    let [certificate, key] = [security::CERTIFICATE, security::KEY].map(|name| directory.path().join(name));
    let tls = if tls { format!(", tls: {{ cert_file: {certificate:?}, key_file: {key:?} }}") } else { String::new() };
    let mut text = format!(
        "receivers:\n  otlp:\n    protocols:\n      grpc: {{ endpoint: \"127.0.0.1:{grpc}\"{tls} }}\n      http: {{ endpoint: \"127.0.0.1:{http}\"{tls} }}\nexporters:\n"
    );
    let signals = ["traces", "metrics", "logs"];
    for signal in signals {
        let path = directory.path().join(format!("{signal}.json"));
        text += &format!("  file/{signal}: {{ path: {path:?}, flush_interval: 50ms }}\n");
    }
    text += "service:\n  telemetry: { metrics: { level: none } }\n  pipelines:\n";
    for signal in signals {
        text += &format!("    {signal}: {{ receivers: [otlp], exporters: [file/{signal}] }}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_read_from_what_the_builder_reads() {
        assert!(super::VERSION.starts_with(|c: char| c.is_ascii_digit()), "{}", *super::VERSION);
    }
}
