//! A generation all of whose first events fail is taken back by itself, and its events have lost nothing.

use std::collections::BTreeSet;
use std::fs;

use sandbus_tests::{Host, Record, eventually};
use serde_json::Value;

use super::{QUIET, assert_complete, generation, probe_file, put, reconfigure, version, wait_generation, wait_reloads};
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage};

/// The probe acknowledges it; `order-projection` cannot read it.
fn order(number: usize) -> Record {
    Record::event("OrderCreated", "{}").key(format!("key-{number}"))
}

#[test]
fn a_generation_whose_first_events_all_fail_is_taken_back_and_they_are_tried_as_if_it_had_not_been() {
    // Without retries each failure would be a dead letter.
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nrollback_after = 3"));
    let mut host = stage.start();
    stage.topic.write((0..5).map(order));
    stage.wait_final(5);
    put(&probe_file(&host), &version("order-projection-rust", 1));
    wait_reloads(&host, "probe", "applied", 1);
    wait_generation(&host, "probe", 2);
    stage.topic.write((5..15).map(order));
    stage.wait_final(15);
    let acks = stage.acks();
    assert_complete(&acks, 15);
    assert!(acks.iter().all(|ack| ack.attempt == 1), "no try is lost: {acks:?}");
    assert_eq!(stage.topic.dead_letters().read().len(), 0);
    wait_reloads(&host, "probe", "rolled_back", 1);
    wait_generation(&host, "probe", 1);
    host.log_line_containing("rolled back; they are tried again", SOON);

    // The same file is not taken again: neither by itself nor by a reload of the configuration.
    let file = std::fs::read(probe_file(&host)).expect("its file");
    put(&probe_file(&host), &file);
    host.signal(libc::SIGHUP);
    host.log_line_containing("the configuration was read again", SOON);
    std::thread::sleep(QUIET);
    assert_eq!(generation(&host, "probe").map(|(number, _)| number), Some(1));
    // Another one is.
    put(&probe_file(&host), &version("probe-rust", 2));
    wait_generation(&host, "probe", 3);
    stage.topic.write([order(15)]);
    stage.wait_final(16);
}

#[test]
fn a_generation_that_does_one_event_stays() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nrollback_after = 3\nconcurrency = 1"));
    let host = stage.start();
    put(&probe_file(&host), &version("probe-rust", 1));
    wait_generation(&host, "probe", 2);
    let steps = |number: usize| if number == 2 { "ack" } else { "error:Bad:it" };
    stage.topic.write((0..8).map(|number| crate::delivery::stage::event(&format!("key-{number}"), steps(number))));
    stage.wait_final(8);
    assert_eq!(stage.topic.dead_letters().read().len(), 7, "events fail for themselves");
    assert_eq!(generation(&host, "probe").map(|(number, _)| number), Some(2));
    wait_reloads(&host, "probe", "rolled_back", 0);
}

#[test]
fn a_file_that_is_mended_is_taken_with_the_configuration_that_was_taken_back_with_it() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nrollback_after = 3"));
    let mut host = stage.start();
    let second = host.directory().join("second.wasm");
    put(&second, &version("order-projection-rust", 1));
    // In the folder and not named, it would be a handler of its own.
    std::fs::remove_file(probe_file(&host)).expect("its first file");
    reconfigure(&mut host, |text| {
        let text = text.replacen("component = \"handlers/probe.wasm\"", "component = \"second.wasm\"", 1);
        let (head, config) = text.split_once("[handler.config]").expect("its configuration");
        format!("{head}[handler.config]{}", config.replacen("name = \"probe\"", "name = \"renamed\"", 1))
    });
    wait_generation(&host, "probe", 2);
    stage.topic.write((0..5).map(order));
    stage.wait_final(5);
    wait_generation(&host, "probe", 1);
    assert!(stage.acks().iter().all(|ack| ack.handler == "probe"), "by the generation before");

    put(&second, &version("probe-rust", 2));
    wait_generation(&host, "probe", 3);
    stage.topic.write([order(5)]);
    stage.wait_final(6);
    assert_eq!(stage.acks().last().map(|ack| ack.handler.clone()).as_deref(), Some("renamed"));
}

/// How the API shows the probe.
#[track_caller]
fn shown(host: &Host) -> Value {
    host.get("/api/v1/handlers/probe").expect("an answer").json(200)
}

/// What is at work, whatever its number.
#[track_caller]
fn digest(host: &Host) -> String {
    shown(host)["generation"]["digest"].as_str().expect("a digest").to_owned()
}

/// A stage and a host whose probe has just been taken back from its second generation, and how many events were written.
#[track_caller]
fn taken_back() -> (Stage, Host, usize) {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nrollback_after = 3"));
    let host = stage.start();
    put(&probe_file(&host), &version("order-projection-rust", 1));
    wait_generation(&host, "probe", 2);
    stage.topic.write((0..5).map(order));
    stage.wait_final(5);
    wait_generation(&host, "probe", 1);
    (stage, host, 5)
}

/// Another value for one of the keys that its handler reads.
fn renamed(text: &str, from: &str, to: &str) -> String {
    let (head, config) = text.split_once("[handler.config]").expect("its configuration");
    format!("{head}[handler.config]{}", config.replacen(&format!("name = {from:?}"), &format!("name = {to:?}"), 1))
}

