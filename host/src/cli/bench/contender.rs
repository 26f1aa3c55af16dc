//! Who is measured, and one measurement of each: every record of a topic, from the first to the last.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::topics::{self, STALLED};
use super::watch::{Counted, Latencies, Moment, Progress};
use super::{native, process};
use crate::app::native::Natives;
use crate::app::{Additions, Host, StartError};
use crate::config::{self, Config, GroupName};
use crate::kafka::Cluster;
use crate::kafka::load::BareLoop;
use crate::kafka::reader::Start;

/// Events that an instance handles before it counts them.
const COUNT_EVERY: u64 = 1024;

/// How often the events that end a run are sent until the count must be right.
const END_ATTEMPTS: u32 = 50;

/// Between two looks at a host.
const LOOK: Duration = Duration::from_millis(5);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Contender {
    /// An empty librdkafka loop
    Bare,
    /// The host with the handler in native code
    Native,
    /// The host with the component, by the packed way in
    Packed,
    /// The host with the component, one typed call for each event
    Typed,
    /// The host with the component, a new instance for each event
    Fresh,
}

impl Contender {
    /// As it is typed and printed.
    pub const fn name(self) -> &'static str {
        match self {
            Contender::Bare => "bare",
            Contender::Native => "native",
            Contender::Packed => "packed",
            Contender::Typed => "typed",
            Contender::Fresh => "fresh",
        }
    }
}

/// What the handler does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Looks at id, type and value
    Noop,
    /// Parses the value as JSON and updates a map
    Json,
    /// Waits, as for an HTTP call
    Wait,
    /// Publishes the event to another topic
    Publish,
}

impl Mode {
    /// As it is typed and printed.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Noop => "noop",
            Mode::Json => "json",
            Mode::Wait => "wait",
            Mode::Publish => "publish",
        }
    }
}

/// How the hosts are set up.
pub struct Setup {
    /// The user's, for cluster and delivery.
    pub config: Config,
    /// The cluster.
    pub cluster: Cluster,
    /// The component.
    pub component: PathBuf,
    /// What it does.
    pub mode: Mode,
    /// For [`Mode::Wait`].
    pub wait: Duration,
    /// Instances that work at once.
    pub instances: u32,
    /// Whether the host records metrics.
    pub metrics: bool,
    /// Where the events that end a run stand.
    pub end: Arc<str>,
    /// Where [`Mode::Publish`] publishes to.
    pub out: Option<Arc<str>>,
    /// Set when the user wants an end.
    pub interrupted: Arc<AtomicBool>,
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Records that the handler itself has counted.
    pub counted: u64,
    /// Those of them that the time is of: all but the first, with which the clock starts.
    pub records: u64,
    /// From the first to the last.
    pub took: Duration,
    /// CPU time of the process meanwhile.
    pub cpu: Duration,
    /// Bytes of memory before, at most, and after.
    pub memory: [u64; 3],
}

impl Measured {
    fn new(counted: u64, first: Moment, last: Moment, memory: [u64; 3]) -> Measured {
        let records = counted.saturating_sub(1);
        Measured { counted, records, took: last.at - first.at, cpu: last.cpu.saturating_sub(first.cpu), memory }
    }

    /// Records per second.
    pub fn rate(&self) -> f64 {
        self.records as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// CPU microseconds of the process for each record.
    pub fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / (self.records as f64).max(1.0)
    }

    /// All of it.
    pub fn json(&self) -> Value {
        let [before, peak, after] = self.memory;
        json!({
            "counted": self.counted,
            "events_per_second": self.rate().round(),
            "seconds": self.took.as_secs_f64(),
            "cpu_us_per_event": self.cpu_each(),
            "memory": { "before": before, "peak": peak, "after": after },
        })
    }
}

