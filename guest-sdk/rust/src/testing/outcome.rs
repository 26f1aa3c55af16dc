//! What a try left behind.

use std::fmt::{self, Display};

use serde::de::DeserializeOwned;

use super::{Measurement, Number, Recorder};
use crate::http::Request;
use crate::log::Level;
use crate::metrics::Attributes;
use crate::{Error, Message, Verdict};

/// One log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// The line's text.
    pub message: String,
}

impl Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        write!(f, "{level}: {}", self.message)
    }
}

/// One message that a try sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The topic.
    pub topic: String,
    /// The key, if there is one.
    pub key: Option<Vec<u8>>,
    /// The value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Names and values, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Published {
    /// The first value of that header, if there is one and it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|header| header.0 == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }

    /// The value read as JSON; a tombstone reads as `null`.
    ///
    /// # Errors
    ///
    /// A value that is not the JSON that `T` expects.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.value.as_deref().unwrap_or(b"null"))
    }

    fn of(message: Message) -> Self {
        let headers = message.headers.into_iter();
        Self {
            topic: message.topic,
            key: message.key,
            value: message.value,
            headers: headers.map(|header| (header.name, header.value)).collect(),
        }
    }
}

/// One try: the verdict or error it ended in, and what it did through the imports.
#[derive(Clone, Debug)]
pub struct Outcome {
    result: Result<Verdict, Error>,
    logs: Vec<LogLine>,
    sent: Vec<Published>,
    requests: Vec<Request>,
    measurements: Vec<Measurement>,
}

impl Outcome {
    pub(super) fn new(result: Result<Verdict, Error>, recorder: Recorder) -> Self {
        Self {
            result,
            logs: recorder.logs,
            sent: recorder.sent.into_iter().map(Published::of).collect(),
            requests: recorder.requests,
            measurements: recorder.measurements,
        }
    }

    /// The HTTP requests that were answered, in order.
    pub fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// What the try ended in.
    pub fn result(&self) -> &Result<Verdict, Error> {
        &self.result
    }

    /// Log lines, in order.
    pub fn logs(&self) -> &[LogLine] {
        &self.logs
    }

    /// Messages that leave for the broker: all that were sent if the try ended in `ack`, else
    /// none.
    pub fn published(&self) -> &[Published] {
        match self.result {
            Ok(Verdict::Ack) => &self.sent,
            _ => &[],
        }
    }

    /// Messages that the handler sent, whatever the verdict.
    pub fn sent(&self) -> &[Published] {
        &self.sent
    }

    /// What was added to the counter, over all attributes.
    pub fn counter(&self, name: &str) -> u64 {
        self.counted(name, |_| true)
    }

    /// What was added to the counter with exactly these attributes, in this order.
    pub fn counter_with(&self, name: &str, attributes: Attributes<'_>) -> u64 {
        self.counted(name, |measurement| {
            let given = measurement.attributes.iter();
            given.map(|(key, value)| (key.as_str(), value.as_str())).eq(attributes.iter().copied())
        })
    }

    /// The values recorded in the histogram, in order, over all attributes.
    pub fn histogram(&self, name: &str) -> Vec<f64> {
        let named = self.named(name);
        named
            .filter_map(|measurement| match measurement.number {
                Number::Histogram(value) => Some(value),
                Number::Counter(_) | Number::UpDown(_) => None,
            })
            .collect()
    }

    /// The sum of what was added to and taken from the up-down counter, over all attributes.
    pub fn updown(&self, name: &str) -> i64 {
        let named = self.named(name);
        named
            .filter_map(|measurement| match measurement.number {
                Number::UpDown(value) => Some(value),
                Number::Counter(_) | Number::Histogram(_) => None,
            })
            .sum()
    }

    /// # Panics
    ///
    /// Unless the try ended in [`Verdict::Ack`].
    #[track_caller]
    pub fn assert_ack(&self) {
        self.assert_verdict(Verdict::Ack);
    }

    /// # Panics
    ///
    /// Unless the try ended in [`Verdict::Skip`].
    #[track_caller]
    pub fn assert_skip(&self) {
        self.assert_verdict(Verdict::Skip);
    }

    /// # Panics
    ///
    /// Unless the try ended in this verdict.
    #[track_caller]
    pub fn assert_verdict(&self, verdict: Verdict) {
        assert_eq!(self.result, Ok(verdict));
    }

    /// The error that the try ended in.
    ///
    /// # Panics
    ///
    /// Unless the try ended in an error of this kind.
    #[track_caller]
    pub fn assert_error(&self, kind: &str) -> &Error {
        match &self.result {
            Err(error) if error.kind() == kind => error,
            other => {
                panic!("an error of the kind {kind:?} was expected, the try ended in {other:?}")
            }
        }
    }

    fn counted(&self, name: &str, wanted: impl Fn(&Measurement) -> bool) -> u64 {
        let named = self.named(name).filter(|measurement| wanted(measurement));
        named
            .filter_map(|measurement| match measurement.number {
                Number::Counter(value) => Some(value),
                Number::Histogram(_) | Number::UpDown(_) => None,
            })
            .sum()
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &Measurement> {
        self.measurements.iter().filter(move |measurement| measurement.name == name)
    }
}
