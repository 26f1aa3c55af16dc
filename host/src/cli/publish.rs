//! `sandbus publish`: events from JSON Lines into a topic.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use crossbeam_channel::{Receiver, unbounded};

use super::{Cluster, Done, Failure, counted};
use crate::delivery::ports::{Producer as _, Signal};
use crate::event::json_lines::ParsedLine;
use crate::kafka::Cluster as KafkaCluster;
use crate::kafka::producer::{ProducerHandle, SharedProducer};
use crate::kafka::topics::Topics;

/// Events that may be on their way at once.
const WINDOW: usize = 10_000;

/// Write events to a topic, from JSON Lines
///
/// One event a line: {"type":"OrderCreated","key":"o-1","headers":{"tenant_id":"t"},"value":{...}}.
/// Ends when the broker has acknowledged all of them.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  echo '{\"type\":\"OrderCreated\",\"key\":\"o-1\",\"value\":{\"total\":12.5}}' | sandbus publish --topic events.stream"
)]
pub struct Publish {
    #[command(flatten)]
    cluster: Cluster,
    /// Topic [default: the configuration's first]
    #[arg(short, long)]
    topic: Option<String>,
    /// Read this file instead of stdin
    #[arg(short, long)]
    file: Option<PathBuf>,
    /// How long to wait for the broker's acknowledgements
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    timeout: Duration,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Publish {
    pub(super) fn run(self) -> Done {
        crate::telemetry::log::start(Default::default(), "warn");
        let (name, input): (String, Box<dyn BufRead>) = match &self.file {
            None => ("stdin".into(), Box::new(std::io::stdin().lock())),
            Some(path) => {
                let name = path.display().to_string();
                let file = std::fs::File::open(path)
                    .map_err(|error| Failure::Wrong(format!("cannot read {name}: {error}")))?;
                (name, Box::new(BufReader::new(file)))
            }
        };
        let kafka = self.cluster.kafka()?;
        let cluster = KafkaCluster::new(kafka.clone());
        let producer = SharedProducer::new(&cluster)?;
        let (answers_in, answers) = unbounded();
        let mut sending = Sending {
            name,
            cluster,
            door: producer.door(answers_in),
            answers,
            topics: BTreeSet::new(),
            unanswered: 0,
            acknowledged: 0,
            refused: None,
            timeout: self.timeout,
        };
        let default = kafka.topics.first().map(ToString::to_string);
        let read = sending.send_all(input, self.topic.as_deref(), default.as_deref());
        // What was sent before a bad line is on its way: say how much of it arrived.
        let failure = read.and(sending.wait(0)).and(sending.refused.take().map_or(Ok(()), Err));
        let acknowledged = sending.acknowledged;
        match failure {
            Err(message) => {
                let published = counted(acknowledged, "event");
                let were = if acknowledged == 1 { "was" } else { "were" };
                Err(Failure::Wrong(format!("{message}\n{published} {were} published")))
            }
            Ok(()) if self.json => super::print_line(&serde_json::json!({ "published": acknowledged }).to_string()),
            Ok(()) => {
                eprintln!("{} published", counted(acknowledged, "event"));
                Ok(())
            }
        }
    }
}

struct Sending {
    name: String,
    cluster: KafkaCluster,
    door: ProducerHandle,
    answers: Receiver<Signal>,
    topics: BTreeSet<Arc<str>>,
    unanswered: usize,
    acknowledged: usize,
    /// The first event that the broker did not take.
    refused: Option<String>,
    timeout: Duration,
}

impl Sending {
    fn at(&self, line: u64, what: impl std::fmt::Display) -> String {
        format!("{}, line {line}: {what}", self.name)
    }

    /// Sends every line, until one is no event or is not taken.
    fn send_all(&mut self, input: Box<dyn BufRead>, topic: Option<&str>, default: Option<&str>) -> Result<(), String> {
        for (number, line) in (1..).zip(input.lines()) {
            let line = line.map_err(|error| self.at(number, format!("cannot be read: {error}")))?;
            if line.trim().is_empty() {
                continue;
            }
            let event = ParsedLine::parse(&line, topic, default).map_err(|error| self.at(number, error))?;
            if event.outgoing.headers.iter().any(|(name, _)| name.contains(&0)) {
                return Err(self.at(number, "the name of a header contains NUL"));
            }
            self.wait(WINDOW - 1)?;
            if self.refused.is_some() {
                return Ok(());
            }
            self.unanswered += 1;
            self.topics.insert(event.outgoing.topic.clone());
            self.door.send(number, Arc::new(event.outgoing));
        }
        Ok(())
    }

    /// Waits until no more than `left` events are unanswered.
    fn wait(&mut self, left: usize) -> Result<(), String> {
        let deadline = Instant::now() + self.timeout;
        while self.unanswered > left {
            match self.answers.recv_deadline(deadline) {
                Ok(Signal::Sent(line, answer)) => {
                    self.unanswered -= 1;
                    match answer {
                        Ok(()) => self.acknowledged += 1,
                        Err(error) => {
                            let refused = self.at(line, format!("the broker did not take it: {error}"));
                            self.refused.get_or_insert(refused);
                        }
                    }
                }
                Ok(_) => {}
                Err(_) => return Err(self.unacknowledged()),
            }
        }
        Ok(())
    }

    /// Why nothing is acknowledged: the topic is not there, or Kafka is not.
    fn unacknowledged(&self) -> String {
        let missing = Topics::new(&self.cluster)
            .ok()
            .and_then(|topics| self.topics.iter().find(|topic| matches!(topics.partitions(topic), Ok(None))).cloned());
        let servers = self.cluster.bootstrap_servers();
        match missing {
            Some(topic) => format!("there is no topic {topic:?} at {servers}"),
            None => format!(
                "no acknowledgement of {} within {} from Kafka at {servers}; they may have been published or not",
                counted(self.unanswered, "event"),
                humantime::format_duration(self.timeout)
            ),
        }
    }
}
