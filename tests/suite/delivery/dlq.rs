//! Dead letters and what becomes of them: `sandbus dlq` on a real Kafka, with and without hosts.

mod interrupted;
mod listed;
mod purged;
mod redriven;
mod refused;

use sandbus_tests::{Deployment, Record, StoredRecord, Topic};

use super::stage::{Probe, Stage};
use crate::cli_outcome::Outcome;

/// What a dead letter in a test says of itself, unless the test says otherwise.
const FACTS: &[(&str, &str)] = &[
    ("dlq_reason", "max_retries_exceeded"),
    ("dlq_error_type", "Broken"),
    ("dlq_error_message", "it is broken"),
    ("dlq_retry_count", "3"),
    ("dlq_timestamp", "2026-01-01T12:00:00.123456+00:00"),
    ("dlq_original_timestamp", "1600000000123"),
    ("dlq_original_topic", "TOPIC"),
    ("dlq_original_partition", "0"),
    ("dlq_original_offset", "42"),
    ("dlq_consumer_group", "GROUP"),
    ("dlq_handler", "probe"),
    ("dlq_handler_digest", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
];

impl Stage {
    /// With the topic of dead letters, as a host makes it.
    fn with_dead_letters(partitions: i32) -> Stage {
        let stage = Stage::new(partitions);
        let _ = Topic::create_named(&stage.connection, stage.topic.dead_letters().name(), partitions);
        stage
    }

    /// A dead letter of the stage's topic and group. A fact without text is left out.
    fn letter(&self, changes: &[(&str, &str)]) -> Record {
        let mut record = Record::event("Tried", "{\"n\":1}").key("k");
        for (name, text) in FACTS {
            let text = changes.iter().find(|(changed, _)| changed == name).map_or(*text, |(_, text)| text);
            let text = text.replace("TOPIC", self.topic.name()).replace("GROUP", self.group.name());
            if !text.is_empty() {
                record = record.header(name, text);
            }
        }
        let added = changes.iter().filter(|(name, _)| FACTS.iter().all(|(known, _)| known != name));
        added.fold(record, |record, (name, text)| record.header(name, text))
    }

    /// The redrive topic of the stage's topic for its group, or an own one of it.
    fn redrives(&self, own: &str) -> Topic {
        let dot = if own.is_empty() { "" } else { "." };
        let name = format!("{}.{}{dot}{own}.redrive", self.topic.name(), self.group.name());
        Topic::named(&self.connection, &name)
    }

    /// Another host's configuration for the same topics and group.
    fn again(&self) -> Stage {
        let mut stage = Stage::with(&self.connection, self.topic.clone(), self.results.clone());
        stage.group = self.group.clone();
        stage
    }

    /// Runs `sandbus dlq` with the stage's configuration.
    #[track_caller]
    fn dlq(&self, arguments: &[&str]) -> Outcome {
        self.dlq_in(&self.deploy(), arguments)
    }

    /// As [`Stage::dlq`], where it may have another configuration.
    #[track_caller]
    fn dlq_in(&self, deployment: &Deployment, arguments: &[&str]) -> Outcome {
        Outcome::of(deployment, &[&["dlq"], arguments].concat())
            .hiding(self.topic.name(), "[TOPIC]")
            .hiding(self.group.name(), "[GROUP]")
            .hiding(self.connection.bootstrap(), "[KAFKA]")
    }

    /// Where the dead letter with that offset in partition 0 stands.
    fn position(&self, offset: i64) -> String {
        format!("{}/0/{offset}", self.topic.dead_letters().name())
    }
}

/// A probe that gives up what fails `after` that many retries.
fn probe(name: &str, retries: u32) -> Probe {
    Probe::named(name).line(&format!("max_retries = {retries}"))
}

/// Which dead letters the records of a redrive topic are about, in their order.
fn about(redrives: &[StoredRecord]) -> Vec<String> {
    redrives
        .iter()
        .map(|record| record.header("sandbus_redrive").expect("a redrive names its letter").to_owned())
        .collect()
}

/// What became of each dead letter, by position.
fn states(outcome: &Outcome) -> Vec<(String, String)> {
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().expect("text").to_owned();
    outcome.json_lines().iter().map(|line| (text(line, "position"), text(line, "state"))).collect()
}
