//! The built host as a process.
//!
//! A [`Deployment`] is a directory with a configuration and what belongs to it; it can be started again and again. A
//! [`Host`] is one run: its log in memory, its admin address, its end. Dropping it kills it. When a test fails, the end
//! of the log is printed with the failure.

mod admin;
pub mod built;
mod deployment;
mod log;
pub mod metrics;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

pub use admin::{Answer, Question};
pub use deployment::Deployment;
pub use metrics::Metrics;

use crate::eventually;
use crate::process::{Lines, Process};

/// Lines of the log that a failed test shows.
const SHOWN: usize = 60;

/// One run of `sandbus run`.
#[derive(Debug)]
pub struct Host {
    process: Process,
    stderr: Lines,
    stdout: Lines,
    admin: SocketAddr,
    directory: Arc<TempDir>,
}

impl Host {
    /// Starts the host on `deployment`, without waiting for anything.
    #[track_caller]
    fn start(deployment: &Deployment) -> Host {
        let mut command = deployment.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn("sandbus run", command).unwrap_or_else(|error| panic!("{error}"));
        Host {
            stderr: process.stderr_lines().expect("stderr is piped"),
            stdout: process.stdout_lines().expect("stdout is piped"),
            process,
            admin: deployment.admin(),
            directory: deployment.shared_directory(),
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The directory of its deployment, where its configuration and handlers are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where its admin interface listens.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// What it answers to GET `path` now.
    ///
    /// # Errors
    /// A message when there is no HTTP answer.
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        admin::get(self.admin, path, None)
    }

    /// What it answers to GET `path` with a token.
    ///
    /// # Errors
    /// A message when there is no HTTP answer.
    pub fn get_with_token(&self, path: &str, token: &str) -> Result<Answer, String> {
        admin::get(self.admin, path, Some(token))
    }

    /// A question to its admin interface, by any method.
    pub fn ask(&self, method: &str, path: &str) -> Question {
        Question::new(self.admin, method, path)
    }

    /// What `/api/v1/partitions` says of a partition, if it is assigned.
    ///
    /// # Panics
    /// When there is no such answer.
    #[must_use]
    #[track_caller]
    pub fn partition(&self, topic: &str, partition: i64) -> Option<serde_json::Value> {
        let answer = self.get("/api/v1/partitions").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        let partitions = answer["partitions"].as_array().expect("a list");
        partitions.iter().find(|of| of["topic"] == topic && of["partition"] == partition).cloned()
    }

    /// Waits until `/readyz` answers 200.
    ///
    /// # Panics
    /// When it does not by the deadline, or the process ends before.
    #[track_caller]
    pub fn wait_ready(&mut self, deadline: Duration) {
        eventually("/readyz to answer 200", deadline, || {
            if let Some(status) = self.process.ended() {
                panic!("the host ended with {status} before it was ready");
            }
            match admin::get(self.admin, "/readyz", None) {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => Err(format!("{answer:?}")),
                Err(message) => Err(message),
            }
        });
    }

    /// All samples of `/metrics` now.
    ///
    /// # Panics
    /// When they cannot be read, or are not well-formed Prometheus text.
    #[must_use]
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        let answer = admin::get(self.admin, "/metrics", None).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(answer.status, 200, "/metrics: {answer:?}");
        Metrics::parse(&answer.body).unwrap_or_else(|error| panic!("/metrics: {error}"))
    }

    /// Waits until the samples of `name` that carry all of `labels` add up to `value`, and no other number.
    ///
    /// # Panics
    /// When they do not by the deadline; the message holds all samples of that name.
    #[track_caller]
    pub fn wait_metric(&self, name: &str, labels: &[(&str, &str)], value: f64, deadline: Duration) {
        let what = format!("{name} with {labels:?} to be {value}");
        eventually(&what, deadline, || {
            let metrics = self.metrics();
            match metrics.sum(name, labels) {
                Some(sum) if (sum - value).abs() < 1e-9 => Ok(()),
                sum => Err(format!("{sum:?} of {:#?}", metrics.named(name))),
            }
        });
    }

    /// The most memory that it has held at once so far (`VmHWM`), in bytes.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    #[track_caller]
    pub fn peak_memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let peak = peak.and_then(|kibibytes| kibibytes.parse::<u64>().ok());
        peak.unwrap_or_else(|| panic!("no VmHWM in {path}:\n{status}")) * 1024
    }

    /// All lines of the log so far.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.stderr.all()
    }

    /// All that it has printed to standard output so far.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.stdout.all()
    }

    /// The first line of the log that contains `text`; waits for it.
    ///
    /// # Panics
    /// When there is none by the deadline, or when the log ends without one.
    #[track_caller]
    pub fn log_line_containing(&self, text: &str, deadline: Duration) -> String {
        let wanted = |line: &str| line.contains(text);
        match self.stderr.wait_for(&format!("{text:?}"), 0, deadline, wanted) {
            Ok((_, line)) => line,
            Err(message) => panic!("{message}"),
        }
    }

    /// The first log record for which `wanted` holds; waits for it.
    ///
    /// # Panics
    /// As [`Host::log_line_containing`].
    #[track_caller]
    pub fn log_record(
        &self,
        what: &str,
        deadline: Duration,
        wanted: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let matches = |line: &str| log::record(line).is_some_and(|record| wanted(&record));
        match self.stderr.wait_for(what, 0, deadline, matches) {
            Ok((_, line)) => log::record(&line).expect("it was a record just now"),
            Err(message) => panic!("{message}"),
        }
    }

    /// Sends a signal, such as `SIGHUP`.
    pub fn signal(&mut self, signal: libc::c_int) {
        self.process.signal(signal);
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it still runs at the deadline.
    #[track_caller]
    pub fn wait_end(&mut self, deadline: Duration) -> ExitStatus {
        let ended = self.process.wait(deadline);
        ended.unwrap_or_else(|message| panic!("{message}"))
    }

    /// Asks it to drain and end (`SIGTERM`), and waits.
    ///
    /// # Panics
    /// When it still runs at the deadline.
    #[track_caller]
    pub fn terminate(&mut self, deadline: Duration) -> ExitStatus {
        let ended = self.process.terminate(deadline);
        ended.unwrap_or_else(|message| panic!("{message}"))
    }

    /// Ends it as a crash would (`SIGKILL`).
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // On the test's own thread, so that libtest shows it below the failure.
            eprintln!("--- the last {SHOWN} log lines of the host on {}:", self.admin);
            for line in self.stderr.last(SHOWN) {
                eprintln!("{line}");
            }
            eprintln!("---");
        }
    }
}
