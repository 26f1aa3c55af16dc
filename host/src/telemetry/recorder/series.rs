//! Series about event types and topics, bound when they first come, so that recording looks nothing up but the series
//! itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use opentelemetry::KeyValue;
use opentelemetry::metrics::BoundCounter;

use crate::delivery::partition::HandlerIndex;
use crate::delivery::verdict::error_type;
use crate::event::TopicPartition;
use crate::telemetry::Instruments;
use crate::telemetry::tally::Tally;

/// One group's.
#[derive(Default)]
pub(super) struct Series {
    pub(super) consumed: HashMap<(TopicPartition, Arc<str>), BoundCounter<u64>, RandomState>,
    pub(super) handled: HashMap<(HandlerIndex, Arc<str>), Handled, RandomState>,
    pub(super) finished: HashMap<Arc<str>, Tally, RandomState>,
    outlets: HashMap<Arc<str>, Outlet, RandomState>,
    /// Kinds of errors of guests that have a series of dead letters.
    pub(super) kinds: HashSet<Arc<str>, RandomState>,
}

/// A handler's tries of events of one type.
pub(super) struct Handled {
    pub(super) duration: Tally,
    pub(super) invocations: BoundCounter<u64>,
}

/// A topic that handlers publish to.
pub(super) struct Outlet {
    pub(super) duration: Tally,
    types: HashMap<Arc<str>, OfType, RandomState>,
}

/// Records of one type that are published to one topic.
pub(super) struct OfType {
    pub(super) published: BoundCounter<u64>,
    attributes: [KeyValue; 3],
    /// Mostly, none ever is.
    refused: Option<BoundCounter<u64>>,
}

impl Series {
    pub(super) fn outlet(&mut self, instruments: &Instruments, topic: Arc<str>) -> &mut Outlet {
        self.outlets.entry(topic).or_insert_with_key(|topic| Outlet {
            duration: instruments.publish_duration.bind(&[destination(topic)]),
            types: HashMap::default(),
        })
    }
}

impl Outlet {
    pub(super) fn of_type(&mut self, instruments: &Instruments, topic: &Arc<str>, event_type: Arc<str>) -> &mut OfType {
        self.types.entry(event_type).or_insert_with_key(|event_type| {
            let attributes = [system(), destination(topic), KeyValue::new("event.type", event_type.clone())];
            OfType { published: instruments.published.bind(&attributes), attributes, refused: None }
        })
    }
}

impl OfType {
    pub(super) fn refused(&mut self, instruments: &Instruments) -> &BoundCounter<u64> {
        self.refused.get_or_insert_with(|| {
            let [system, destination, event_type] = self.attributes.clone();
            let refused = KeyValue::new("error.type", error_type::PUBLISH_REJECTED);
            instruments.publish_errors.bind(&[system, destination, event_type, refused])
        })
    }
}

pub(super) fn destination(topic: &Arc<str>) -> KeyValue {
    KeyValue::new("messaging.destination", topic.clone())
}

pub(super) fn system() -> KeyValue {
    KeyValue::new("messaging.system", "kafka")
}
