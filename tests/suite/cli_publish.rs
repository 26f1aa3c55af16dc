//! `sandbus publish` on a real Kafka: what stands in a line is what stands in the topic.

mod forms;
mod trouble;

use sandbus_tests::{Connection, Deployment, Topic};

use super::cli_outcome::Outcome;

/// Publishes `input` to `topic` of the shared broker.
#[track_caller]
fn publish(topic: &Topic, input: &str, arguments: &[&str]) -> Outcome {
    let connection = Connection::shared();
    let fixed = ["publish", "--bootstrap-servers", connection.bootstrap(), "--topic", topic.name()];
    let outcome = Outcome::with_input(&Deployment::new(""), &[&fixed, arguments].concat(), input);
    outcome.hiding(connection.bootstrap(), "[KAFKA]").hiding(topic.name(), "[TOPIC]")
}
