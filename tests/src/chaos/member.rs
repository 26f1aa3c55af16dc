//! One host of the group, over all of its incarnations.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use super::plan::{Group, HANDLERS, MAX_RETRIES};
use crate::host::Deployment;
use crate::kafka::Connection;
use crate::process::Process;

/// Within the host's own `shutdown_timeout`, and time for what comes after it.
const LEAVE: Duration = Duration::from_secs(20);
/// What a host that was asked to end may end with: 1 says that it has abandoned something.
const ORDERLY: [i32; 2] = [0, 1];
/// Properties of librdkafka: what is gone is missed soon, and looked for again soon.
const PROPERTIES: &[(&str, &str)] = &[
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "1000"),
    ("socket.timeout.ms", "6000"),
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "500"),
    ("topic.metadata.refresh.interval.ms", "2000"),
];
/// Those that the newer group protocol refuses.
const SESSION: [&str; 2] = ["session.timeout.ms", "heartbeat.interval.ms"];

/// What every host of a run is told, besides who it is.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) brokers: Connection,
    pub(super) topic: String,
    pub(super) results: String,
    pub(super) group: String,
    /// Lines of `[kafka.properties]`.
    pub(super) properties: Vec<(String, String)>,
}

/// Running, paused, or away.
#[derive(Debug)]
pub(super) struct Member {
    name: String,
    common: Common,
    deployment: Deployment,
    incarnation: u32,
    process: Option<Process>,
    log: PathBuf,
    /// What a host must not do, such as to end by itself.
    misdeeds: Vec<String>,
}

impl Member {
    /// One that is away. Its log goes to `folder`, all incarnations in one file.
    pub(super) fn new(name: &str, common: &Common, folder: &Path) -> Member {
        let deployment = Deployment::new("").handler("probe", "probe-rust");
        Member {
            name: name.to_owned(),
            common: common.clone(),
            deployment,
            incarnation: 0,
            process: None,
            log: folder.join(format!("{name}.log")),
            misdeeds: Vec::new(),
        }
    }

    /// The next incarnation, which is not waited for.
    pub(super) fn start(&mut self) {
        self.incarnation += 1;
        fs::write(self.deployment.directory().join("sandbus.toml"), self.config()).expect("write sandbus.toml");
        let log = File::options().create(true).append(true).open(&self.log).expect("open the host's log");
        let mut command = self.deployment.command();
        // Out of the terminal's group: Ctrl-C ends the run, which then ends the hosts.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).process_group(0);
        let process = Process::spawn(&self.name, command).unwrap_or_else(|error| panic!("{error}"));
        self.process = Some(process);
    }

    /// `SIGKILL`.
    pub(super) fn kill(&mut self) {
        self.look();
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// `SIGSTOP`.
    pub(super) fn pause(&mut self) {
        self.signal(libc::SIGSTOP);
    }

    /// `SIGCONT`.
    pub(super) fn resume(&mut self) {
        self.signal(libc::SIGCONT);
    }

    /// `SIGTERM`, and waits for its end; `None` when it had to be killed.
    pub(super) fn leave(&mut self) -> Option<ExitStatus> {
        self.look();
        let mut process = self.process.take()?;
        match process.terminate(LEAVE) {
            Ok(status) => {
                if !status.code().is_some_and(|code| ORDERLY.contains(&code)) {
                    self.misdeed(&format!("was asked to end, and ended with {status}"));
                }
                Some(status)
            }
            Err(message) => {
                process.kill();
                self.misdeed(&message);
                None
            }
        }
    }

    /// Starts it if it is away, also if it has ended by itself, which is noted.
    pub(super) fn revive(&mut self) {
        self.look();
        if self.process.is_none() {
            self.start();
        }
    }

    /// What it has done wrong so far.
    pub(super) fn misdeeds(&self) -> &[String] {
        &self.misdeeds
    }

    /// How often it was started.
    pub(super) fn incarnation(&self) -> u32 {
        self.incarnation
    }

    fn signal(&mut self, signal: libc::c_int) {
        self.look();
        if let Some(process) = &mut self.process {
            process.signal(signal);
        }
    }

    fn look(&mut self) {
        if let Some(status) = self.process.as_mut().and_then(Process::ended) {
            self.process = None;
            self.misdeed(&format!("ended by itself with {status}"));
        }
    }

    fn misdeed(&mut self, what: &str) {
        let Member { name, incarnation, .. } = self;
        self.misdeeds.push(format!("{name}, incarnation {incarnation}: {what}"));
    }

    /// The lines of `[kafka.properties]`. `{host}` in a value is the host's name.
    fn properties(&self) -> String {
        let Common { brokers, properties, .. } = &self.common;
        let mut all: BTreeMap<&str, String> = PROPERTIES.iter().map(|(name, value)| (*name, (*value).into())).collect();
        // Then the brokers say how long a session is.
        if properties.iter().any(|(name, value)| (&**name, &**value) == ("group.protocol", "consumer")) {
            SESSION.iter().for_each(|name| drop(all.remove(name)));
        }
        for (name, value) in brokers.properties().iter().chain(properties) {
            all.insert(name, value.replace("{host}", &self.name));
        }
        all.iter().map(|(name, value)| format!("{name:?} = {value:?}\n")).collect()
    }

    fn config(&self) -> String {
        let Common { brokers, topic, results, group, .. } = &self.common;
        let properties = self.properties();
        let mut config = format!(
            r#"[kafka]
bootstrap_servers = {:?}
topics = [{topic:?}]
consumer_group = {group:?}

[kafka.properties]
{properties}
[delivery]
commit_interval = "200ms"
drain_timeout = "2s"
shutdown_timeout = "5s"
max_retries = {MAX_RETRIES}
retry_base_delay = "20ms"
retry_max_delay = "200ms"
# Waiting for a handler to recover would hide what this is about.
quarantine_tries = 0

[admin]
listen = "{}"

[handlers]
# Longer than any pause, which is no fault of the handler.
timeout = "120s"
cpu_time = "60s"
concurrency = 4

[handlers.grants]
publish = [{results:?}]
"#,
            brokers.bootstrap(),
            self.deployment.admin(),
        );
        for handler in HANDLERS {
            let own = if handler.group == Group::Own { "group = \"own\"\n" } else { "" };
            let (name, marked) = (handler.name, format!("{}@{}.{}", handler.name, self.name, self.incarnation));
            config.push_str(&format!(
                "\n[[handler]]\nname = {name:?}\ncomponent = \"handlers/probe.wasm\"\n{own}\
                 [handler.config]\nresults = {results:?}\nname = {marked:?}\n"
            ));
        }
        config
    }
}
