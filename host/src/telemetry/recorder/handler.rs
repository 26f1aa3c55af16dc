//! A handler's series, as far as they are known when it is loaded: all of them stand at 0 from then on, so that the
//! first of each is seen as one more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, Counter};

use crate::delivery::verdict::{Ending, FaultKind};
use crate::telemetry::Instruments;
use crate::telemetry::labels::Labels;
use crate::telemetry::tally::Tally;

/// What is known of a handler when it is loaded.
pub struct Watched<'a> {
    /// `handler.name`.
    pub name: Arc<str>,
    /// Event types that it is sure to name. They keep their names, whatever comes before the first of them.
    pub event_types: Vec<&'a str>,
    /// Topics that it reads, and those that it may publish to by their names. They keep theirs.
    pub topics: Vec<&'a str>,
}

/// Outcomes of a reload.
pub const APPLIED: &str = "applied";
/// It stays as it was.
pub const REFUSED: &str = "refused";
/// It was applied, and taken back.
pub const ROLLED_BACK: &str = "rolled_back";

/// A handler's series, but for those that are about an event type.
pub(super) struct Handler {
    pub(super) name: Arc<str>,
    most_memory: AtomicU64,
    verdicts: [(&'static str, BoundCounter<u64>); 6],
    pub(super) cpu_time: BoundCounter<f64>,
    pub(super) instances: BoundCounter<u64>,
    pub(super) batches: BoundCounter<u64>,
    pub(super) retries: BoundCounter<u64>,
    pub(super) batch_faults: BoundCounter<u64>,
    pub(super) dropped: BoundCounter<u64>,
    pub(super) abandoned: BoundCounter<u64>,
    pub(super) bytes_in: BoundCounter<u64>,
    pub(super) bytes_out: BoundCounter<u64>,
    pub(super) queue_wait: Tally,
}

impl Handler {
    pub(super) fn new(instruments: &Instruments, labels: &Labels, watched: &Watched<'_>) -> Handler {
        let name = KeyValue::new("handler.name", watched.name.clone());
        for outcome in [APPLIED, REFUSED, ROLLED_BACK] {
            instruments.reloads.add(0, &[name.clone(), KeyValue::new("outcome", outcome)]);
        }
        let bind = |counter: &Counter<u64>| {
            let bound = counter.bind(std::slice::from_ref(&name));
            bound.add(0);
            bound
        };
        let cpu_time = instruments.cpu_time.bind(std::slice::from_ref(&name));
        cpu_time.add(0.0);
        for fault in FaultKind::ALL {
            instruments.faults.add(0, &[name.clone(), KeyValue::new("error.type", fault.name())]);
        }
        for event_type in &watched.event_types {
            let event_type = KeyValue::new("event.type", labels.event_types.value(event_type));
            instruments.invocations.add(0, &[name.clone(), event_type]);
        }
        for topic in &watched.topics {
            labels.destinations.value(topic);
        }
        Handler {
            most_memory: AtomicU64::new(0),
            verdicts: Ending::NAMES.map(|verdict| {
                let bound = instruments.verdicts.bind(&[name.clone(), KeyValue::new("verdict", verdict)]);
                bound.add(0);
                (verdict, bound)
            }),
            cpu_time,
            instances: bind(&instruments.instances),
            batches: bind(&instruments.batches),
            retries: bind(&instruments.retries),
            batch_faults: bind(&instruments.batch_faults),
            dropped: bind(&instruments.dropped),
            abandoned: bind(&instruments.abandoned),
            bytes_in: bind(&instruments.bytes_in),
            bytes_out: bind(&instruments.bytes_out),
            queue_wait: instruments.queue_wait.bind(std::slice::from_ref(&name)),
            name: watched.name.clone(),
        }
    }

    pub(super) fn verdict(&self, ending: &Ending) -> Option<&BoundCounter<u64>> {
        self.verdicts.iter().find(|(name, _)| *name == ending.name()).map(|(_, verdict)| verdict)
    }

    /// Whether that is more memory than it ever had.
    pub(super) fn is_more_memory(&self, bytes: u64) -> bool {
        self.most_memory.fetch_max(bytes, Ordering::Relaxed) < bytes
    }
}
