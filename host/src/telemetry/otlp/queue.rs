//! What waits to be exported, counted: bounded, and what comes when it is full is dropped and counted.
//!
//! The libraries' own queues behind it have as much room, so that nothing is dropped there, where nobody counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::logs::Severity;
use opentelemetry::metrics::{BoundCounter, Meter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};

use super::{Signal, dropped};

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
    pub processor: P,
    /// How much waits for it.
    pub queue: Arc<Queue>,
}

impl<P: LogProcessor> LogProcessor for Bounded<P> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        if self.queue.take() {
            self.processor.emit(record, scope);
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
    use super::*;

    #[test]
    fn what_comes_when_it_is_full_is_dropped_until_something_has_left() {
        let queue = Queue::new(Signal::Traces, 2);
        assert_eq!([(); 3].map(|()| queue.take()), [true, true, false]);
        queue.left(1);
        assert_eq!([(); 2].map(|()| queue.take()), [true, false]);
    }
}
