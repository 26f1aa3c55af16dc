//! What a released version of the contract promises: components that were made for it go on working, its text stays as it
//! is, and what was made for a later one is told apart.

use std::path::Path;
use std::time::Duration;

use sandbus_tests::contracts::{self, Contract};
use sandbus_tests::{Deployment, Record, Topic, names};
use serde_json::{Value, json};

use crate::delivery::SOON;
use crate::delivery::stage::Stage;

const ENDED: Duration = Duration::from_secs(60);
/// zig may have to be fetched.
const BUILT: Duration = Duration::from_secs(900);
const TYPES: [&str; 6] = ["Ack", "Skip", "Retry", "DeadLetter", "Error", "Trap"];

/// `wit/` says what the newest released version says, until its own version is another.
#[test]
fn the_contract_is_the_released_one_word_for_word() {
    let own = contracts::wit_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit"));
    let version = own[0].1.lines().next().expect("a first line").to_owned();
    let version = version.strip_prefix("package sandbus:handler@").and_then(|rest| rest.strip_suffix(';'));
    let version = version.expect("the package's name and version in the first line");
    let released = Contract::released();
    assert!(!released.is_empty());
    match released.iter().find(|contract| contract.version == version) {
        // "What must be done" is in CONTRIBUTING.md.
        Some(contract) => assert_eq!(contract.wit(), own, "version {version} is released: its text cannot change"),
        None => {
            let newest = &released.last().expect("one at least").version;
            assert!(number(version) > number(newest), "{version} is no version behind {newest}");
        }
    }
}

fn number(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or_else(|error| panic!("{version}: {error}"))).collect()
}

/// What `sandbus test --json` says of each type.
fn tried(component: &[u8]) -> Vec<Value> {
    tried_by("packed", component)
}

/// By this way in, as far as the component has it.
fn tried_by(way: &str, component: &[u8]) -> Vec<Value> {
    let events: String = TYPES
        .iter()
        .map(|name| json!({ "type": name, "key": "k", "headers": [["a", "b"], ["a", null]], "value": { "n": 1 } }))
        .map(|event| format!("{event}\n"))
        .collect();
    let deployment = Deployment::new("").write("kept.wasm", component).write("events.jsonl", events);
    let mut arguments =
        vec!["test", "kept.wasm", "--events", "events.jsonl", "--json", "--set", "topic=out", "--grant-publish", "out"];
    arguments.extend(["--way", way]);
    let finished = deployment.run(&arguments, b"", ENDED);
    assert_eq!(finished.status.code(), Some(1), "one ends in a fault: {}{}", finished.stdout, finished.stderr);
    let lines = finished.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    let shown = |mut line: Value| {
        let line = line.as_object_mut().expect("an object");
        line.retain(|name, _| {
            ["verdict", "error_type", "message", "retry_after_ms", "logs", "metrics", "published"]
                .contains(&name.as_str())
        });
        // Which frames a trap has is the engine's word.
        if line["verdict"] == "fault" {
            line.remove("message");
        }
        Value::Object(line.clone())
    };
    lines.map(shown).collect()
}

fn expected() -> Vec<Value> {
    let published = json!([{
        "topic": "out", "key": "k", "headers": [["event_type", "Ack"], ["a", "b"], ["a", null]], "value": { "n": 1 },
    }]);
    let again = "the handler asked for another try";
    let ends = [
        json!({ "verdict": "ack", "error_type": null, "message": "", "retry_after_ms": null, "published": published }),
        json!({ "verdict": "skip", "error_type": null, "message": "", "retry_after_ms": null, "published": [] }),
        json!({ "verdict": "retry", "error_type": "retry", "message": again, "retry_after_ms": 250, "published": [] }),
        json!({ "verdict": "dead-letter", "error_type": "rejected", "message": "no use", "retry_after_ms": null, "published": [] }),
        json!({ "verdict": "error", "error_type": "Broken", "message": "it broke", "retry_after_ms": null, "published": [] }),
        json!({ "verdict": "fault", "error_type": "trap", "retry_after_ms": null, "published": [] }),
    ];
    let with_notes = |(mut end, name): (Value, &str)| {
        end["logs"] = json!([{ "level": "info", "message": name }]);
        end["metrics"] = json!(["kept +1"]);
        end
    };
    ends.into_iter().zip(TYPES).map(with_notes).collect()
}

