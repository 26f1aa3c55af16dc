//! `sandbus demo`: example handlers at work on a broker inside the process, and what came of it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use crossbeam_channel::unbounded;

use super::{Done, Failure, print_line};
use crate::app::{Host, StartError};
use crate::config::{Config, places, redrive_topic};
use crate::delivery::ports::{Producer as _, Signal};
use crate::event::{Event, RecordBuilder};
use crate::kafka::Cluster as KafkaCluster;
use crate::kafka::embedded::EmbeddedBroker;
use crate::kafka::producer::SharedProducer;

mod shop;
mod tally;

use shop::Shop;
use tally::Tally;

const TOPIC: &str = "shop.stream";
const NOTIFICATIONS: &str = "shop.notifications";
const GROUP: &str = "demo";
const PARTITIONS: i32 = 4;

/// The example components that take part.
const COMPONENTS: [&str; 4] = ["order-projection", "payment-check", "notify", "audit"];

/// Watch example handlers at work: embedded broker, real events, the whole path
///
/// Needs no Kafka and no configuration. Starts a broker inside the process, lets a small shop write
/// orders and payments, some of them broken, and shows what each handler did with them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  make build && sandbus demo --events 10000")]
pub struct Demo {
    /// How many events the shop writes
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(100..=200_000))]
    events: u32,
    /// Folder with the example components [default: the build's]
    #[arg(long, value_name = "DIR")]
    components: Option<PathBuf>,
    /// Give up after that long
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(super) fn run(self) -> Done {
        crate::telemetry::log::start(Default::default(), "error");
        let folder = std::path::absolute(self.folder()?).context("cannot tell where the components are")?;
        let broker = EmbeddedBroker::start()?;
        let dead_letters = format!("{TOPIC}.dlq");
        for topic in [TOPIC, NOTIFICATIONS, &dead_letters] {
            broker.create_topic(topic, PARTITIONS)?;
        }
        broker.create_topic(&redrive_topic(TOPIC, GROUP), 1)?;
        // Handlers that happen to be in the current directory take no part.
        let nowhere = folder.join("no-such-folder");
        let text = configuration(broker.bootstrap_servers(), &folder);
        let config = Config::from_text(&text, &nowhere, places())?;
        let tally = Arc::new(Tally::default());
        let started = Instant::now();
        self.say(&format!("starting an embedded broker at {} and loading handlers", broker.bootstrap_servers()));
        let kafka = config.kafka.clone();
        let watching = tally.clone();
        let host =
            Host::start(config, Arc::new(move |names| Some(watching.watch(names)))).map_err(|error| match error {
                StartError::Handlers(_) => Failure::Wrong(error.to_string()),
                StartError::Other(error) => error.into(),
            })?;
        self.say(&format!("{} handlers loaded in {:.1} s", COMPONENTS.len(), started.elapsed().as_secs_f64()));
        let expected = self.publish(&kafka, &host)?;
        let finished = self.wait(&host, &tally, expected);
        let metrics = host.telemetry().prometheus()?;
        let ended = host.stop();
        let report = keep(&metrics)?;
        if self.json {
            print_line(&tally.as_json(&report).to_string())?;
        } else {
            print_line(&tally.as_text())?;
            print_line(&format!(
                "The same numbers as Prometheus text: {}\n(a host serves them at http://127.0.0.1:9464/metrics)",
                report.display()
            ))?;
        }
        match (finished, ended.summary.abandoned) {
            (true, 0) => Ok(()),
            _ => Err(Failure::Wrong(format!(
                "not all deliveries ended within {}: {} of {expected}",
                humantime::format_duration(self.timeout),
                tally.finished(),
            ))),
        }
    }

    fn say(&self, line: &str) {
        if !self.json {
            eprintln!("{line}");
        }
    }

    /// Beside the program, as `make build` leaves them.
    fn folder(&self) -> Result<PathBuf, Failure> {
        let folder = match &self.components {
            Some(folder) => folder.clone(),
            None => {
                let program = std::env::current_exe().context("cannot tell where this program is")?;
                let target = program.parent().and_then(Path::parent).unwrap_or(Path::new("target"));
                target.join("components")
            }
        };
        let missing: Vec<_> = COMPONENTS.iter().map(|name| component(&folder, name)).filter(|p| !p.is_file()).collect();
        match missing.first() {
            None => Ok(folder),
            Some(missing) => Err(Failure::Wrong(format!(
                "there is no {}; build the examples with `make build`, or name their folder with --components",
                missing.display()
            ))),
        }
    }

    /// Writes the shop's events, and answers how many deliveries they make.
    fn publish(&self, kafka: &crate::config::Kafka, host: &Host) -> Result<usize, Failure> {
        let producer = SharedProducer::new(&KafkaCluster::new(kafka.clone()))?;
        let (answers_in, answers) = unbounded();
        let door = producer.door(answers_in);
        let mut expected = 0;
        for (index, outgoing) in Shop::new(TOPIC, self.events).enumerate() {
            let mut record = RecordBuilder::new(outgoing.topic.clone(), 0, 0, 0);
            for (name, value) in &outgoing.headers {
                record.header(name, value.as_deref());
            }
            expected += match Event::decode(record.build()) {
                Ok(event) => host.handlers().iter().filter(|handler| handler.wants(&event)).count(),
                // Its dead letter.
                Err(_) => 1,
            };
            door.send(index as u64, Arc::new(outgoing));
        }
        for _ in 0..self.events {
            match answers.recv_timeout(self.timeout) {
                Ok(Signal::Sent(_, Ok(()))) => {}
                Ok(Signal::Sent(_, Err(error))) => {
                    return Err(Failure::Wrong(format!("the embedded broker did not take an event: {error}")));
                }
                Ok(_) => {}
                Err(_) => {
                    let within = humantime::format_duration(self.timeout);
                    return Err(Failure::Wrong(format!("the embedded broker did not take all events within {within}")));
                }
            }
        }
        self.say(&format!("{} events are in the topic {TOPIC}, {expected} deliveries to make", self.events));
        Ok(expected)
    }

    /// Shows progress until every delivery is final, or the time is up.
    fn wait(&self, host: &Host, tally: &Tally, expected: usize) -> bool {
        let deadline = Instant::now() + self.timeout;
        let terminal = std::io::stderr().is_terminal();
        let mut shown = Instant::now();
        loop {
            let finished = tally.finished();
            let done = finished >= expected;
            if done || shown.elapsed() >= Duration::from_millis(500) {
                shown = Instant::now();
                let waiting = host.ready().err().map(|reason| format!("  ({reason})")).unwrap_or_default();
                let line = format!("  {finished} of {expected} deliveries are final{waiting}");
                if terminal && !self.json {
                    eprint!("\r\x1b[K{line}{}", if done { "\n" } else { "" });
                } else {
                    self.say(&line);
                }
            }
            if done || Instant::now() >= deadline {
                return done;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Writes the metrics to a file of their own, which nobody else has made before.
fn keep(metrics: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("sandbus-demo-{:08x}", fastrand::u32(..)));
    let report = folder.join("metrics.txt");
    std::fs::create_dir(&folder)
        .and_then(|()| std::fs::write(&report, metrics))
        .with_context(|| format!("cannot write {}", report.display()))?;
    Ok(report)
}

fn component(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}-rust.wasm"))
}

fn configuration(brokers: &str, folder: &Path) -> String {
    let handlers = COMPONENTS.map(|name| {
        let path = toml::Value::String(component(folder, name).to_string_lossy().into_owned());
        let more = match name {
            "notify" => {
                format!("config = {{ topic = {NOTIFICATIONS:?} }}\ngrants = {{ publish = [{NOTIFICATIONS:?}] }}\n")
            }
            // Its provider is away until the third try, of all that is left in the end: that is no broken handler.
            "payment-check" => "quarantine_tries = 0\nconfig = { provider_retry_ms = 200 }\n".into(),
            _ => String::new(),
        };
        format!("[[handler]]\nname = {name:?}\ncomponent = {path}\n{more}")
    });
    format!(
        "[kafka]\nbootstrap_servers = {brokers:?}\ntopics = [{TOPIC:?}]\nconsumer_group = {GROUP:?}\n\
         [delivery]\nretry_base_delay = \"100ms\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[handlers]\nconcurrency = 2\n{}",
        handlers.concat(),
    )
}
