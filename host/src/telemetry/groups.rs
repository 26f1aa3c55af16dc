//! What each consumer group is doing now: whether its member is connected, and what its handlers have to do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::definitions::{CONNECTIONS_ACTIVE, Definition, HANDLER_IN_FLIGHT, HANDLER_WAITING};
use crate::delivery::report::HandlerLoad;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Groups(Mutex<BTreeMap<Arc<str>, Group>>);

#[derive(Debug, Default)]
struct Group {
    connected: bool,
    /// By `handler.name`.
    handlers: Vec<(Arc<str>, HandlerLoad)>,
}

/// Calls back with each value that a group has, and whose it is.
type Reading = fn(&Arc<str>, &Group, &mut dyn FnMut(u64, KeyValue));

impl Groups {
    /// None yet; the gauges are made with `meter`.
    pub fn new(meter: &Meter) -> Arc<Groups> {
        let groups = Arc::new(Groups::default());
        let gauge = |of: Definition, read: Reading| {
            let groups = groups.clone();
            let gauge = meter.u64_observable_gauge(of.name).with_unit(of.unit).with_description(of.description);
            let tell = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
                for (name, group) in groups.lock().iter() {
                    read(name, group, &mut |value, attribute| observer.observe(value, &[attribute]));
                }
            };
            gauge.with_callback(tell).build();
        };
        gauge(CONNECTIONS_ACTIVE, |name, group, observe| {
            observe(group.connected.into(), KeyValue::new("messaging.kafka.consumer_group", name.clone()));
        });
        gauge(HANDLER_IN_FLIGHT, |_, group, observe| {
            group.handlers.iter().for_each(|(name, load)| observe(load.in_flight as u64, handler_name(name)));
        });
        gauge(HANDLER_WAITING, |_, group, observe| {
            group.handlers.iter().for_each(|(name, load)| observe(load.waiting as u64, handler_name(name)));
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

    /// What a group's handlers have to do, by their names.
    pub fn load(&self, group: &Arc<str>, handlers: Vec<(Arc<str>, HandlerLoad)>) {
        self.lock().entry(group.clone()).or_default().handlers = handlers;
    }
}

fn handler_name(name: &Arc<str>) -> KeyValue {
    KeyValue::new("handler.name", name.clone())
}