#[test]
fn components_of_each_released_version_go_on_working() {
    for contract in Contract::released() {
        let texts = contract.texts();
        let names: Vec<_> = texts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["packed", "typed"], "what is kept of {}", contract.version);
        for (name, text) in texts {
            let component = contracts::component(&text, &contract.wit()).unwrap_or_else(|error| panic!("{error:#}"));
            assert_eq!(tried(&component), expected(), "{name} of {}", contract.version);
        }
    }
}

/// What the SDK of a version has made is built of its own sources, by `sandbus build` as it is now.
fn built(contract: &Contract) -> Vec<u8> {
    let mut deployment = Deployment::new("");
    for file in ["handler.c", "sandbus.h"] {
        let path = contract.project().join(file);
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        deployment = deployment.write(&format!("kept/{file}"), text);
    }
    let finished = deployment.run(&["build", "kept", "--output", "kept.wasm"], b"", BUILT);
    assert!(finished.status.success(), "{}{}", finished.stdout, finished.stderr);
    std::fs::read(deployment.directory().join("kept.wasm")).expect("a component")
}

#[test]
fn what_an_sdk_of_each_released_version_makes_goes_on_working() {
    for contract in Contract::released() {
        let component = built(&contract);
        for way in ["packed", "typed"] {
            assert_eq!(tried_by(way, &component), expected(), "{way} of {}", contract.version);
        }
        on_kafka(&component, &format!("what the SDK for C of {} makes", contract.version));
    }
}

/// Frames of many events, lanes that stop, and several instances.
#[test]
fn components_of_each_released_version_work_on_kafka() {
    for contract in Contract::released() {
        for (name, text) in contract.texts() {
            let component = contracts::component(&text, &contract.wit()).unwrap_or_else(|error| panic!("{error:#}"));
            on_kafka(&component, &format!("{name} of {}", contract.version));
        }
    }
}

#[track_caller]
fn on_kafka(component: &[u8], what: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kept.wasm");
    std::fs::write(&file, component).expect("the component can be written");
    let stage = Stage::new(2);
    let out = Topic::create_named(&stage.connection, &names::unique("kept"), 1);
    let topic = out.name();
    let stage = stage.handler(&format!(
        "[[handler]]\nname = \"kept\"\ncomponent = {:?}\nmax_retries = 0\nquarantine_tries = 0\n\
         [handler.config]\ntopic = {topic:?}\n[handler.grants]\npublish = [{topic:?}]\n",
        file.display().to_string()
    ));
    let host = stage.start();
    // No trap: it would have its neighbours run again.
    let counts = [("Ack", 300), ("Skip", 40), ("Retry", 7), ("DeadLetter", 9), ("Error", 11)];
    let mut records: Vec<Record> = Vec::new();
    for (name, count) in counts {
        records.extend((0..count).map(|number| Record::event(name, "{}").key(format!("k-{}", number % 20))));
    }
    fastrand::shuffle(&mut records);
    let all = i64::try_from(records.len()).expect("a small number");
    stage.topic.write(records);
    stage.wait_final(all);
    let metrics = host.metrics();
    for (verdict, (_, count)) in ["ack", "skip", "retry", "dead-letter", "error"].into_iter().zip(counts) {
        let labels = [("handler_name", "kept"), ("verdict", verdict)];
        assert_eq!(metrics.sum("sandbus_handler_verdicts_total", &labels), Some(f64::from(count)), "{what}: {verdict}");
    }
    assert_eq!(metrics.sum("sandbus_guest_counter_kept_total", &[]), Some(all as f64), "{what}");
    assert_eq!(out.read_count(300, SOON).len(), 300, "{what}");
}

