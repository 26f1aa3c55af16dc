//! What the admin API shows of handlers and does to them while they run, who may ask, and its client.

mod before;
mod client;
mod control;
mod document;
mod guard;
mod upload;

use std::fs;

use sandbus_tests::{Host, Question, eventually, host::built};
use serde_json::Value;

pub(crate) use super::delivery::SOON;
use super::delivery::stage::{Probe, Stage};

/// A stage with one handler, the probe.
#[track_caller]
fn stage() -> Stage {
    Stage::new(1).probe(Probe::named("probe"))
}

/// The probe in other bytes: with a custom section that says nothing.
#[track_caller]
fn other_probe(mark: &str) -> Vec<u8> {
    let mut bytes = fs::read(built::component("probe-rust")).expect("the probe is built");
    let name = "mark";
    let content = [&[u8::try_from(name.len()).expect("short")], name.as_bytes(), mark.as_bytes()].concat();
    bytes.extend([0, u8::try_from(content.len()).expect("short")]);
    bytes.extend(content);
    bytes
}

/// Puts other bytes in the place of the probe's file, at once.
#[track_caller]
fn replace(host: &Host, bytes: impl AsRef<[u8]>) {
    let (new, file) = (host.directory().join("new"), host.directory().join("handlers/probe.wasm"));
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, &file)).expect("the component is replaced");
}

/// What is done to the probe: `reload`, `pause`, and so on.
fn post(host: &Host, what: &str) -> Question {
    host.ask("POST", &format!("/api/v1/handlers/probe/{what}"))
}

/// How the probe is.
#[track_caller]
fn probe(host: &Host) -> Value {
    host.get("/api/v1/handlers/probe").expect("an answer").json(200)
}

/// Waits until the probe is like that.
#[track_caller]
fn wait_probe(host: &Host, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    eventually(what, SOON, || {
        found = probe(host);
        if is_so(&found) { Ok(()) } else { Err(found.to_string()) }
    });
    found
}
