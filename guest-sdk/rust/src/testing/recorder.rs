//! What stands behind the imports of a native build: configuration and grants given, calls
//! recorded, ill-formed ones refused as the real host refuses them.

use std::collections::{BTreeMap, BTreeSet};

use super::{LogLine, pattern};
use crate::http::{Error, Request, Response};
use crate::{Message, Refusal};

/// Longest metric name and attribute key, in bytes.
const MAX_NAME: usize = 64;
/// Longest topic name of Kafka, in bytes.
const MAX_TOPIC: usize = 249;

#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) grants: Vec<String>,
    /// What servers answer: method, address, answer.
    pub(crate) answers: Vec<(String, String, Response)>,
    /// Indices given to `batch.at`.
    pub(crate) announced: Vec<u32>,
    pub(super) logs: Vec<LogLine>,
    pub(super) sent: Vec<Message>,
    pub(super) requests: Vec<Request>,
    pub(super) measurements: Vec<Measurement>,
}

/// One recording of a metric.
#[derive(Clone, Debug)]
pub(crate) struct Measurement {
    pub(crate) name: String,
    pub(crate) number: Number,
    pub(crate) attributes: Vec<(String, String)>,
}

/// The instrument's kind, with what was recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Counter(u64),
    Histogram(f64),
    UpDown(i64),
}

impl Recorder {
    /// The same configuration, grants and answers, nothing recorded.
    pub(super) fn for_next_try(&self) -> Self {
        let (config, grants, answers) = (self.config.clone(), self.grants.clone(), self.answers.clone());
        Self { config, grants, answers, ..Self::default() }
    }

    pub(crate) fn log(&mut self, line: LogLine) {
        // The test's own output shows it when the test fails.
        println!("{line}");
        self.logs.push(line);
    }

    pub(crate) fn publish(&mut self, message: Message) -> Result<(), Refusal> {
        let topic = &message.topic;
        if !is_topic(topic) {
            return Err(Refusal::new("bad_topic", format!("no topic has the name {topic:?}")));
        }
        if !self.grants.iter().any(|grant| pattern::matches(grant, topic)) {
            return Err(Refusal::new("denied", format!("no publish grant for {topic:?}")));
        }
        self.sent.push(message);
        Ok(())
    }

    pub(crate) fn answer(&mut self, request: Request) -> Result<Response, Error> {
        let is_asked =
            |(method, url, _): &&(String, String, Response)| *method == request.method && *url == request.url;
        let Some((.., answer)) = self.answers.iter().find(is_asked) else {
            let message = format!("no test answers {} {}", request.method, request.url);
            return Err(Error::new("http_request_denied", message));
        };
        let answer = answer.clone();
        self.requests.push(request);
        Ok(answer)
    }

    pub(crate) fn measure(&mut self, measurement: Measurement) -> Result<(), Refusal> {
        let name = &measurement.name;
        if !is_name(name) {
            return Err(Refusal::new("bad_name", format!("no metric has the name {name:?}")));
        }
        let mut keys = BTreeSet::new();
        for (key, _) in &measurement.attributes {
            if !is_name(key) || !keys.insert(key) {
                return Err(Refusal::new("bad_attribute", format!("{key:?} of {name:?} is ill-formed or there twice")));
            }
        }
        if matches!(measurement.number, Number::Histogram(value) if !value.is_finite()) {
            return Err(Refusal::new("bad_value", format!("a value of {name:?} is not finite")));
        }
        self.measurements.push(measurement);
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let well_formed = bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    well_formed && name.len() <= MAX_NAME && !name.ends_with("_total")
}

fn is_topic(topic: &str) -> bool {
    let well_formed = topic.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    well_formed && (1..=MAX_TOPIC).contains(&topic.len()) && !matches!(topic, "." | "..")
}