// === versions that are not there yet ===

/// The kept component of that name, made for a contract whose WIT and words are changed like this.
#[track_caller]
fn changed(name: &str, change: impl Fn(&str) -> String) -> Vec<u8> {
    let released = Contract::released();
    let newest = released.last().expect("one at least");
    let wit: Vec<_> = newest.wit().iter().map(|(name, text)| (name.clone(), change(text))).collect();
    let (_, text) = newest.texts().into_iter().find(|(found, _)| found == name).expect("it is kept");
    contracts::component(&change(&text), &wit).unwrap_or_else(|error| panic!("{error:#}"))
}

fn at_version(version: &str) -> impl Fn(&str) -> String + '_ {
    move |text| text.replace("@0.1.0", &format!("@{version}"))
}

#[track_caller]
fn refused(component: &[u8]) -> String {
    let deployment = Deployment::new("").write("later.wasm", component);
    let finished = deployment.run(&["check", "later.wasm"], b"", ENDED);
    assert_eq!(finished.status.code(), Some(1), "{}{}", finished.stdout, finished.stderr);
    finished.stderr.replace(&deployment.directory().display().to_string(), "DIR")
}

#[test]
fn a_later_patch_of_the_contract_is_compatible_as_far_as_it_is_known() {
    for name in ["typed", "packed"] {
        assert_eq!(tried(&changed(name, at_version("0.1.1"))), expected(), "{name}");
        // That it could do more is of no matter as long as it does not.
        let more = |text: &str| {
            let log = "    log: func(level: level, message: string);";
            let text = at_version("0.1.1")(text);
            text.replace(log, &format!("{log}\n    flush: func();"))
        };
        assert_eq!(tried(&changed(name, more)), expected(), "{name}");
    }
}

#[test]
fn what_only_a_later_patch_has_is_named() {
    let function = |text: &str| {
        let log = "    log: func(level: level, message: string);";
        let text = at_version("0.1.1")(text);
        let text = text.replace(log, &format!("{log}\n    flush: func();"));
        text.replace(
            "  (memory (export",
            "  (import \"sandbus:handler/logging@0.1.1\" \"flush\" (func $flush))\n  (memory (export",
        )
    };
    let message = refused(&changed("typed", function));
    assert!(message.contains("was built for version 0.1.1 of the contract"), "{message}");
    assert!(message.contains("flush") && message.contains("This host has 0.1.0: use a newer sandbus"), "{message}");

    let interface = |text: &str| {
        let text = at_version("0.1.1")(text);
        let text = text.replace(
            "world handler {",
            "interface state {\n    forget: func();\n}\n\nworld handler {\n    import state;",
        );
        text.replace(
            "  (memory (export",
            "  (import \"sandbus:handler/state@0.1.1\" \"forget\" (func $forget))\n  (memory (export",
        )
    };
    let message = refused(&changed("typed", interface));
    let words =
        "was built for version 0.1.1 of the contract: it imports `sandbus:handler/state@0.1.1`. This host has 0.1.0";
    assert!(message.contains(words), "{message}");
}

#[test]
fn another_contract_is_refused_and_says_which_it_is() {
    for (version, advice) in
        [("0.2.0", "use a newer sandbus"), ("1.0.0", "use a newer sandbus"), ("0.0.9", "build it again")]
    {
        for name in ["typed", "packed"] {
            let message = refused(&changed(name, at_version(version)));
            let words = format!(
                "was built for version {version} of the contract: it exports `sandbus:handler/{name}@{version}`. \
                 This host has 0.1.0: {advice}"
            );
            assert!(message.contains(&words), "{message}");
        }
    }
}
