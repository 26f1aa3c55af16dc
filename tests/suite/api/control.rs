//! Handlers are shown, reloaded, rolled back, paused and resumed.

use std::fs;

use super::super::cli_outcome::Outcome;
use super::super::delivery::stage::event;
use super::*;

#[test]
fn handlers_are_shown_with_generation_and_digest() {
    let stage = stage();
    let deployment = stage.deploy();
    let checked = Outcome::of(&deployment, &["check", "--json"]).expect(0).json();
    let mut host = deployment.start();
    host.wait_ready(SOON);
    let all = host.get("/api/v1/handlers").unwrap().json(200);
    let handlers = all["handlers"].as_array().unwrap();
    assert_eq!(handlers.len(), 1, "{all}");
    let handler = &handlers[0];
    assert_eq!(
        (&handler["name"], &handler["state"], &handler["group"]),
        (&"probe".into(), &"running".into(), &stage.group.name().into()),
        "{all}"
    );
    assert_eq!(handler["generation"]["number"], 1, "{all}");
    assert_eq!(handler["generation"]["digest"], checked["handlers"][0]["digest"], "{all}");
    assert_eq!((&handler["refused"], &handler["previous"]), (&Value::Null, &Value::Null), "{all}");
    assert_eq!(&probe(&host), handler);
    let unknown = host.get("/api/v1/handlers/prob").unwrap().json(404);
    assert_eq!(unknown["error"], "there is no handler \"prob\"");
    for what in ["reload", "rollback", "pause", "resume"] {
        let answer = host.ask("POST", &format!("/api/v1/handlers/prob/{what}")).send().unwrap();
        assert_eq!(answer.json(404), unknown, "{what}");
    }
}

#[test]
fn events_of_a_paused_handler_wait_and_the_host_stays_ready() {
    let stage = stage();
    let host = stage.start();
    stage.topic.write([event("before", "ack")]);
    stage.wait_acks(1);
    assert_eq!(post(&host, "pause").send().unwrap().json(200)["state"], "paused");
    stage.topic.write((0..3).map(|number| event(&format!("key-{number}"), "ack")));
    wait_probe(&host, "three events to wait", |probe| probe["waiting"] == 3);
    assert_eq!(probe(&host)["state"], "paused");
    assert_eq!(host.get("/readyz").unwrap().status, 200);
    assert_eq!(stage.acks().len(), 1, "a paused handler was given an event");
    assert_eq!(post(&host, "resume").send().unwrap().json(200)["state"], "running");
    stage.wait_acks(4);
    stage.wait_final(4);
}

#[test]
fn a_quarantine_is_shown_and_ended_by_a_resume() {
    let quarantine = Probe::named("probe").line("quarantine_tries = 3").line("quarantine_events = 3");
    let stage = Stage::new(1).probe(quarantine.line("retry_base_delay = \"300s\"\nmax_retries = 9"));
    let host = stage.start();
    stage.topic.write((0..3).map(|number| event(&format!("key-{number}"), "error:broken:all of it")));
    wait_probe(&host, "the handler to be quarantined", |probe| probe["state"] == "quarantined");
    assert_eq!(post(&host, "resume").send().unwrap().json(200)["state"], "running");
}

#[test]
fn a_changed_file_is_taken_and_taken_back_and_taken_again() {
    let stage = stage();
    let host = stage.start();
    let first = probe(&host)["generation"]["digest"].clone();
    let nothing = post(&host, "rollback").send().unwrap().json(409);
    assert!(nothing["error"].as_str().unwrap().contains("no earlier generation"), "{nothing}");
    assert_eq!(post(&host, "reload").send().unwrap().json(200)["generation"]["number"], 1, "nothing had changed");

    replace(&host, other_probe("second"));
    let second = post(&host, "reload").send().unwrap().json(200);
    assert_eq!(second["generation"]["number"], 2, "{second}");
    assert_eq!(second["previous"]["digest"], first, "{second}");
    let digest = second["generation"]["digest"].clone();
    assert_ne!(digest, first);
    stage.topic.write([event("a", "ack")]);
    stage.wait_acks(1);

    let back = post(&host, "rollback").send().unwrap().json(200);
    assert_eq!((&back["generation"]["number"], &back["generation"]["digest"]), (&1.into(), &first), "{back}");
    let reason = back["refused"]["reason"].as_str().unwrap();
    assert!(reason.contains("generation 2") && reason.contains(digest.as_str().unwrap()), "{back}");
    // The watch of the file does not bring it back. It looks four times a second.
    stage.topic.write([event("a", "ack")]);
    stage.wait_acks(2);

    let again = post(&host, "reload").send().unwrap().json(200);
    assert_eq!(again["generation"]["digest"], digest, "{again}");
    assert_eq!((&again["generation"]["number"], &again["refused"]), (&3.into(), &Value::Null), "{again}");
    stage.topic.write([event("a", "ack")]);
    stage.wait_acks(3);
    stage.wait_final(3);
}

#[test]
fn a_refused_component_is_shown_and_the_old_one_works_on() {
    let stage = stage();
    let host = stage.start();
    let before = probe(&host);
    replace(&host, "not a component");
    let refused = post(&host, "reload").send().unwrap().json(409);
    let reason = refused["error"].as_str().unwrap();
    assert!(reason.contains("not a WebAssembly component"), "{refused}");
    let after = probe(&host);
    assert!(reason.ends_with(after["refused"]["reason"].as_str().unwrap()), "{reason} and {after}");
    assert_eq!(after["generation"], before["generation"], "{after}");
    stage.topic.write([event("a", "ack")]);
    stage.wait_acks(1);
    stage.wait_final(1);
}

#[test]
fn the_configuration_is_read_again_as_a_whole_or_not_at_all() {
    let stage = stage();
    let host = stage.start();
    let file = host.directory().join("sandbus.toml");
    let before = fs::read_to_string(&file).unwrap();
    let second = "\n[[handler]]\nname = \"second\"\ncomponent = \"handlers/probe.wasm\"\nevents = [\"Other\"]\n";
    fs::write(&file, format!("{before}{second}concurency = 2\n")).unwrap();
    let refused = host.ask("POST", "/api/v1/reload").send().unwrap().json(409);
    assert!(refused["error"].as_str().unwrap().contains("did you mean concurrency?"), "{refused}");
    assert_eq!(host.get("/api/v1/handlers/second").unwrap().status, 404);

    fs::write(&file, format!("{before}{second}")).unwrap();
    let done = host.ask("POST", "/api/v1/reload").send().unwrap().json(200);
    assert_eq!(done, serde_json::json!({ "added": ["second"], "changed": [], "removed": [] }));
    assert_eq!(host.get("/api/v1/handlers/second").unwrap().json(200)["events"], serde_json::json!(["Other"]));
    fs::write(&file, before).unwrap();
    let done = host.ask("POST", "/api/v1/reload").send().unwrap().json(200);
    assert_eq!(done, serde_json::json!({ "added": [], "changed": [], "removed": ["second"] }));
    assert_eq!(host.get("/api/v1/handlers/second").unwrap().status, 404);
}
