//! Hostile and good handlers together in one host, for as long as is wished: `make soak MINUTES=60`.
//!
//! A good handler and a bad neighbour share a group under a steady load. Beside them the cases of the catalogue come and
//! go, eight at a time for half a minute, each in a group of its own, and each is given events all the time. When all have
//! been there, none is for another half a minute: what the host holds in these rests is compared, for while they are there
//! it depends on which. Meanwhile the good handler's file changes: to another version of it, and, by turns, to
//! each component that must not be loaded. In the end each of the good handler's events was acknowledged once and in the
//! order of its key, and memory has not grown from rest to rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use sandbus_tests::host::{Metrics, built};
use sandbus_tests::hostile::{self, CASES, Case, Resources, Steady, hourly_growth, mixed};
use sandbus_tests::{Connection, Deployment, Group, Host, Topic, eventually, names};
use serde_json::{Value, json};

/// Runs hostile and good handlers together, and looks whether anything grows.
///
/// Exit status 0: nothing is lost, and memory is flat. 1: it is not.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,

    /// Events per second for the good handler and its neighbour
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,

    /// Seconds that the same cases are there
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    wave: u64,

    /// Only the cases of these names, for whoever looks for the one that makes memory grow
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    cases: Vec<String>,

    /// Where all samples are written, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

const SOON: Duration = Duration::from_secs(120);
const SAMPLE: Duration = Duration::from_secs(10);
/// The same in a rest: what is freed and taken within seconds differs by more from one look to the next than what is
/// looked for from one rest to the next.
const REST_SAMPLE: Duration = Duration::from_secs(2);
/// A rest begins when the last case has left, and counts after this part of it: threads end, and memory is given back.
const SETTLE: f64 = 1.0 / 3.0;
/// Cases that are there at a time.
const TOGETHER: usize = 8;
/// Between two events for each of them.
const EVENT: Duration = Duration::from_secs(2);
/// Between two files in the good handler's place.
const RELOAD: Duration = Duration::from_secs(15);
/// What memory may rise by over the rests of the last two thirds of the time: in MiB, or as a share of it, whichever is more.
const RISE: (f64, f64) = (16.0, 0.05);

/// One look at the host.
struct Sample {
    seconds: f64,
    /// In a rest, when all cases have been there and none is.
    rest: bool,
    resources: Resources,
    lag: f64,
    acks: f64,
    faults: f64,
    applied: f64,
    refused: f64,
}

struct Topics {
    good: Topic,
    results: Topic,
    hostile: Topic,
    granted: Topic,
    forbidden: Topic,
}

struct Soak {
    cases: Vec<&'static Case>,
    /// How long the same ones are there.
    wave: Duration,
    host: Host,
    topics: Topics,
    configuration: String,
    start: Instant,
    samples: Vec<Sample>,
    /// Files put in the good handler's place so far.
    files: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let connection = Connection::shared();
    let create = |what: &str, partitions| Topic::create_named(&connection, &names::unique(what), partitions);
    let topics = Topics {
        good: create("soak", 3),
        results: create("soak-results", 1),
        hostile: create("soak-hostile", 1),
        granted: create("soak-granted", 1),
        forbidden: create("soak-forbidden", 1),
    };
    let group = Group::named(&connection, &names::unique("soak"));
    let configuration = configuration(&connection, &topics, group.name());
    let mut deployment =
        Deployment::new(&configuration).handler("good", "probe-rust").handler("neighbour", "probe-rust");
    for case in CASES.iter().filter(|case| case.ends.is_loaded()) {
        deployment = deployment.write(&format!("hostile/{}.wasm", case.name), case.component());
    }
    let mut host = deployment.start();
    host.wait_ready(SOON);
    let configuration = fs::read_to_string(host.directory().join("sandbus.toml")).expect("a configuration");
    let load = Steady::start(&connection, topics.good.name(), arguments.rate, mixed);
    let wanted = |case: &&Case| arguments.cases.is_empty() || arguments.cases.iter().any(|name| name == case.name);
    let cases: Vec<_> = CASES.iter().filter(|case| case.ends.is_loaded()).filter(wanted).collect();
    assert!(!cases.is_empty(), "there are no cases of the names {:?}", arguments.cases);
    let wave = Duration::from_secs(arguments.wave);
    let mut soak =
        Soak { cases, wave, host, topics, configuration, start: Instant::now(), samples: Vec::new(), files: 0 };
    soak.run(Duration::from_secs(arguments.minutes * 60));

