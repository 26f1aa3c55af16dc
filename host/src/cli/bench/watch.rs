//! Sees what a host does with the records: how many are final, when the first and the last were, and whether
//! any ended otherwise than it should.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::process::{self, Thread};
use super::records::{SENT, sent};
use super::work::END;
use crate::delivery::partition::HandlerIndex;
use crate::delivery::ports::{Observer, Published, Ran, Tried, Try};
use crate::delivery::report::PartitionReport;
use crate::event::TopicPartition;
use crate::sandbox::ports::{GuestMetric, GuestSink, GuestValue, LogLevel, Refusal};

/// A moment, with the CPU time that was taken by then.
#[derive(Clone, Debug)]
pub struct Moment {
    /// When.
    pub at: Instant,
    /// CPU time of the process.
    pub cpu: Duration,
    /// Of its threads.
    pub threads: Vec<Thread>,
    /// Of the broker, where its process is known.
    pub broker: Option<Duration>,
}

impl Moment {
    /// This one, with which something begins. `broker` is that one's process.
    pub fn beginning(broker: Option<u32>) -> Moment {
        // The clocks come last: to look at all threads takes a while.
        let (threads, broker) = (process::threads(), broker.and_then(process::cpu_of));
        Moment { threads, broker, cpu: process::cpu(), at: Instant::now() }
    }

    /// This one, with which something ends.
    pub fn end(broker: Option<u32>) -> Moment {
        let (at, cpu) = (Instant::now(), process::cpu());
        Moment { at, cpu, threads: process::threads(), broker: broker.and_then(process::cpu_of) }
    }
}

/// How long it took from when each record was meant to be sent.
pub struct Latencies {
    /// What the records' times count from.
    pub base: Instant,
    /// Records that were meant to be sent before are warm-up.
    pub from: AtomicU64,
    /// Nanoseconds.
    pub histogram: Mutex<Histogram<u64>>,
}

impl Latencies {
    /// Of records whose times count from `base`.
    ///
    /// # Errors
    /// Never: the bounds are good.
    pub fn new(base: Instant) -> anyhow::Result<Latencies> {
        let histogram = Mutex::new(Histogram::new_with_bounds(1_000, 600_000_000_000, 3)?);
        Ok(Latencies { base, from: AtomicU64::new(u64::MAX), histogram })
    }

    /// Nanoseconds by the records' clock.
    pub fn clock(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// A record that was meant to be sent then is through.
    pub fn record(&self, sent: Option<u64>) {
        let Some(sent) = sent.filter(|sent| *sent >= self.from.load(Ordering::Relaxed)) else { return };
        let took = self.clock().saturating_sub(sent);
        self.histogram.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(took);
    }
}

/// Watches one host.
pub struct Progress {
    expected: u64,
    broker: Option<u32>,
    finished: AtomicU64,
    ends: AtomicU64,
    first: OnceLock<Moment>,
    last: OnceLock<Moment>,
    failed: AtomicU64,
    latencies: Option<Arc<Latencies>>,
}

impl Progress {
    /// Until that many deliveries have a verdict. `broker` is that one's process.
    pub fn new(expected: u64, broker: Option<u32>, latencies: Option<Arc<Latencies>>) -> Progress {
        Progress {
            expected,
            broker,
            latencies,
            finished: AtomicU64::new(0),
            ends: AtomicU64::new(0),
            first: OnceLock::new(),
            last: OnceLock::new(),
            failed: AtomicU64::new(0),
        }
    }

    /// Deliveries that have a verdict; if it publishes, once the broker has that.
    pub fn finished(&self) -> u64 {
        self.finished.load(Ordering::Relaxed)
    }

    /// Those of events that end a run.
    pub fn ends(&self) -> u64 {
        self.ends.load(Ordering::Relaxed)
    }

    /// Tries that ended in anything but success.
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// When the first record was read, and when the last had its verdict.
    pub fn span(&self) -> Option<(Moment, Moment)> {
        Some((self.first.get()?.clone(), self.last.get()?.clone()))
    }
}

impl Observer for Progress {
    fn consumed(&self, _: &TopicPartition, event_type: &str, _: u64) {
        if event_type != END {
            self.first.get_or_init(|| Moment::beginning(self.broker));
        }
    }

    fn tried(&self, _: HandlerIndex, event_type: &str, error_type: Option<&str>, tries: u64) {
        if error_type.is_some() {
            self.failed.fetch_add(tries, Ordering::Relaxed);
            return;
        }
        if event_type == END {
            self.ends.fetch_add(tries, Ordering::Relaxed);
            return;
        }
        let before = self.finished.fetch_add(tries, Ordering::Relaxed);
        if before + tries >= self.expected {
            self.last.get_or_init(|| Moment::end(self.broker));
        }
    }

    fn measured(&self, _: HandlerIndex, tried: &[Tried]) {
        if let Some(latencies) = &self.latencies {
            tried.iter().for_each(|tried| latencies.record(sent(tried.run.event.record.header(SENT).flatten())));
        }
    }

    fn batch_fault(&self, _: HandlerIndex, _: &Ran) {}

    fn retried(&self, _: HandlerIndex) {}

    fn dead_lettered(&self, _: Option<HandlerIndex>, _: &str, _: &str) {}

    fn dropped(&self, _: Option<HandlerIndex>) {}

    fn abandoned(&self, _: Option<HandlerIndex>, _: u64) {}

    fn partitions(&self, _: Vec<PartitionReport>) {}

    fn published(&self, _: &Published) {}
}

/// Hears what one handler itself has counted, and what it last complained of.
#[derive(Default)]
pub struct Counted {
    events: AtomicU64,
    complaint: Mutex<Option<String>>,
}

impl Counted {
    /// Events that the handler says it has handled.
    pub fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    /// Its last error, where it logged one.
    pub fn complaint(&self) -> Option<String> {
        self.complaint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl GuestSink for Counted {
    fn log(&self, _: Option<&Try>, level: LogLevel, line: &str) {
        if matches!(level, LogLevel::Warn | LogLevel::Error) {
            *self.complaint.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.to_owned());
        }
    }

    fn metric(&self, metric: &GuestMetric<'_>) -> Result<(), Refusal> {
        match (metric.name, metric.value) {
            ("events", GuestValue::Counter(events)) => {
                self.events.fetch_add(events, Ordering::Relaxed);
                Ok(())
            }
            (name, _) => Err(Refusal { code: "bad_name", message: format!("the bench knows no metric {name:?}") }),
        }
    }
}