#[track_caller]
fn roll_back(host: &Host) {
    let answer = host.ask("POST", "/api/v1/handlers/probe/rollback").send().expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Has the configuration read as it is, and waits for that.
#[track_caller]
fn read_again(host: &Host) -> Value {
    host.ask("POST", "/api/v1/reload").send().expect("an answer").json(200)
}

#[test]
fn what_was_taken_back_stays_out_whatever_else_of_its_handler_changes() {
    let (stage, mut host, written) = taken_back();
    let good = digest(&host);
    // The settings are those of the version at work.
    reconfigure(&mut host, |text| renamed(&text, "probe", "second"));
    wait_generation(&host, "probe", 3);
    assert_eq!(digest(&host), good, "a SIGHUP brings back what was taken back");
    host.log_line_containing("was rolled back and stays out", SOON);
    let refused = shown(&host)["refused"]["reason"].to_string();
    assert!(refused.contains("generation 2 ") && refused.contains("was rolled back"), "{refused}");
    stage.topic.write((written..written + 5).map(order));
    stage.wait_final(10);
    let acks = stage.acks();
    assert_complete(&acks, 10);
    let names: Vec<_> = acks.iter().map(|ack| ack.handler.as_str()).collect();
    assert_eq!(names, [["probe"; 5], ["second"; 5]].concat());

    // What has not changed changes nothing, and what changes back is applied.
    assert_eq!(read_again(&host)["changed"], serde_json::json!([]));
    reconfigure(&mut host, |text| renamed(&text, "second", "probe"));
    wait_generation(&host, "probe", 4);
    assert_eq!(digest(&host), good);
    // One that has done nothing yet is not known to be good.
    stage.topic.write([order(10)]);
    stage.wait_final(11);

    // Settings that the version at work cannot live with are taken back, too: both stay out.
    let results = format!("results = {:?}", stage.results.name());
    reconfigure(&mut host, |text| text.replacen(&results, "results = \"not-granted\"", 1));
    wait_generation(&host, "probe", 5);
    stage.topic.write((11..16).map(order));
    stage.wait_final(16);
    wait_generation(&host, "probe", 4);
    assert_eq!(read_again(&host)["changed"], serde_json::json!([]));
    assert_eq!(digest(&host), good);
    let refused = shown(&host)["refused"]["reason"].to_string();
    assert!(refused.contains("generation 5 ") && refused.contains("which the file has"), "{refused}");
    reconfigure(&mut host, |text| renamed(&text.replacen("results = \"not-granted\"", &results, 1), "probe", "third"));
    wait_generation(&host, "probe", 6);
    assert_eq!(digest(&host), good);
    assert_complete(&stage.acks(), 16);

    // It comes back where somebody asks for it by the handler's name.
    let asked = host.ask("POST", "/api/v1/handlers/probe/reload").send().expect("an answer").json(200);
    assert_eq!(asked["generation"]["number"], 7, "{asked}");
    assert_ne!(digest(&host), good);
    assert_eq!(asked["refused"], Value::Null, "{asked}");
}

#[test]
fn a_file_that_changes_to_what_was_taken_back_is_a_changed_file() {
    let (_stage, host, _) = taken_back();
    let (good, bad) = (digest(&host), fs::read(probe_file(&host)).expect("its file"));
    put(&probe_file(&host), &fs::read(sandbus_tests::host::built::component("probe-rust")).expect("the probe"));
    eventually("the refusal to be over", SOON, || match &shown(&host)["refused"] {
        Value::Null => Ok(()),
        refused => Err(refused.to_string()),
    });
    assert_eq!(generation(&host, "probe").map(|(number, _)| number), Some(1));
    put(&probe_file(&host), &bad);
    wait_generation(&host, "probe", 3);
    assert_ne!(digest(&host), good);
}

#[test]
fn what_was_taken_back_returns_by_a_restart() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0\nrollback_after = 3"));
    let deployment = stage.deploy();
    let start = || {
        let mut host = deployment.start();
        host.wait_ready(SOON);
        host
    };
    let mut host = start();
    let first = digest(&host);
    // The same code in other bytes: good, and taken back all the same.
    put(&probe_file(&host), &version("probe-rust", 1));
    wait_generation(&host, "probe", 2);
    let second = digest(&host);
    roll_back(&host);
    assert_eq!(digest(&host), first);
    assert_eq!(host.terminate(SOON).code(), Some(0));

    let host = start();
    assert_eq!(digest(&host), second);
    assert_eq!((&shown(&host)["generation"]["number"], &shown(&host)["refused"]), (&1.into(), &Value::Null));
    stage.topic.write([order(0)]);
    stage.wait_final(1);
}

/// Clock ticks of CPU time of a process's children that have ended.
#[track_caller]
fn of_children(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the host runs");
    let (_, fields) = stat.rsplit_once(") ").expect("fields behind the name");
    let fields: Vec<_> = fields.split(' ').collect();
    // cutime and cstime, the 16th and 17th of all.
    fields[13..15].iter().map(|field| field.parse::<u64>().expect("a number")).sum()
}

#[test]
fn a_rollback_compiles_nothing() {
    let uncached = Stage::new(1).probe(Probe::named("probe")).handler("\n[sandbox]\ncache = \"\"\n");
    let host = uncached.start();
    let first = of_children(host.id());
    let good = digest(&host);
    put(&probe_file(&host), &version("probe-rust", 1));
    wait_generation(&host, "probe", 2);
    let compiled = of_children(host.id());
    assert!(compiled > first && first > 0, "a compiler takes time: {first}, {compiled}");
    let loaded = |host: &Host| host.log().iter().filter(|line| line.contains("\"code\":")).count();
    let before = loaded(&host);
    // By the time it answers, new deliveries go there.
    roll_back(&host);
    uncached.topic.write([order(0)]);
    uncached.wait_final(1);
    assert_eq!(digest(&host), good);
    assert_eq!(of_children(host.id()), compiled, "it was compiled again");
    assert_eq!(loaded(&host), before, "it was loaded again");
    let names: BTreeSet<_> = uncached.acks().into_iter().map(|ack| ack.handler).collect();
    assert_eq!(names, BTreeSet::from(["probe".to_owned()]));
}
