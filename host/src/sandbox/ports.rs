//! What a guest reaches outside the sandbox, as the sandbox sees it: log lines, metrics and what is known of its requests go
//! to a [`GuestSink`], whoever that is, which also hears of the memory that its instances have.

use std::time::Instant;

use crate::config::HttpOrigin;
use crate::delivery::ports::{Mark, Try};

/// How much a guest's log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For whoever looks into a problem.
    Debug,
    /// What happens.
    Info,
    /// Something odd.
    Warn,
    /// Something failed.
    Error,
}

/// A handler's own metric.
#[derive(Clone, Debug, PartialEq)]
pub struct GuestMetric<'a> {
    /// As the guest names it.
    pub name: &'a str,
    /// What is recorded.
    pub value: GuestValue,
    /// Keys and values.
    pub attributes: &'a [(&'a str, &'a str)],
}

/// What a guest records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GuestValue {
    /// Added to a counter.
    Counter(u64),
    /// Recorded in a histogram.
    Histogram(f64),
    /// Added to, or taken from, an up-down counter.
    UpDown(i64),
}

/// Why an import did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of the codes in `wit/types.wit`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// Takes what guests log and count.
pub trait GuestSink: Send + Sync {
    /// One line, without control characters. `None`: outside of a try.
    fn log(&self, of: Option<&Try>, level: LogLevel, line: &str);

    /// One measurement.
    ///
    /// # Errors
    /// Where it is ill-formed or one too many.
    fn metric(&self, metric: &GuestMetric<'_>) -> Result<(), Refusal>;

    /// An instance has taken so many more bytes of memory or, where that is below zero, is gone and has given them back.
    fn memory(&self, bytes: i64) {
        let _ = bytes;
    }

    /// Where a request that this try is about to send stands in its trace: W3C's `traceparent` for its headers, and a
    /// mark, if it is followed, for [`Self::answered`].
    fn requests(&self, _of: &Try) -> (Option<String>, Option<Mark>) {
        (None, None)
    }

    /// A request was answered, or was not.
    fn answered(&self, _mark: Mark, _request: &WebRequest<'_>) {}
}

/// A request of a guest that is over, as far as its answer has begun.
#[derive(Clone, Debug, PartialEq)]
pub struct WebRequest<'a> {
    /// Its method.
    pub method: &'a str,
    /// The server.
    pub server: &'a HttpOrigin,
    /// The path, without what is asked of it.
    pub path: &'a str,
    /// When it began.
    pub began: Instant,
    /// The status of its answer, or why there is none.
    pub ended: Result<u16, &'a str>,
}