/// The bare loop over a topic.
///
/// # Errors
/// Where it cannot read all of it.
pub fn bare(cluster: &Cluster, topic: &str, records: u64) -> anyhow::Result<Measured> {
    let before = process::resident();
    let reading = BareLoop::open(cluster, topic, Start::Beginning)?;
    let (mut read, mut first) = (0, None);
    while read < records {
        let touched = reading.poll(STALLED, |record| record.touch())?;
        black_box(touched.with_context(|| format!("the bare loop read {read} of {records} records, and no more"))?);
        if read == 0 {
            first = Some(Moment::now());
        }
        read += 1;
    }
    let last = Moment::now();
    let after = process::resident();
    Ok(Measured::new(read, first.unwrap_or(last), last, [before, before.max(after), after]))
}

/// A running host with one handler, and what is known of it.
pub struct Running<'a> {
    setup: &'a Setup,
    host: Host,
    /// What it does with the records.
    pub progress: Arc<Progress>,
    counted: Arc<Counted>,
    run: String,
    every: u64,
}

impl<'a> Running<'a> {
    /// Starts a host that reads `topic` as the group `run`.
    ///
    /// # Errors
    /// Where it does not start.
    pub fn start(
        setup: &'a Setup,
        contender: Contender,
        topic: &str,
        run: &str,
        expected: u64,
        live: Option<Arc<Latencies>>,
    ) -> anyhow::Result<Running<'a>> {
        // A new instance would never come to count.
        let every = if contender == Contender::Fresh || setup.mode == Mode::Wait { 1 } else { COUNT_EVERY };
        let reset = if live.is_some() { config::OffsetReset::Latest } else { config::OffsetReset::Earliest };
        let config = setup.configuration(contender, topic, run, every, reset)?;
        let progress = Arc::new(Progress::new(expected, live));
        let counted = Arc::new(Counted::default());
        let mut natives = Natives::new();
        if contender == Contender::Native {
            natives.insert(contender.name().into(), native::make());
        }
        let watched = progress.clone();
        let additions = Additions {
            watch: &|_| Some(watched.clone()),
            natives,
            sink: Some(counted.clone()),
            typed: contender == Contender::Typed,
        };
        let host = Host::start_with(config, &additions).map_err(|error| match error {
            StartError::Handlers(_) => anyhow::anyhow!("{error}"),
            StartError::Other(error) => error,
        })?;
        Ok(Running { setup, host, progress, counted, run: run.to_owned(), every })
    }

    /// Waits until `done`, as long as something moves.
    ///
    /// # Errors
    /// Where nothing does, or something failed.
    pub fn wait(&self, what: &str, mut done: impl FnMut(&Progress) -> bool) -> anyhow::Result<()> {
        let (mut seen, mut moved) = ((0, 0), Instant::now());
        while !done(&self.progress) {
            if let Some(failure) = self.host.failure() {
                return Err(failure.context("the host cannot go on"));
            }
            anyhow::ensure!(!self.setup.interrupted.load(Ordering::Relaxed), "interrupted");
            let now = (self.progress.finished(), self.progress.ends());
            if now != seen {
                (seen, moved) = (now, Instant::now());
            }
            self.nothing_failed()?;
            if moved.elapsed() > STALLED {
                let reason = self.host.ready().err().map(|reason| format!(" ({reason})")).unwrap_or_default();
                anyhow::bail!(
                    "nothing has moved for a minute{reason}: {} records are through, waited for {what}",
                    now.0
                );
            }
            std::thread::sleep(LOOK);
        }
        self.nothing_failed()
    }

    fn nothing_failed(&self) -> anyhow::Result<()> {
        let failed = self.progress.failed();
        let complaint = self.counted.complaint().map(|line| format!(": {line}")).unwrap_or_default();
        anyhow::ensure!(failed == 0, "{failed} tries failed{complaint}");
        Ok(())
    }

    /// Waits until the host has its partitions.
    ///
    /// # Errors
    /// Where it does not get them.
    pub fn wait_ready(&self) -> anyhow::Result<()> {
        self.wait("its partitions", |_| self.host.ready().is_ok())
    }

    /// Has every instance count what it has not counted yet, and compares.
    ///
    /// # Errors
    /// Where the handler did not handle exactly that many.
    pub fn count(&self, expected: u64) -> anyhow::Result<u64> {
        let counted = || self.counted.events();
        if self.every > 1 {
            // One instance may get several of these, and another none: then they are sent again.
            let events = u64::from(self.setup.instances) * 4;
            for _ in 0..END_ATTEMPTS {
                if counted() >= expected {
                    break;
                }
                let (seen, before) = (self.progress.ends(), counted());
                topics::end(&self.setup.cluster, &self.setup.end, &self.run, events)?;
                self.wait("the end of the run", |progress| progress.ends() >= seen + events)?;
                tracing::debug!(before, now = counted(), "the instances counted");
            }
        }
        let counted = counted();
        anyhow::ensure!(
            counted == expected,
            "the handler counted {counted} events of {expected}: this run does not hold"
        );
        Ok(counted)
    }

    /// Ends it.
    ///
    /// # Errors
    /// Where it gave something up.
    pub fn stop(self) -> anyhow::Result<()> {
        let ended = self.host.stop();
        let abandoned = ended.summary.abandoned;
        anyhow::ensure!(
            abandoned == 0 && ended.complete,
            "the host did not end cleanly: {abandoned} deliveries abandoned"
        );
        Ok(())
    }
}

