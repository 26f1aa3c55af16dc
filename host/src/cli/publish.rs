//! `sandbus publish`: events from JSON Lines into a topic.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use crossbeam_channel::{Receiver, unbounded};

use super::{Cluster, Done, Failure};
use crate::delivery::ports::{Producer as _, Signal};
use crate::event::json_lines::ParsedLine;
use crate::kafka::Cluster as KafkaCluster;
use crate::kafka::producer::{ProducerHandle, SharedProducer};

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
        let kafka = self.cluster.kafka()?;
        let topic = self.topic.clone().or_else(|| kafka.topics.first().map(ToString::to_string));
        let producer = SharedProducer::new(&KafkaCluster::new(kafka))?;
        let (answers_in, answers) = unbounded();
        let mut sending =
            Sending { door: producer.door(answers_in), answers, sent: 0, acknowledged: 0, timeout: self.timeout };
        let (name, input): (String, Box<dyn BufRead>) = match &self.file {
            None => ("stdin".into(), Box::new(std::io::stdin().lock())),
            Some(path) => {
                let name = path.display().to_string();
                let file = std::fs::File::open(path)
                    .map_err(|error| Failure::Wrong(format!("cannot read {name}: {error}")))?;
                (name, Box::new(BufReader::new(file)))
            }
        };
        let read = sending.send_all(&name, input, topic.as_deref());
        // What was sent before a bad line is sent: say how much that is.
        let finished = sending.wait(0);
        let acknowledged = sending.acknowledged;
        let sent_anyway = |failure| match failure {
            Failure::Wrong(message) => Failure::Wrong(format!("{message}\n{acknowledged} events were published")),
            other => other,
        };
        read.and(finished).map_err(sent_anyway)?;
        if self.json {
            super::print_line(&serde_json::json!({ "published": acknowledged }).to_string())
        } else {
            eprintln!("{acknowledged} events published");
            Ok(())
        }
    }
}

struct Sending {
    door: ProducerHandle,
    answers: Receiver<Signal>,
    sent: usize,
    acknowledged: usize,
    timeout: Duration,
}

impl Sending {
    fn send_all(&mut self, name: &str, input: Box<dyn BufRead>, topic: Option<&str>) -> Done {
        for (index, line) in input.lines().enumerate() {
            let at = |what: String| Failure::Wrong(format!("{name}, line {}: {what}", index + 1));
            let line = line.map_err(|error| at(format!("cannot be read: {error}")))?;
            if line.trim().is_empty() {
                continue;
            }
            let event = ParsedLine::parse(&line, topic).map_err(|error| at(error.to_string()))?;
            if event.outgoing.headers.iter().any(|(name, _)| name.contains(&0)) {
                return Err(at("the name of a header contains NUL".into()));
            }
            self.wait(WINDOW - 1)?;
            self.sent += 1;
            self.door.send(index as u64 + 1, event.outgoing);
        }
        Ok(())
    }

    /// Waits until no more than `left` events are unanswered.
    fn wait(&mut self, left: usize) -> Done {
        let deadline = Instant::now() + self.timeout;
        while self.sent - self.acknowledged > left {
            match self.answers.recv_deadline(deadline) {
                Ok(Signal::Sent(_, Ok(()))) => self.acknowledged += 1,
                Ok(Signal::Sent(line, Err(error))) => {
                    return Err(Failure::Wrong(format!("line {line}: the broker did not take it: {error}")));
                }
                Ok(_) => {}
                Err(_) => {
                    let unanswered = self.sent - self.acknowledged;
                    return Err(Failure::Wrong(format!(
                        "no acknowledgement of {unanswered} events within {}; is Kafka there? They may have been published or not",
                        humantime::format_duration(self.timeout)
                    )));
                }
            }
        }
        Ok(())
    }
}
