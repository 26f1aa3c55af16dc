//! The same work as the component's, in native code.

use std::sync::Arc;
use std::time::Duration;

use super::work::{Seen, Surroundings, Work};
use crate::app::native::{MakeNative, NativeHandler};
use crate::delivery::verdict::{Ending, ErrorKind};
use crate::event::{Event, Outgoing};
use crate::sandbox::ports::{GuestMetric, GuestSink, GuestValue};

/// One instance.
struct Native {
    /// Made by the first event, as in the sandbox.
    work: Option<Work>,
    config: std::collections::BTreeMap<String, String>,
    sink: Arc<dyn GuestSink>,
}

/// Makes instances.
pub fn make() -> MakeNative {
    Arc::new(|settings| Box::new(Native { work: None, config: settings.config.clone(), sink: settings.sink.clone() }))
}

impl NativeHandler for Native {
    fn handle(&mut self, event: &Event, outbox: &mut Vec<Outgoing>) -> Ending {
        let work = match &mut self.work {
            Some(work) => work,
            None => match Work::new(|key| self.config.get(key).cloned()) {
                Ok(work) => self.work.insert(work),
                Err(message) => return Ending::Error { kind: ErrorKind::from_guest("bad_config"), message },
            },
        };
        let id = event.id();
        let seen = Seen { id: &id, event_type: event.event_type(), value: event.record.value() };
        match work.handle(&seen, &mut Here { event, outbox, sink: &*self.sink }) {
            Ok(()) => Ending::Ack,
            Err(message) => Ending::Error { kind: ErrorKind::from_guest("bench"), message },
        }
    }
}

/// What the host offers, while it shows this event.
struct Here<'a> {
    event: &'a Event,
    outbox: &'a mut Vec<Outgoing>,
    sink: &'a dyn GuestSink,
}

impl Surroundings for Here<'_> {
    fn count(&mut self, events: u64) -> Result<(), String> {
        let metric = GuestMetric { name: "events", value: GuestValue::Counter(events), attributes: &[] };
        self.sink.metric(&metric).map_err(|refusal| refusal.message)
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn forward(&mut self, topic: &str) -> Result<(), String> {
        let record = &self.event.record;
        self.outbox.push(Outgoing {
            topic: topic.into(),
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers: record.headers().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect(),
            timestamp: None,
        });
        Ok(())
    }
}

/// Surroundings that do nothing.
#[cfg(test)]
pub struct Nowhere;

#[cfg(test)]
impl Surroundings for Nowhere {
    fn count(&mut self, _: u64) -> Result<(), String> {
        Ok(())
    }

    fn sleep(&mut self, _: Duration) {}

    fn forward(&mut self, _: &str) -> Result<(), String> {
        Ok(())
    }
}