/// A host over a topic, from its beginning.
///
/// # Errors
/// Where it does not handle every record exactly once.
pub fn host(setup: &Setup, contender: Contender, topic: &str, run: &str, records: u64) -> anyhow::Result<Measured> {
    let before = process::resident();
    let running = Running::start(setup, contender, topic, run, records, None)?;
    let (mut peak, mut looks) = (before, 0_u32);
    running.wait("all records", |progress| {
        looks += 1;
        if looks % 20 == 0 {
            peak = peak.max(process::resident());
        }
        progress.span().is_some()
    })?;
    let after = process::resident();
    let (first, last) = running.progress.span().context("there is no last record")?;
    let counted = running.count(records)?;
    running.stop()?;
    Ok(Measured::new(counted, first, last, [before, peak.max(after), after]))
}

impl Setup {
    /// The configuration of a host with this one handler.
    fn configuration(
        &self,
        contender: Contender,
        topic: &str,
        run: &str,
        every: u64,
        reset: config::OffsetReset,
    ) -> anyhow::Result<Config> {
        let quoted = |text: &str| toml::Value::String(text.into()).to_string();
        let isolation = if contender == Contender::Fresh { "fresh" } else { "reuse" };
        let out = self.out.as_deref().unwrap_or_default();
        let grants =
            if self.out.is_some() { format!("grants = {{ publish = [{}] }}\n", quoted(out)) } else { String::new() };
        let timeout = self.wait.as_millis() + 5000;
        let wait = self.wait.as_millis();
        let text = format!(
            "[kafka]\ntopics = [{topic}, {end}]\n[delivery]\nenable_dlq = false\n\
             [sandbox]\nmax_instances = {instances}\nmax_memory = \"{memory}MiB\"\n\
             [telemetry]\nenable_metrics = {metrics}\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [[handler]]\nname = {name}\ncomponent = {component}\nconcurrency = {instances}\nisolation = \"{isolation}\"\n\
             timeout = \"{timeout}ms\"\n\
             config = {{ mode = \"{mode}\", run = {run}, every = \"{every}\", wait_ms = \"{wait}\", topic = {out} }}\n{grants}",
            topic = quoted(topic),
            end = quoted(&self.end),
            instances = self.instances,
            memory = u64::from(self.instances) * 64,
            metrics = self.metrics,
            name = quoted(contender.name()),
            component = quoted(&self.component.to_string_lossy()),
            mode = self.mode.name(),
            run = quoted(run),
            out = quoted(out),
        );
        let nowhere = self.component.with_file_name("no-such-folder");
        let mut made = Config::from_text(&text, &nowhere, config::places())?;
        made.kafka = config::Kafka {
            topics: made.kafka.topics,
            consumer_group: GroupName::new(run)?,
            auto_offset_reset: reset,
            ..self.config.kafka.clone()
        };
        made.delivery = config::Delivery { dead_letters: config::DeadLetters::Drop, ..self.config.delivery.clone() };
        made.telemetry.otlp_endpoint = None;
        Ok(made)
    }
}
