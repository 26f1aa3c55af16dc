//! Who is measured, and one measurement of each: every record of a topic, from the first to the last.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::cost::Telling;
use super::topics::{self, STALLED};
use super::watch::{Counted, Latencies, Moment, Progress};
use super::{native, process};
use crate::app::native::Natives;
use crate::app::{Additions, Host, StartError};
use crate::config::{self, Config, GroupName};
use crate::kafka::Cluster;
use crate::kafka::load::{BareLoop, LoadWriter};
use crate::kafka::reader::Start;
use crate::sandbox::ports::GuestSink;

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
    /// The components, which handlers take in turn; at least one.
    pub components: Vec<PathBuf>,
    /// Handlers that each get every event.
    pub handlers: u32,
    /// What they do.
    pub mode: Mode,
    /// For [`Mode::Wait`].
    pub wait: Duration,
    /// Instances of each handler that work at once.
    pub instances: u32,
    /// What the host tells of itself.
    pub telemetry: Telling,
    /// Where the events that end a run stand.
    pub end: Arc<str>,
    /// Who writes them.
    pub ender: LoadWriter,
    /// Where [`Mode::Publish`] publishes to.
    pub out: Option<Arc<str>>,
    /// The broker's process, to measure it too.
    pub broker: Option<u32>,
    /// Set when the user wants an end.
    pub interrupted: Arc<AtomicBool>,
}

/// One measurement.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Records that each handler itself has counted.
    pub counted: u64,
    /// How many handlers that were.
    pub handlers: u32,
    /// Those records that the time is of: all but the first, with which the clock starts.
    pub records: u64,
    /// From the first to the last.
    pub took: Duration,
    /// CPU time of the process meanwhile.
    pub cpu: Duration,
    /// That of its threads, by their kind.
    threads: BTreeMap<String, Threads>,
    /// CPU time of the broker meanwhile, where its process is known.
    pub broker: Option<Duration>,
    /// Bytes of memory.
    pub memory: Memory,
}

/// Threads of one kind.
#[derive(Clone, Debug, Default)]
struct Threads {
    number: u32,
    cpu: Duration,
    /// Of the one that took most.
    busiest: Duration,
}

/// Resident bytes of the process.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Before the contender started.
    pub before: u64,
    /// With all handlers loaded, and no instance yet.
    pub loaded: u64,
    /// At most.
    pub peak: u64,
    /// At the last verdict.
    pub after: u64,
}

impl Measured {
    fn new(counted: u64, handlers: u32, first: &Moment, last: &Moment, memory: Memory) -> Measured {
        let mut threads: BTreeMap<String, Threads> = BTreeMap::new();
        for thread in &last.threads {
            let (cpu, of) = (thread.since(&first.threads), threads.entry(thread.kind.clone()).or_default());
            *of = Threads { number: of.number + 1, cpu: of.cpu + cpu, busiest: of.busiest.max(cpu) };
        }
        Measured {
            counted,
            handlers,
            records: counted.saturating_sub(1),
            took: last.at - first.at,
            cpu: last.cpu.saturating_sub(first.cpu),
            threads,
            broker: last.broker.zip(first.broker).map(|(last, first)| last.saturating_sub(first)),
            memory,
        }
    }

