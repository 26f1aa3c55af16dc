//! `sandbus bench`: how fast the host is, beside a bare loop and beside native code.
//!
//! One topic is filled; then the contenders read it, one after the other and round after round, in this one
//! process. Every contender handles every record, and says itself how many those were: a count that is wrong
//! ends the bench.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::{Cluster, Done, Failure, print_line};
use crate::kafka::Cluster as KafkaCluster;
use crate::kafka::load::{self, LoadWriter};

mod contender;
mod cost;
mod latency;
mod native;
mod process;
mod records;
mod report;
mod topics;
mod watch;
/// What a handler does: the component's own source, so that native code does the very same.
#[path = "../../../examples/bench/rust/src/work.rs"]
mod work;

use contender::{Contender, Measured, Mode, Setup};
use cost::{Cost, Telling};
use latency::Latency;
use records::{SMALLEST_ORDER, Shape};
use report::Report;
use topics::Made;

/// What a value may have that is published: with key and headers it is within what a handler may send.
const LARGEST_PUBLISHED: u32 = 1_000_000;

/// What `sandbox.max_instances` may be.
const MAX_INSTANCES: u32 = 10_000;

/// Measure the host beside a bare librdkafka loop and beside native code
///
/// Makes topics of its own on a real Kafka, fills them, and deletes them in the end. Prints how many events each
/// contender handled per second, and the ratios.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sandbus bench --bootstrap-servers localhost:9092 --json\n  sandbus bench --handler wait --wait-ms 20 --instances 64"
)]
pub struct Bench {
    #[command(flatten)]
    cluster: Cluster,
    /// What the handler does
    #[arg(long, value_enum, default_value_t = Mode::Noop)]
    handler: Mode,
    /// Who is measured [default: all; for "wait" packed; for "publish" all but bare]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES")]
    contenders: Vec<Contender>,
    /// Read this topic, as it is, instead of filling one
    #[arg(long)]
    topic: Option<String>,
    /// Records in the topic [default: 1000000; for "wait" 100000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(2..=1_000_000_000))]
    records: Option<u64>,
    /// Records for "fresh", which is slow: in a topic of its own where that is fewer
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(2..))]
    fresh_records: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(0..=16 << 20))]
    size: u32,
    /// Partitions of the topic
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    partitions: i32,
    /// Different keys
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    /// Headers of a record
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=100))]
    headers: u8,
    /// Rounds; of several, the first is not counted. 0: no throughput is measured [default: 5; for "wait" 1]
    #[arg(long)]
    rounds: Option<u32>,
    /// Handlers of the topic: each gets every event
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    handlers: u32,
    /// Instances of each handler that work at once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    instances: u32,
    /// How long the handler "wait" waits, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    wait_ms: u64,
    /// Measure latency too: records written at fixed rates, open loop
    #[arg(long)]
    latency: bool,
    /// Rates for that, in records per second [default: 10, 50 and 80 % of what this machine can write and handle]
    #[arg(long, value_delimiter = ',', value_name = "RATES", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    rates: Vec<u64>,
    /// How long each rate is measured
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = humantime::parse_duration)]
    latency_time: Duration,
    /// How often each rate is measured, the contenders one after the other
    #[arg(long, default_value_t = 3, value_name = "ROUNDS", value_parser = clap::value_parser!(u32).range(1..=1000))]
    latency_rounds: u32,
    /// Run the hosts without metrics
    #[arg(long)]
    no_metrics: bool,
    /// Measure what telemetry costs instead: hosts with metrics and tracing off and on, by turns [contenders: packed,typed]
    #[arg(long, conflicts_with_all = ["no_metrics", "latency", "fresh_records"])]
    telemetry_cost: bool,
    /// The OpenTelemetry receiver to which metrics and traces go for that; without one, neither is sent
    #[arg(long, value_name = "URL", requires = "telemetry_cost")]
    otlp_endpoint: Option<String>,
    /// Keep the topics that were made
    #[arg(long)]
    keep: bool,
    /// The component [default: the build's bench-rust.wasm]. Of several, handlers take one after the other
    #[arg(long = "component", value_name = "FILE")]
    components: Vec<PathBuf>,
    /// Measure the CPU time of this process too: of a broker that runs on this machine
    #[arg(long, value_name = "ID")]
    broker_process: Option<u32>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self) -> Done {
        crate::telemetry::log::start(Default::default(), "error");
        let components = self.components()?;
        let contenders = self.contenders();
        if self.handler == Mode::Json && self.topic.is_none() && (self.size as usize) < SMALLEST_ORDER {
            return Err(Failure::Usage(format!(
                "--handler json needs values of {SMALLEST_ORDER} bytes or more (--size)"
            )));
        }
        if self.latency && self.headers < 3 {
            return Err(Failure::Usage(
                "--latency needs 3 headers or more (--headers): one says when it was sent".into(),
            ));
        }
        if self.handler == Mode::Publish && self.size > LARGEST_PUBLISHED {
            return Err(Failure::Usage(format!(
                "--handler publish can send values of at most {LARGEST_PUBLISHED} bytes (--size)"
            )));
        }
        if self.handlers * self.instances > MAX_INSTANCES {
            return Err(Failure::Usage(format!(
                "--handlers times --instances is {}; a host has room for {MAX_INSTANCES} instances",
                self.handlers * self.instances
            )));
        }
        if self.broker_process.is_some_and(|process| process::cpu_of(process).is_none()) {
            return Err(Failure::Usage("there is no process with the id that --broker-process names".into()));
        }
        if self.telemetry_cost && contenders.contains(&Contender::Bare) {
            return Err(Failure::Usage(
                "--telemetry-cost: the contender \"bare\" has no telemetry (--contenders)".into(),
            ));
        }
        if self.telemetry_cost && self.rounds() == 0 {
            return Err(Failure::Usage("--telemetry-cost needs a round or more (--rounds)".into()));
        }
        let (config, _) = self.cluster.config()?;
        let cluster = KafkaCluster::new(config.kafka.clone());
        let interrupted = super::dlq::interrupt::watch()?;
        let name = format!("sandbus-bench-{:08x}", fastrand::u32(..));
        let mut made = Made::new(&cluster, self.keep)?;
        let end = made.topic(format!("{name}.end"), 1, 0)?;
        let ender = LoadWriter::new(&cluster, Duration::ZERO)?;
        let out = match self.handler {
            Mode::Publish => Some(made.topic(format!("{name}.out"), self.partitions, self.size as usize)?),
            _ => None,
        };
        let mut setup = Setup {
            config,
            cluster,
            components,
            handlers: self.handlers,
            mode: self.handler,
            wait: Duration::from_millis(self.wait_ms),
            instances: self.instances,
            telemetry: Telling::usual(!self.no_metrics),
            end,
            ender,
            out,
            broker: self.broker_process,
            interrupted,
        };
        if self.telemetry_cost {
            let cost = self.telemetry_cost(&mut setup, &contenders, &name, &mut made)?;
            let json = || cost.json(self.handler, self.settings());
            return print_line(&if self.json { json().to_string() } else { cost.table(self.handler) });
        }
        let mut report = Report::new(&setup, self.settings());
        if self.rounds() > 0 {
            self.throughput(&setup, &contenders, &name, &mut made, &mut report)?;
        }
        if self.latency {
            let live = made.topic(format!("{name}.live"), self.partitions, self.size as usize)?;
            let (shape, time, rounds) = (self.shape(), self.latency_time, self.latency_rounds);
            let latency = Latency { setup: &setup, topic: live, shape, time, rounds };
            latency.measure(&self.rates, &contenders, &name, &mut made, &mut report, &|line| self.say(line))?;
        }
        print_line(&if self.json { report.json().to_string() } else { report.table() })
    }

    fn throughput(
        &self,
        setup: &Setup,
        contenders: &[Contender],
        name: &str,
        made: &mut Made,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let (topic, records) = self.source(setup, name, made)?;
        let fresh = if contenders.contains(&Contender::Fresh) && records > self.fresh_records {
            self.filled(setup, &format!("{name}.fresh"), self.fresh_records, made)?
        } else {
            (topic.clone(), records)
        };
        let rounds = self.rounds();
        for round in 0..rounds {
            for place in 0..contenders.len() {
                // Whoever comes first in a round comes last in the next.
                let index = (place + round as usize) % contenders.len();
                let Some(contender) = contenders.get(index).copied() else { continue };
                let (topic, records) = if contender == Contender::Fresh { &fresh } else { &(topic.clone(), records) };
                let measured = match contender {
                    Contender::Bare => contender::bare(setup, topic, *records)?,
                    _ => {
                        let run = format!("{name}.{round}.{}", contender.name());
                        made.group(&run);
                        self.host(setup, contender, topic, &run, *records)
                            .with_context(|| format!("{}, round {round}", contender.name()))?
                    }
                };
                let warm_up = round == 0 && rounds > 1;
                self.say(&format!(
                    "round {round}  {:<7} {:>9.0} events/s  {:>7.2} us CPU{}",
                    contender.name(),
                    measured.rate(),
                    measured.cpu_each(),
                    if warm_up { "  (warm-up)" } else { "" }
                ));
                report.round(contender, *records, measured, warm_up);
            }
        }
        Ok(())
    }

    /// The topic that is read, and how many records it has.
    fn source(&self, setup: &Setup, name: &str, made: &mut Made) -> anyhow::Result<(Arc<str>, u64)> {
        let Some(topic) = &self.topic else { return self.filled(setup, name, self.records(), made) };
        let ends = load::ends(&setup.cluster, topic)?;
        let records = ends.iter().map(|(first, end)| u64::try_from(end - first).unwrap_or_default()).sum();
        anyhow::ensure!(records > 1, "the topic {topic:?} is empty: there is nothing to read");
        Ok((Arc::from(topic.as_str()), records))
    }

    fn telemetry_cost(
        &self,
        setup: &mut Setup,
        contenders: &[Contender],
        name: &str,
        made: &mut Made,
    ) -> anyhow::Result<Cost> {
        let mut cost = Cost::new(self.otlp_endpoint.as_deref())?;
        let (topic, records) = self.source(setup, name, made)?;
        let hosts: Vec<_> = contenders.iter().flat_map(|of| cost.ways().into_iter().map(|way| (*of, way))).collect();
        for round in 0..self.rounds() {
            for place in 0..hosts.len() {
                // Neighbours change their places, too, so that nobody always follows the same other.
                let place = if round % 2 == 0 { place } else { hosts.len() - 1 - place };
                let Some((contender, way)) = hosts.get((place + round as usize) % hosts.len()).cloned() else {
                    continue;
                };
                setup.telemetry = way.telling.clone();
                let run = format!("{name}.{round}.{}.{}", contender.name(), way.name);
                made.group(&run);
                let measured = self.host(setup, contender, &topic, &run, records);
                let measured =
                    measured.with_context(|| format!("{} with {}, round {round}", contender.name(), way.name))?;
                let warm_up = round == 0 && self.rounds() > 1;
                self.say(&format!(
                    "round {round}  {:<7} {:<12} {:>9.0} events/s  {:>7.3} us CPU{}",
                    contender.name(),
                    way.name,
                    measured.rate(),
                    measured.cpu_each(),
                    if warm_up { "  (warm-up)" } else { "" }
                ));
                cost.round(contender, way.name, measured, warm_up);
            }
        }
        Ok(cost)
    }

    fn host(
        &self,
        setup: &Setup,
        contender: Contender,
        topic: &str,
        run: &str,
        records: u64,
    ) -> anyhow::Result<Measured> {
        let published = |out: &Arc<str>| -> anyhow::Result<i64> {
            Ok(load::ends(&setup.cluster, out)?.iter().map(|(_, end)| *end).sum())
        };
        let before = setup.out.as_ref().map(published).transpose()?;
        let measured = contender::host(setup, contender, topic, run, records)?;
        if let (Some(out), Some(before)) = (&setup.out, before) {
            let came = published(out)? - before;
            let expected = records * u64::from(self.handlers);
            anyhow::ensure!(u64::try_from(came) == Ok(expected), "{came} of {expected} events were published");
        }
        Ok(measured)
    }

    fn filled(&self, setup: &Setup, name: &str, records: u64, made: &mut Made) -> anyhow::Result<(Arc<str>, u64)> {
        let topic = made.topic(name.to_owned(), self.partitions, self.size as usize)?;
        self.say(&format!("writing {records} records of {} bytes to {topic}", self.size));
        let started = Instant::now();
        topics::fill(&setup.cluster, &topic, self.shape(), records)?;
        self.say(&format!("written in {:.1} s", started.elapsed().as_secs_f64()));
        Ok((topic, records))
    }

    fn say(&self, line: &str) {
        if !self.json {
            eprintln!("{line}");
        }
    }

    fn shape(&self) -> Shape {
        Shape { size: self.size as usize, keys: self.keys, headers: usize::from(self.headers) }
    }

    fn records(&self) -> u64 {
        self.records.unwrap_or(if self.handler == Mode::Wait { 100_000 } else { 1_000_000 })
    }

    fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.handler == Mode::Wait { 1 } else { 5 })
    }

    fn contenders(&self) -> Vec<Contender> {
        use Contender::{Bare, Fresh, Native, Packed, Typed};
        if self.contenders.is_empty() && self.telemetry_cost {
            return vec![Packed, Typed];
        }
        if self.contenders.is_empty() {
            return match self.handler {
                Mode::Noop | Mode::Json => vec![Bare, Native, Packed, Typed, Fresh],
                Mode::Wait => vec![Packed],
                Mode::Publish => vec![Native, Packed, Typed, Fresh],
            };
        }
        let mut once = HashMap::new();
        self.contenders.iter().copied().filter(|contender| once.insert(*contender, ()).is_none()).collect()
    }

    /// The named ones; else that beside the program, as `make build` leaves it.
    fn components(&self) -> Result<Vec<PathBuf>, Failure> {
        let mut files = self.components.clone();
        if files.is_empty() {
            let program = std::env::current_exe().context("cannot tell where this program is")?;
            let target = program.parent().and_then(Path::parent).unwrap_or(Path::new("target"));
            files.push(target.join("components").join("bench-rust.wasm"));
        }
        if let Some(file) = files.iter().find(|file| !file.is_file()) {
            let file = file.display();
            return Err(Failure::Wrong(format!(
                "there is no {file}; build it with `make build`, or name it with --component"
            )));
        }
        let absolute = files.iter().map(std::path::absolute).collect::<Result<_, _>>();
        Ok(absolute.context("cannot tell where the component is")?)
    }

    fn settings(&self) -> serde_json::Value {
        json!({
            "topic": self.topic,
            "records": self.records(),
            "fresh_records": self.fresh_records,
            "size": self.size,
            "partitions": self.partitions,
            "keys": self.keys,
            "headers": self.headers,
            "rounds": self.rounds(),
            "handlers": self.handlers,
            "instances": self.instances,
            "wait_ms": self.wait_ms,
            "metrics": !self.no_metrics,
            "otlp_endpoint": self.otlp_endpoint,
            "latency_seconds": self.latency_time.as_secs_f64(),
            "latency_rounds": self.latency_rounds,
        })
    }
}
