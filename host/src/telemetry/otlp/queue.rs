//! What waits to be exported, counted: bounded, and what comes when it is full is dropped and counted.
//!
//! The libraries' own queues behind it have as much room, so that nothing is dropped there, where nobody counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::metrics::{BoundCounter, Meter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord, SdkLogger, SdkLoggerProvider};

use super::{Signal, dropped, length};

/// How much waits.
#[derive(Debug)]
pub struct Queue {
    signal: Signal,
    room: usize,
    waiting: AtomicUsize,
    dropped: OnceLock<BoundCounter<u64>>,
}

impl Queue {
    /// With room for so many.
    pub fn new(signal: Signal, room: usize) -> Arc<Queue> {
        Arc::new(Queue { signal, room, waiting: AtomicUsize::new(0), dropped: OnceLock::new() })
    }

    /// Counts what is dropped from now on.
    pub fn count(&self, meter: &Meter) {
        let _ = self.dropped.set(dropped(meter, self.signal, "queue_full"));
    }

    /// How many it has room for.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Takes one in, if there is room. Otherwise it is dropped.
    pub fn take(&self) -> bool {
        let one_more = |waiting| (waiting < self.room).then_some(waiting + 1);
        let taken = self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok();
        if !taken && let Some(dropped) = self.dropped.get() {
            dropped.add(1);
        }
        taken
    }

    /// So many are on their way.
    pub fn left(&self, items: usize) {
        self.waiting.fetch_sub(items, Ordering::Relaxed);
    }
}

/// Log lines on their way into a queue.
#[derive(Debug)]
pub struct Bounded<P> {
    /// Takes what there is room for.
    processor: P,
    /// How much waits for it.
    queue: Arc<Queue>,
    /// Bytes of an attribute.
    attribute: usize,
    /// Makes lines, for an attribute of one cannot be replaced.
    blank: SdkLogger,
}

impl<P: LogProcessor> Bounded<P> {
    /// Into that queue, with attributes of so many bytes.
    pub fn new(processor: P, queue: Arc<Queue>, attribute: usize) -> Bounded<P> {
        let blank = SdkLoggerProvider::builder().build().logger("");
        Bounded { processor, queue, attribute, blank }
    }

    /// A line of which all texts are as long as they may be. `None`: it is one itself.
    fn cut(&self, record: &SdkLogRecord) -> Option<SdkLogRecord> {
        let is_long =
            |value: &AnyValue| matches!(value, AnyValue::String(text) if text.as_str().len() > self.attribute);
        let body = match record.body() {
            Some(AnyValue::String(line)) => length::cut_body(line.as_str()).map(AnyValue::from),
            _ => None,
        };
        if body.is_none() && !record.attributes_iter().any(|(_, value)| is_long(value)) {
            return None;
        }
        let mut copy = self.blank.create_log_record();
        if let Some(name) = record.event_name() {
            copy.set_event_name(name);
        }
        if let Some(target) = record.target() {
            copy.set_target(target.clone());
        }
        if let Some(time) = record.timestamp() {
            copy.set_timestamp(time);
        }
        if let Some(time) = record.observed_timestamp() {
            copy.set_observed_timestamp(time);
        }
        if let Some(text) = record.severity_text() {
            copy.set_severity_text(text);
        }
        if let Some(number) = record.severity_number() {
            copy.set_severity_number(number);
        }
        if let Some(body) = body.or_else(|| record.body().cloned()) {
            copy.set_body(body);
        }
        if let Some(of) = record.trace_context() {
            copy.set_trace_context(of.trace_id, of.span_id, of.trace_flags);
        }
        for (key, value) in record.attributes_iter() {
            let cut = match value {
                AnyValue::String(text) => length::cut(text.as_str(), self.attribute),
                _ => None,
            };
            copy.add_attribute(key.clone(), cut.map_or_else(|| value.clone(), |cut| AnyValue::from(cut.to_owned())));
        }
        Some(copy)
    }
}

impl<P: LogProcessor> LogProcessor for Bounded<P> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.queue.take() {
            match self.cut(record) {
                Some(mut cut) => self.processor.emit(&mut cut, scope),
                None => self.processor.emit(record, scope),
            }
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.processor.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

    use super::*;

    /// Keeps lines in place of exporting them.
    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<SdkLogRecord>>);

    impl LogProcessor for Kept {
        fn emit(&self, record: &mut SdkLogRecord, _: &InstrumentationScope) {
            self.0.lock().unwrap().push(record.clone());
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    #[test]
    fn long_lines_are_cut_and_are_otherwise_the_same() {
        let bounded = Bounded::new(Kept::default(), Queue::new(Signal::Logs, 9), 4);
        let line = |body: String, own: &str| {
            let mut line = bounded.blank.create_log_record();
            line.set_event_name("event");
            line.set_target("guest");
            line.set_timestamp(std::time::UNIX_EPOCH);
            line.set_observed_timestamp(std::time::UNIX_EPOCH + Duration::from_secs(1));
            line.set_severity_text("INFO");
            line.set_severity_number(Severity::Info);
            line.set_body(body.into());
            line.set_trace_context(TraceId::from(7), SpanId::from(8), Some(TraceFlags::SAMPLED));
            line.add_attribute("own", own.to_owned());
            line.add_attribute("offset", 123_456_i64);
            line
        };
        let long = "x".repeat(length::BODY + 1);
        let cut = length::cut_body(&long).unwrap();
        let given = [("short", "abcd"), ("short", "äöü"), (&long, "abcd")];
        for (body, own) in given {
            bounded.emit(&mut line(body.to_owned(), own), &InstrumentationScope::default());
        }
        let expected = [("short", "abcd"), ("short", "äö"), (&cut, "abcd")];
        let expected: Vec<_> = expected.iter().map(|(body, own)| line((*body).to_owned(), own)).collect();
        assert_eq!(*bounded.processor.0.lock().unwrap(), expected);
    }

    #[test]
    fn what_comes_when_it_is_full_is_dropped_until_something_has_left() {
        let queue = Queue::new(Signal::Traces, 2);
        assert_eq!([(); 3].map(|()| queue.take()), [true, true, false]);
        queue.left(1);
        assert_eq!([(); 2].map(|()| queue.take()), [true, false]);
    }
}