    soak.reconfigure(&[]);
    let written = load.end();
    let written = i64::try_from(written).expect("a small number");
    group.wait_committed_sum(&soak.topics.good, written, SOON);
    soak.sample(false);
    let mut wrong = soak.judge_acks();
    let ended = soak.host.terminate(Duration::from_secs(30));
    if !ended.success() {
        wrong.push(format!("the host ended with {ended}"));
    }
    let summary = soak.summary(&arguments, written, &mut wrong);
    if let Some(file) = &arguments.json {
        let text = serde_json::to_string_pretty(&summary).expect("JSON");
        fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
    for line in &wrong {
        println!("wrong: {line}");
    }
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn configuration(connection: &Connection, topics: &Topics, group: &str) -> String {
    let results = topics.results.name();
    let handler = |name: &str, keys: &str| {
        format!(
            "[[handler]]\nname = {name:?}\ncomponent = \"handlers/{name}.wasm\"\nretry_base_delay = \"10ms\"\n\
             quarantine_tries = 0\n{keys}\n[handler.config]\nresults = {results:?}\nname = {name:?}\n\
             [handler.grants]\npublish = [{results:?}]\n"
        )
    };
    format!(
        "[kafka]\nbootstrap_servers = {:?}\ntopics = [{:?}]\nconsumer_group = {group:?}\n\n{}{}",
        connection.bootstrap(),
        topics.good.name(),
        handler("good", "events = [\"Good\"]\ncpu_time = \"20s\"\ntimeout = \"60s\""),
        handler("neighbour", "events = [\"Hostile\"]\ncpu_time = \"100ms\"\nmax_retries = 0\nrollback_after = 0"),
    )
}

impl Soak {
    /// How long it takes until each case has been there, and none.
    fn round(&self) -> Duration {
        self.wave * u32::try_from(self.cases.len().div_ceil(TOGETHER) + 1).expect("a small number")
    }

    fn run(&mut self, time: Duration) {
        println!("   s   RSS MiB   fds  threads    lag     acks   faults  reloads  refused");
        let cases = self.cases.clone();
        let mut waves = cases.chunks(TOGETHER).chain([&[][..]]).cycle();
        let mut present: &[&Case] = &[];
        // Since when none of them is there.
        let mut alone = None;
        // When each is due.
        let [mut wave, mut event, mut reload, mut sample] = [Duration::ZERO; 4];
        let mut events = 0;
        while self.start.elapsed() < time {
            let now = self.start.elapsed();
            let is_due = |due: &mut Duration, every: Duration| {
                let reached = now >= *due;
                if reached {
                    *due = now + every;
                }
                reached
            };
            if is_due(&mut wave, self.wave) {
                present = waves.next().expect("they go round");
                self.reconfigure(present);
                alone = present.is_empty().then(|| {
                    self.wait_alone();
                    self.start.elapsed()
                });
                if let Some(since) = alone {
                    (wave, sample) = (since + self.wave, since + self.wave.mul_f64(SETTLE));
                }
            }
            if is_due(&mut event, EVENT) {
                events += 1;
                self.topics.hostile.write(present.iter().map(|case| case.event(events)));
            }
            if is_due(&mut reload, RELOAD) {
                self.change_file();
            }
            if is_due(&mut sample, if alone.is_some() { REST_SAMPLE } else { SAMPLE }) {
                self.sample(alone.is_some());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn reconfigure(&mut self, cases: &[&Case]) {
        // A file that is refused refuses the whole configuration.
        if self.files.is_multiple_of(2) {
            self.change_file();
        }
        let topics = &self.topics;
        let stage = hostile::Stage {
            topic: topics.hostile.name(),
            granted: topics.granted.name(),
            forbidden: topics.forbidden.name(),
        };
        let handlers: String = cases.iter().map(|case| case.handler(stage)).collect();
        put(&self.host.directory().join("sandbus.toml"), format!("{}{handlers}", self.configuration).as_bytes());
        self.host.signal(libc::SIGHUP);
    }

    /// A rest begins when the cases have left: on a busy machine that takes a while.
    fn wait_alone(&self) {
        eventually("the cases to have left", SOON, || {
            let page = self.host.get("/metrics")?;
            let metrics = metrics(&page.body);
            let own = [[("handler_name", "good")], [("handler_name", "neighbour")]];
            let handlers = metrics.named("sandbus_handler_info").into_iter();
            match handlers.filter(|handler| !own.iter().any(|own| handler.has(own))).count() {
                0 => Ok(()),
                left => Err(format!("{left} are there")),
            }
        });
    }

    /// Another version of the good handler, and then what must not take its place.
    fn change_file(&mut self) {
        self.files += 1;
        // One that wants nothing is refused only where `events` does not say what it gets, as it does here.
        let is_refused = |case: &&Case| !case.ends.is_loaded() && case.name != "describe-nothing";
        let refused: Vec<_> = CASES.iter().filter(is_refused).collect();
        let file = self.host.directory().join("handlers/good.wasm");
        if self.files.is_multiple_of(2) {
            refused[self.files / 2 % refused.len()].put(&file);
            return;
        }
        let mut bytes = fs::read(built::component("probe-rust")).expect("a built probe");
        // A custom section with a name of seven bytes: another digest, and the same code.
        bytes.extend([0, 12, 7]);
        bytes.extend(b"version");
        bytes.extend(u32::try_from(self.files).expect("a small number").to_le_bytes());
        put(&file, &bytes);
    }

    fn sample(&mut self, rest: bool) {
        let resources = Resources::of(self.host.id()).unwrap_or_else(|error| panic!("the host has ended: {error}"));
        let page = eventually("/metrics to answer", SOON, || self.host.get("/metrics"));
        let metrics = metrics(&page.body);
        let sum = |name: &str, labels: &[(&str, &str)]| metrics.sum(name, labels).unwrap_or_default();
        let reloads =
            |outcome: &str| sum("sandbus_handler_reloads_total", &[("handler_name", "good"), ("outcome", outcome)]);
        let sample = Sample {
            seconds: self.start.elapsed().as_secs_f64(),
            rest,
            resources,
            lag: sum("kafka_eventbus_consumer_lag", &[("topic", self.topics.good.name())]),
            acks: sum("sandbus_handler_verdicts_total", &[("handler_name", "good"), ("verdict", "ack")]),
            faults: sum("sandbus_handler_faults_total", &[]),
            applied: reloads("applied"),
            refused: reloads("refused"),
        };
        let Sample { seconds, rest, resources, lag, acks, faults, applied, refused } = &sample;
        println!(
            "{seconds:>4.0} {:>9.1} {:>5} {:>8} {lag:>6} {acks:>8} {faults:>8} {applied:>8} {refused:>8}{}",
            resources.mebibytes(),
            resources.files,
            resources.threads,
            if *rest { "  rest" } else { "" }
        );
        self.samples.push(sample);
    }

    /// Whether each event of the good handler was acknowledged once, and those of a key in their order.
    fn judge_acks(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let good = self.topics.good.read();
        let good = good.iter().filter(|record| record.header("event_type") == Some("Good"));
        let expected: BTreeSet<_> = good.map(|record| (record.partition, record.offset)).collect();
        let (mut found, mut last) = (BTreeSet::new(), BTreeMap::new());
        let results = self.topics.results.read();
        for result in &results {
            let number = |name: &str| result.header(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
            let place = (number("probe_partition") as i32, number("probe_offset"));
            let before = last.insert(&result.key, place);
            if before.is_some_and(|before| before >= place) || !found.insert(place) {
                wrong.push(format!("{place:?} came after {before:?}"));
            }
        }
        let results = results.len();
        if found != expected {
            let missing: Vec<_> = expected.difference(&found).collect();
            let (some, all) = (&missing[..missing.len().min(20)], expected.len());
            wrong.push(format!(
                "{} of {all} events were not acknowledged, such as {some:?}; there are {results} results",
                missing.len()
            ));
        }
        for topic in [&self.topics.granted, &self.topics.forbidden] {
            let count = topic.read().len();
            if count > 0 {
                wrong.push(format!("{count} records were published to {}", topic.name()));
            }
        }
        wrong
    }

    fn summary(&self, arguments: &Arguments, written: i64, wrong: &mut Vec<String>) -> Value {
        // The last sample was taken when the hostile handlers were gone.
        let (last, during) = self.samples.split_last().expect("one was taken in the end");
        let whole = last.seconds;
        let late: Vec<_> = during.iter().filter(|sample| sample.seconds > whole / 3.0).collect();
        let rests = late.chunk_by(|a, b| a.rest == b.rest).filter(|samples| samples.iter().all(|sample| sample.rest));
        let points: Vec<_> = rests
            .map(|rest| {
                let mean = |of: fn(&Sample) -> f64| average(rest.iter().map(|sample| of(sample)));
                (mean(|sample| sample.seconds), mean(|sample| sample.resources.mebibytes()))
            })
            .collect();
        let mean = average(points.iter().map(|point| point.1));
        let hourly = hourly_growth(&points);
        let rise = hourly * whole * 2.0 / 3.0 / 3600.0;
        let allowed = RISE.0.max(RISE.1 * mean);
        if points.len() < 2 {
            println!(
                "too short to say whether memory rises: the cases take {} s to come round",
                self.round().as_secs()
            );
        } else if rise > allowed {
            wrong.push(format!("memory rises: by {rise:.1} MiB over the last two thirds; {allowed:.1} is allowed"));
        }
        let range = |of: fn(&Sample) -> usize| {
            let values = late.iter().map(|sample| of(sample));
            [values.clone().min().unwrap_or_default(), values.max().unwrap_or_default()]
        };
        let (files, threads) = (range(|sample| sample.resources.files), range(|sample| sample.resources.threads));
        println!(
            "{written} events written at {} each second, {} files in the good one's place",
            arguments.rate, self.files
        );
        println!(
            "over the last two thirds: {mean:.1} MiB on average at {} rests, rising by {hourly:.1} MiB each hour; \
             {} to {} file descriptors, {} to {} threads; peak {} MiB",
            points.len(),
            files[0],
            files[1],
            threads[0],
            threads[1],
            self.samples.iter().map(|sample| sample.resources.memory >> 20).max().unwrap_or_default()
        );
        json!({
            "minutes": arguments.minutes,
            "rate": arguments.rate,
            "written": written,
            "mean_mib": mean,
            "growth_mib_per_hour": hourly,
            "files": files,
            "threads": threads,
            "wrong": wrong,
            "samples": self.samples.iter().map(|sample| json!({
                "seconds": sample.seconds,
                "rest": sample.rest,
                "rss_mib": sample.resources.mebibytes(),
                "files": sample.resources.files,
                "threads": sample.resources.threads,
                "lag": sample.lag,
                "acks": sample.acks,
                "faults": sample.faults,
                "reloads": sample.applied,
                "refused": sample.refused,
            })).collect::<Vec<_>>(),
        })
    }
}

fn average(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn metrics(page: &str) -> Metrics {
    Metrics::parse(page).unwrap_or_else(|error| panic!("a guest has spoiled /metrics: {error}"))
}

fn put(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path)).expect("the folder can be written");
}
