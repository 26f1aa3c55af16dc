//! What each consumer group is doing now: whether its member is connected, which generation each of its handlers runs,
//! in which state it is, and what it has to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::definitions::{
    CONNECTIONS_ACTIVE, Definition, HANDLER_IN_FLIGHT, HANDLER_INFO, HANDLER_STATE, HANDLER_WAITING,
};
use crate::delivery::report::{HandlerLoad, HandlerState};

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Groups(Mutex<BTreeMap<Arc<str>, Group>>);

#[derive(Debug, Default)]
struct Group {
    connected: bool,
    /// By `handler.name`.
    handlers: Vec<(Arc<str>, HandlerLoad)>,
    /// By `handler.name`.
    versions: BTreeMap<Arc<str>, Version>,
}

/// Which generation a handler runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Of its component, in hexadecimal.
    pub digest: Arc<str>,
    /// Counts those that this process has loaded, from 1.
    pub generation: u32,
}

/// Calls back with each value that a group has, and whose it is.
type Reading = fn(&Arc<str>, &Group, &mut dyn FnMut(u64, &[KeyValue]));

impl Groups {
    /// None yet; the gauges are made with `meter`.
    pub fn new(meter: &Meter) -> Arc<Groups> {
        let groups = Arc::new(Groups::default());
        let gauge = |of: Definition, read: Reading| {
            let groups = groups.clone();
            let gauge = meter.u64_observable_gauge(of.name).with_unit(of.unit).with_description(of.description);
            let tell = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
                for (name, group) in groups.lock().iter() {
                    read(name, group, &mut |value, attributes| observer.observe(value, attributes));
                }
            };
            gauge.with_callback(tell).build();
        };
        gauge(CONNECTIONS_ACTIVE, |name, group, observe| {
            observe(group.connected.into(), &[KeyValue::new("messaging.kafka.consumer_group", name.clone())]);
        });
        // Those of all handlers may be added.
        let up_down = |of: Definition, read: Reading| {
            let groups = groups.clone();
            let sum = meter.i64_observable_up_down_counter(of.name).with_unit(of.unit).with_description(of.description);
            let tell = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<i64>| {
                for (name, group) in groups.lock().iter() {
                    read(name, group, &mut |value, attributes| observer.observe(value.cast_signed(), attributes));
                }
            };
            sum.with_callback(tell).build();
        };
        up_down(HANDLER_IN_FLIGHT, |_, group, observe| {
            group.handlers.iter().for_each(|(name, load)| observe(load.in_flight as u64, &[handler_name(name)]));
        });
        up_down(HANDLER_WAITING, |_, group, observe| {
            group.handlers.iter().for_each(|(name, load)| observe(load.waiting as u64, &[handler_name(name)]));
        });
        gauge(HANDLER_STATE, |_, group, observe| {
            for (name, load) in &group.handlers {
                for state in HandlerState::ALL {
                    let is_in = u64::from(load.state == state);
                    observe(is_in, &[handler_name(name), KeyValue::new("state", state.name())]);
                }
            }
        });
        gauge(HANDLER_INFO, |_, group, observe| {
            for (name, version) in &group.versions {
                let digest = KeyValue::new("digest", version.digest.to_string());
                let generation = KeyValue::new("generation", version.generation.to_string());
                observe(1, &[handler_name(name), digest, generation]);
            }
        });
        groups
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Group>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a group's member is connected. It is not before this is first said.
    pub fn connected(&self, group: &str, connected: bool) {
        self.lock().entry(group.into()).or_default().connected = connected;
    }

    /// What a group's handlers have to do, by their names. Those that were removed are left out.
    pub fn load(&self, group: &Arc<str>, handlers: Vec<(Arc<str>, HandlerLoad)>) {
        self.lock().entry(group.clone()).or_default().handlers = handlers;
    }

    /// Which generation one of a group's handlers runs; `None`: the group has it no more.
    pub fn version(&self, group: &str, handler: &Arc<str>, version: Option<Version>) {
        let mut groups = self.lock();
        let versions = &mut groups.entry(group.into()).or_default().versions;
        match version {
            Some(version) => versions.insert(handler.clone(), version),
            None => versions.remove(handler),
        };
    }

    /// A group is no more.
    pub fn forget(&self, group: &str) {
        self.lock().remove(group);
    }

    /// What a handler has to do, as far as was said.
    pub fn of_handler(&self, name: &str) -> Option<HandlerLoad> {
        let groups = self.lock();
        let mut handlers = groups.values().flat_map(|group| &group.handlers);
        handlers.find(|(handler, _)| &**handler == name).map(|(_, load)| *load)
    }
}

fn handler_name(name: &Arc<str>) -> KeyValue {
    KeyValue::new("handler.name", name.clone())
}
