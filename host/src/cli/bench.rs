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
use crate::kafka::load;

mod contender;
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
use latency::Latency;
use records::{SMALLEST_ORDER, Shape};
use report::Report;
use topics::Made;

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
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
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
    /// Instances of the handler that work at once
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
    /// Run the hosts without metrics
    #[arg(long)]
    no_metrics: bool,
    /// Keep the topics that were made
    #[arg(long)]
    keep: bool,
    /// The component [default: the build's bench-rust.wasm]
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self) -> Done {
        crate::telemetry::log::start(Default::default(), "error");
        let component = self.component()?;
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
        let (config, _) = self.cluster.config()?;
        let cluster = KafkaCluster::new(config.kafka.clone());
        let interrupted = super::dlq::interrupt::watch()?;
        let name = format!("sandbus-bench-{:08x}", fastrand::u32(..));
        let mut made = Made::new(&cluster, self.keep)?;
        let end = made.topic(format!("{name}.end"), 1)?;
        let out = match self.handler {
            Mode::Publish => Some(made.topic(format!("{name}.out"), self.partitions)?),
            _ => None,
        };
        let setup = Setup {
            config,
            cluster,
            component,
            mode: self.handler,
            wait: Duration::from_millis(self.wait_ms),
            instances: self.instances,
            metrics: !self.no_metrics,
            end,
            out,
            interrupted,
        };
        let mut report = Report::new(&setup, self.settings());
        if self.rounds() > 0 {
            self.throughput(&setup, &contenders, &name, &mut made, &mut report)?;
        }
        if self.latency {
            let live = made.topic(format!("{name}.live"), self.partitions)?;
            let latency = Latency { setup: &setup, topic: live, shape: self.shape(), time: self.latency_time };
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
        let (topic, records) = match &self.topic {
            Some(topic) => {
                let ends = load::ends(&setup.cluster, topic)?;
                let records = ends.iter().map(|(first, end)| u64::try_from(end - first).unwrap_or_default()).sum();
                anyhow::ensure!(records > 1, "the topic {topic:?} is empty: there is nothing to read");
                (Arc::from(topic.as_str()), records)
            }
            None => self.filled(setup, name, self.records(), made)?,
        };
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
                    Contender::Bare => contender::bare(&setup.cluster, topic, *records)?,
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
            anyhow::ensure!(u64::try_from(came) == Ok(records), "{came} of {records} events were published");
        }
        Ok(measured)
    }

    fn filled(&self, setup: &Setup, name: &str, records: u64, made: &mut Made) -> anyhow::Result<(Arc<str>, u64)> {
        let topic = made.topic(name.to_owned(), self.partitions)?;
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

    /// Beside the program, as `make build` leaves it.
    fn component(&self) -> Result<PathBuf, Failure> {
        let file = match &self.component {
            Some(file) => file.clone(),
            None => {
                let program = std::env::current_exe().context("cannot tell where this program is")?;
                let target = program.parent().and_then(Path::parent).unwrap_or(Path::new("target"));
                target.join("components").join("bench-rust.wasm")
            }
        };
        if !file.is_file() {
            let file = file.display();
            return Err(Failure::Wrong(format!(
                "there is no {file}; build it with `make build`, or name it with --component"
            )));
        }
        Ok(std::path::absolute(file).context("cannot tell where the component is")?)
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
            "instances": self.instances,
            "wait_ms": self.wait_ms,
            "metrics": !self.no_metrics,
            "latency_seconds": self.latency_time.as_secs_f64(),
        })
    }
}
