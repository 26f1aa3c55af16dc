//! Handlers change while they run: by their files, by the configuration, and back again by themselves.
//!
//! A version of the probe is its component with another custom section: the same code, another digest.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sandbus_tests::host::built;
use sandbus_tests::{Host, Record, eventually};

use crate::delivery::SOON;
use crate::delivery::stage::{Ack, Stage, event};

mod configuration;
mod crash;
mod files;
mod quarantine;
mod rollback;
mod under_load;

/// A component's bytes, as another version of it.
fn version(component: &str, number: u8) -> Vec<u8> {
    let mut bytes = fs::read(built::component(component)).expect("a built component");
    // A custom section: its id, its length, the length of its name, its name, and one byte.
    bytes.extend([0, 9, 7]);
    bytes.extend(b"version");
    bytes.push(number);
    bytes
}

/// Puts a file in the place of another at once, as `mv` does.
fn put(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path)).expect("the handlers' folder can be written");
}

/// The probe's file.
fn probe_file(host: &Host) -> PathBuf {
    host.directory().join("handlers/probe.wasm")
}

/// Waits until so many reloads of a handler ended so.
#[track_caller]
fn wait_reloads(host: &Host, handler: &str, outcome: &str, count: u32) {
    let labels = [("handler_name", handler), ("outcome", outcome)];
    host.wait_metric("sandbus_handler_reloads_total", &labels, f64::from(count), SOON);
}

/// The generation that a handler runs, and the beginning of its digest.
fn generation(host: &Host, handler: &str) -> Option<(u32, String)> {
    let metrics = host.metrics();
    let info = metrics.named("sandbus_handler_info");
    let info: Vec<_> = info.iter().filter(|sample| sample.has(&[("handler_name", handler)])).collect();
    let [info] = info[..] else { return None };
    let label = |name: &str| info.labels.get(name).cloned();
    Some((label("generation")?.parse().ok()?, label("digest")?.chars().take(12).collect()))
}

/// Waits until a handler runs that generation.
#[track_caller]
fn wait_generation(host: &Host, handler: &str, number: u32) {
    let what = format!("generation {number} of {handler}");
    eventually(&what, SOON, || match generation(host, handler) {
        Some((found, _)) if found == number => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// Waits until a handler is in that state.
#[track_caller]
fn wait_state(host: &Host, handler: &str, state: &str) {
    host.wait_metric("sandbus_handler_state", &[("handler_name", handler), ("state", state)], 1.0, SOON);
}

/// Events of some keys, numbered. Every fifth is tried twice.
fn events(numbers: std::ops::Range<usize>, steps: &str) -> impl Iterator<Item = Record> + '_ {
    let steps = move |number: usize| if number.is_multiple_of(5) { "until:2:retry:1ms" } else { steps };
    numbers.map(move |number| event(&format!("key-{}", number * 7 % 31), steps(number)))
}

/// Each of `count` events is acknowledged once, and keys are in order.
#[track_caller]
fn assert_complete(acks: &[Ack], count: usize) {
    let mut by_key: BTreeMap<String, Vec<(i32, i64)>> = BTreeMap::new();
    for ack in acks {
        by_key.entry(ack.key()).or_default().push(ack.place());
    }
    for (key, places) in &by_key {
        let in_order = places.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(in_order, "{key} was handled in this order, or twice: {places:?}");
    }
    assert_eq!(acks.len(), count, "acknowledged");
}

/// Rewrites the host's configuration, and has it read again.
fn reconfigure(host: &mut Host, change: impl FnOnce(String) -> String) {
    let path = host.directory().join("sandbus.toml");
    let text = fs::read_to_string(&path).expect("its configuration");
    put(&path, change(text).as_bytes());
    host.signal(libc::SIGHUP);
}

/// How long a test waits to see that nothing happens: several looks at the files.
const QUIET: Duration = Duration::from_secs(2);

/// Waits until everything written is final, and checks it.
#[track_caller]
fn assert_all_handled(stage: &Stage, count: usize) {
    stage.wait_final(i64::try_from(count).expect("a small number"));
    assert_complete(&stage.acks(), count);
    assert_eq!(stage.topic.dead_letters().read().len(), 0, "dead letters");
}