    /// Records per second.
    pub fn rate(&self) -> f64 {
        self.records as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// Deliveries per second: every handler gets every record.
    pub fn deliveries(&self) -> f64 {
        self.rate() * f64::from(self.handlers)
    }

    /// CPU microseconds of the process for each record.
    pub fn cpu_each(&self) -> f64 {
        self.each(self.cpu)
    }

    fn each(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / (self.records as f64).max(1.0)
    }

    /// All of it.
    pub fn json(&self) -> Value {
        let Memory { before, loaded, peak, after } = self.memory;
        let threads = self.threads.iter().filter(|(_, threads)| !threads.cpu.is_zero()).map(|(kind, threads)| {
            let times = json!({
                "number": threads.number,
                "cpu_us_per_event": self.each(threads.cpu),
                "busiest_cpu_us_per_event": self.each(threads.busiest),
            });
            (kind.clone(), times)
        });
        json!({
            "counted": self.counted,
            "events_per_second": self.rate().round(),
            "deliveries_per_second": self.deliveries().round(),
            "seconds": self.took.as_secs_f64(),
            "cpu_us_per_event": self.cpu_each(),
            "threads": threads.collect::<Map<_, _>>(),
            "broker_cpu_us_per_event": self.broker.map(|cpu| self.each(cpu)),
            "memory": { "before": before, "loaded": loaded, "peak": peak, "after": after },
        })
    }
}

/// The bare loop over a topic.
///
/// # Errors
/// Where it cannot read all of it.
pub fn bare(setup: &Setup, topic: &str, records: u64) -> anyhow::Result<Measured> {
    let before = process::resident();
    let reading = BareLoop::open(&setup.cluster, topic, Start::Beginning)?;
    let loaded = process::resident();
    let (mut read, mut first) = (0, None);
    while read < records {
        let touched = reading.poll(STALLED, |record| record.touch())?;
        black_box(touched.with_context(|| format!("the bare loop read {read} of {records} records, and no more"))?);
        if read == 0 {
            first = Some(Moment::beginning(setup.broker));
        }
        read += 1;
    }
    let last = Moment::end(setup.broker);
    let after = process::resident();
    let memory = Memory { before, loaded, peak: before.max(loaded).max(after), after };
    Ok(Measured::new(read, 1, first.as_ref().unwrap_or(&last), &last, memory))
}

/// A running host with its handlers, and what is known of it.
pub struct Running<'a> {
    setup: &'a Setup,
    host: Host,
    /// What it does with the records.
    pub progress: Arc<Progress>,
    /// What each handler has counted.
    counted: Vec<(String, Arc<Counted>)>,
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
        let deliveries = expected.saturating_mul(u64::from(setup.handlers));
        let progress = Arc::new(Progress::new(deliveries, setup.broker, live));
        let names = setup.handler_names(contender);
        let counted: Vec<_> = names.into_iter().map(|name| (name, Arc::new(Counted::default()))).collect();
        let mut natives = Natives::new();
        if contender == Contender::Native {
            natives.extend(counted.iter().map(|(name, _)| (name.clone(), native::make())));
        }
        let sinks = counted.clone();
        let sink = move |name: &str| -> Arc<dyn GuestSink> {
            let found = sinks.iter().find(|(handler, _)| handler == name);
            found.map_or_else(Arc::default, |(_, counted)| counted.clone())
        };
        let watched = progress.clone();
        let additions = Additions {
            watch: Arc::new(move |_| Some(watched.clone())),
            natives,
            sinks: Some(Arc::new(sink)),
            typed: contender == Contender::Typed,
            source: None,
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
        let complaint = self.counted.iter().find_map(|(_, counted)| counted.complaint());
        let complaint = complaint.map(|line| format!(": {line}")).unwrap_or_default();
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
    /// Where one handler did not handle exactly that many.
    pub fn count(&self, expected: u64) -> anyhow::Result<u64> {
        let missing = || self.counted.iter().filter(|(_, counted)| counted.events() < expected).count();
        if self.every > 1 {
            // One instance may get several of these, and another none: then they are sent again.
            let events = u64::from(self.setup.instances) * 4;
            for _ in 0..END_ATTEMPTS {
                if missing() == 0 {
                    break;
                }
                let (seen, before) = (self.progress.ends(), missing());
                topics::end(&self.setup.ender, &self.setup.end, &self.run, events)?;
                let through = seen + events * u64::from(self.setup.handlers);
                self.wait("the end of the run", |progress| progress.ends() >= through)?;
                tracing::debug!(before, now = missing(), "handlers whose instances have not all counted");
            }
        }
        for (name, counted) in &self.counted {
            let counted = counted.events();
            anyhow::ensure!(
                counted == expected,
                "the handler {name} counted {counted} events of {expected}: this run does not hold"
            );
        }
        Ok(expected)
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
    let loaded = process::resident();
    let (mut peak, mut looks) = (before.max(loaded), 0_u32);
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
    let memory = Memory { before, loaded, peak: peak.max(after), after };
    Ok(Measured::new(counted, setup.handlers, &first, &last, memory))
}

impl Setup {
    /// What the handlers are called: one that is alone like the contender.
    fn handler_names(&self, contender: Contender) -> Vec<String> {
        let name = contender.name();
        match self.handlers {
            1 => vec![name.into()],
            handlers => (1..=handlers).map(|number| format!("{name}-{number}")).collect(),
        }
    }

    /// The configuration of a host with these handlers.
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
        let mut text = format!(
            "[kafka]\ntopics = [{topic}, {end}]\n[delivery]\nenable_dlq = false\n\
             [sandbox]\nmax_instances = {instances}\nmax_memory = \"{memory}MiB\"\n\
             [telemetry]\nenable_metrics = {metrics}\nenable_tracing = {tracing}\n[admin]\nlisten = \"127.0.0.1:0\"\n",
            topic = quoted(topic),
            end = quoted(&self.end),
            instances = self.instances * self.handlers,
            memory = u64::from(self.instances) * u64::from(self.handlers) * 64,
            metrics = self.telemetry.metrics,
            tracing = self.telemetry.tracing,
        );
        // An instance counts what it has handled every so often: one that is replaced takes the rest with it.
        for (name, component) in self.handler_names(contender).iter().zip(self.components.iter().cycle()) {
            // Writing to a `String` does not fail.
            let _ = write!(
                text,
                "[[handler]]\nname = {name}\ncomponent = {component}\nconcurrency = {instances}\nisolation = \"{isolation}\"\n\
                 reuse_events = 0\ntimeout = \"{timeout}ms\"\n\
                 config = {{ mode = \"{mode}\", run = {run}, every = \"{every}\", wait_ms = \"{wait}\", topic = {out} }}\n{grants}",
                name = quoted(name),
                component = quoted(&component.to_string_lossy()),
                instances = self.instances,
                mode = self.mode.name(),
                run = quoted(run),
                out = quoted(out),
            );
        }
        let nowhere = self.components.first().context("there is no component")?.with_file_name("no-such-folder");
        let mut made = Config::from_text(&text, &nowhere, config::places())?;
        made.kafka = config::Kafka {
            topics: made.kafka.topics,
            consumer_group: GroupName::new(run)?,
            auto_offset_reset: reset,
            ..self.config.kafka.clone()
        };
        made.delivery = config::Delivery { dead_letters: config::DeadLetters::Drop, ..self.config.delivery.clone() };
        made.telemetry.otlp_endpoint.clone_from(&self.telemetry.receiver);
        Ok(made)
    }
}
