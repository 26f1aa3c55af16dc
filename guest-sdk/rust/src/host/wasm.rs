//! Imports of the sandbox: `sandbus:handler`, and clocks, random and HTTP of WASI.

use std::time::Duration;

use super::announce;
use crate::bindings::handler::sandbus::handler as imports;
use crate::bindings::wasi::wasi::{clocks, random};
use crate::log::Level;
use crate::metrics::Attributes;
use crate::{Message, Refusal};

mod http;

pub(crate) use http::http;

pub(crate) fn batch_at(index: u32) {
    imports::batch::at(index);
}

pub(crate) fn log(level: Level, line: &str) {
    announce();
    let level = match level {
        Level::Trace => imports::logging::Level::Trace,
        Level::Debug => imports::logging::Level::Debug,
        Level::Info => imports::logging::Level::Info,
        Level::Warn => imports::logging::Level::Warn,
        Level::Error => imports::logging::Level::Error,
    };
    imports::logging::log(level, line);
}

pub(crate) fn config_get(key: &str) -> Option<String> {
    announce();
    imports::config::get(key)
}

pub(crate) fn config_entries() -> Vec<(String, String)> {
    announce();
    imports::config::entries()
}

pub(crate) fn publish(message: Message) -> Result<(), Refusal> {
    announce();
    let headers = message.headers.into_iter();
    let message = imports::publish::Message {
        topic: message.topic,
        key: message.key,
        value: message.value,
        headers: headers.map(|header| imports::types::Header { name: header.name, value: header.value }).collect(),
    };
    imports::publish::send(&message).map_err(refusal)
}

pub(crate) fn counter_add(name: &str, value: u64, attributes: Attributes<'_>) -> Result<(), Refusal> {
    announce();
    imports::metrics::counter_add(name, value, &owned(attributes)).map_err(refusal)
}

pub(crate) fn histogram_record(name: &str, value: f64, attributes: Attributes<'_>) -> Result<(), Refusal> {
    announce();
    imports::metrics::histogram_record(name, value, &owned(attributes)).map_err(refusal)
}

pub(crate) fn updown_add(name: &str, value: i64, attributes: Attributes<'_>) -> Result<(), Refusal> {
    announce();
    imports::metrics::updown_add(name, value, &owned(attributes)).map_err(refusal)
}

pub(crate) fn monotonic() -> Duration {
    Duration::from_nanos(clocks::monotonic_clock::now())
}

pub(crate) fn unix_time() -> Duration {
    let now = clocks::wall_clock::now();
    Duration::new(now.seconds, now.nanoseconds)
}

pub(crate) fn sleep(time: Duration) {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    clocks::monotonic_clock::subscribe_duration(nanos).block();
}

pub(crate) fn random_u64() -> u64 {
    random::random::get_random_u64()
}

fn owned(attributes: Attributes<'_>) -> Vec<(String, String)> {
    attributes.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn refusal(refusal: imports::types::Refusal) -> Refusal {
    Refusal::new(refusal.code, refusal.message)
}
