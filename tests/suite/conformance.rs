//! The same results in every language: each row of tests/conformance/steps.jsonl, by both ways in, in an instance that is
//! used again and in a fresh one. How many events in one call end is `host/tests/both_ways.rs`, for each language, too.

mod document;
mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use sandbus_tests::host::built;
use sandbus_tests::process::Finished;
use sandbus_tests::{Deployment, LANGUAGES};
use serde_json::{Value, json};

use table::Row;

/// All rows, on a machine that has other work.
const ALL_ROWS: Duration = Duration::from_secs(600);
/// Hosts at a time: each has its component's machine code in memory, and one instance.
const AT_A_TIME: usize = 4;
const WAYS: [&str; 2] = ["packed", "typed"];
const ISOLATIONS: [&str; 2] = ["reuse", "fresh"];

/// The probe of a language as a handler that is called in a certain way.
#[derive(Clone, Copy)]
struct Subject {
    language: &'static str,
    way: &'static str,
    isolation: &'static str,
}

impl Subject {
    fn all() -> Vec<Subject> {
        let of = |language: &'static str| {
            WAYS.into_iter()
                .flat_map(move |way| ISOLATIONS.into_iter().map(move |isolation| Subject { language, way, isolation }))
        };
        LANGUAGES.iter().copied().flat_map(of).collect()
    }

    /// What `sandbus test` tells of each try of these events, with these keys of `[[handler]]`.
    #[track_caller]
    fn run(self, events: &[Value], attempts: u64, keys: &str, config: &str) -> Vec<Value> {
        let component = built::component(&format!("probe-{}", self.language));
        let mut lines = String::new();
        events.iter().for_each(|event| writeln!(lines, "{event}").expect("a string takes all"));
        let text = format!(
            "[[handler]]\nname = \"probe\"\ncomponent = {:?}\nisolation = {:?}\n{keys}\n[handler.grants]\n\
             publish = [\"out\"]\n[handler.config]\n{config}\n",
            component.display(),
            self.isolation,
        );
        let deployment = Deployment::new(&text).write("events.jsonl", lines);
        let component = component.display().to_string();
        let attempts = attempts.to_string();
        let arguments = ["test", &component, "--events", "events.jsonl", "--json", "--way", self.way];
        let more = ["--config", "sandbus.toml", "--handler", "probe", "--attempts", &attempts];
        let finished = deployment.run(&[arguments.as_slice(), &more].concat(), b"", ALL_ROWS);
        self.tries(&finished)
    }

    #[track_caller]
    fn tries(self, finished: &Finished) -> Vec<Value> {
        // 1 is the status where a try ended in a fault.
        let told = matches!(finished.status.code(), Some(0 | 1)) && !finished.stdout.is_empty();
        assert!(told, "{self}: {}\n{}", finished.status, finished.stderr);
        finished.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}, {}", self.language, self.way, self.isolation)
    }
}

/// Some side by side; what is wrong with all of them is told.
#[track_caller]
fn each_subject(check: impl Fn(Subject) -> Vec<String> + Sync) {
    let check = &check;
    let subjects = Subject::all();
    let together = |subjects: &[Subject]| -> Vec<String> {
        std::thread::scope(|scope| {
            let running: Vec<_> =
                subjects.iter().map(|subject| (subject, scope.spawn(move || check(*subject)))).collect();
            let ended = running.into_iter().flat_map(|(subject, thread)| {
                let wrong = thread.join().unwrap_or_else(|_| vec!["it could not be run; see above".to_owned()]);
                wrong.into_iter().map(move |wrong| format!("{subject}: {wrong}"))
            });
            ended.collect()
        })
    };
    let wrong: Vec<String> = subjects.chunks(AT_A_TIME).flat_map(together).collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_step_ends_as_the_table_says_in_every_language() {
    let mut by_attempts: BTreeMap<u64, Vec<Row>> = BTreeMap::new();
    for row in Row::all() {
        by_attempts.entry(row.attempts()).or_default().push(row);
    }
    each_subject(|subject| {
        let mut wrong = Vec::new();
        for (attempts, rows) in &by_attempts {
            let events: Vec<_> = rows.iter().map(Row::event).collect();
            let tries = subject.run(&events, *attempts, "timeout = \"60s\"", "");
            for (offset, row) in rows.iter().enumerate() {
                let at = format!("events.stream/0/{offset}");
                let of_event: Vec<_> = tries.iter().filter(|each| each["event"] == at.as_str()).cloned().collect();
                wrong.extend(row.judge(subject.language, &of_event).err());
            }
        }
        wrong
    });
}

/// By the wall clock of production, which nothing but waiting uses up on a machine that has other work.
#[test]
fn who_waits_too_long_is_stopped_in_every_language() {
    let event = |steps: &str| json!({ "type": "Tried", "key": "k", "headers": { "probe": steps } });
    each_subject(|subject| {
        let tries = subject.run(&[event("log:before;sleep:100s"), event("ack")], 1, "", "");
        let ends: Vec<_> = tries.iter().map(|each| (each["verdict"].as_str(), each["error_type"].as_str())).collect();
        let right = ends == [(Some("fault"), Some("timeout")), (Some("ack"), None)];
        if right { Vec::new() } else { vec![format!("{ends:?}")] }
    });
}

#[test]
fn what_an_instance_reports_is_the_same_in_every_language() {
    let headers = json!([["probe", "ack"]]);
    let events = [
        json!({ "type": "Tried", "key": "k", "headers": headers, "value": { "n": 1 } }),
        json!({ "type": "Tried", "headers": headers, "value_text": "" }),
        json!({ "type": "Tried", "key": "", "headers": headers }),
        json!({ "type": "Tried", "key_base64": "/wA=", "headers": headers, "value_base64": "AP/+" }),
        json!({ "type": "Tried", "key": "é", "headers": headers, "value_text": "no JSON" }),
    ];
    each_subject(|subject| {
        let tries = subject.run(&events, 1, "", "results = \"out\"\nname = \"p\"");
        let mut wrong = Vec::new();
        let mut instances = Vec::new();
        for (offset, (event, tried)) in events.iter().zip(&tries).enumerate() {
            let published = tried["published"].as_array().cloned().unwrap_or_default();
            let [record] = published.as_slice() else {
                wrong.push(format!("event {offset} was not published once: {tried}"));
                continue;
            };
            let headers = record["headers"].as_array().cloned().unwrap_or_default();
            let instance = headers.iter().find(|header| header[0] == "probe_instance");
            let instance = instance.and_then(|header| header[1].as_str()).unwrap_or_default().to_owned();
            let sequence = if subject.isolation == "fresh" { 1 } else { offset + 1 };
            let mut expected = json!({
                "topic": "out",
                "headers": [
                    ["probe_handler", "p"], ["probe_topic", "events.stream"], ["probe_partition", "0"],
                    ["probe_offset", offset.to_string()], ["probe_attempt", "1"], ["probe_instance", instance],
                    ["probe_sequence", sequence.to_string()], ["probe_language", subject.language],
                    ["probe_build", "dev"],
                ],
            });
            for (name, value) in event.as_object().expect("an object") {
                if name.starts_with("key") || name.starts_with("value") {
                    expected[name] = value.clone();
                }
            }
            if expected != *record {
                wrong.push(format!("event {offset}: {record}\ninstead of {expected}"));
            }
            if instance.len() != 16 || !instance.chars().all(|digit| matches!(digit, '0'..='9' | 'a'..='f')) {
                wrong.push(format!("event {offset}: {instance:?} are not 16 hexadecimal digits"));
            }
            instances.push(instance);
        }
        instances.sort_unstable();
        instances.dedup();
        let number = if subject.isolation == "fresh" { events.len() } else { 1 };
        if instances.len() != number {
            wrong.push(format!("{} instances instead of {number}: {instances:?}", instances.len()));
        }
        wrong
    });
}

#[test]
fn every_probe_says_what_it_is() {
    for language in LANGUAGES {
        let component = built::component(&format!("probe-{language}")).display().to_string();
        let finished = Deployment::new("").run(&["check", "--json", &component], b"", ALL_ROWS);
        assert!(finished.status.success(), "{language}: {}", finished.stderr);
        let checked: Value = serde_json::from_str(&finished.stdout).expect("JSON");
        let handler = &checked["handlers"][0];
        assert_eq!(handler["events"], json!(["*"]), "{language}");
        let attributes = &handler["attributes"];
        // TypeScript is written with JavaScript's.
        let sdk = if *language == "ts" { "js" } else { language };
        assert_eq!(attributes["sdk"], format!("sandbus-sdk-{sdk} 0.1.0").as_str(), "{language}");
        assert_eq!(attributes["language"], *language, "{language}");
        for name in ["name", "version"] {
            assert!(attributes[name].as_str().is_some_and(|text| !text.is_empty()), "{language}: {name}: {attributes}");
        }
    }
}

/// What runtimes import of WASI without a handler needing it. The host has nothing there: no file, no variable, no socket.
const EMPTY: [(&str, &[&str]); 3] = [
    ("js", &["wasi:cli/", "wasi:filesystem/", "wasi:io/"]),
    ("ts", &["wasi:cli/", "wasi:filesystem/", "wasi:io/"]),
    ("python", &["wasi:cli/", "wasi:filesystem/", "wasi:io/", "wasi:sockets/"]),
];

#[test]
fn no_language_imports_more_than_is_known() {
    let needed = ["sandbus:handler/", "wasi:clocks/", "wasi:random/", "wasi:io/poll@"];
    for language in LANGUAGES {
        let file = built::component(&format!("probe-{language}"));
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let decoded = wit_component::decode(&bytes).unwrap_or_else(|error| panic!("{language}: {error:#}"));
        let resolve = decoded.resolve();
        let (_, world) = resolve.worlds.iter().next().expect("a component has a world");
        let imports: Vec<String> = world.imports.keys().map(|key| resolve.name_world_key(key)).collect();
        let starts = |import: &str, with: &[&str]| with.iter().any(|start| import.starts_with(start));
        assert!(imports.iter().any(|name| name.starts_with("sandbus:handler/logging@0.1")), "{language}: {imports:?}");
        let empty = EMPTY.iter().find(|(of, _)| of == language).map(|(_, empty)| *empty).unwrap_or_default();
        for import in &imports {
            assert!(starts(import, &needed) || starts(import, empty), "{language} imports {import}");
        }
        for declared in empty {
            let used = imports.iter().any(|import| import.starts_with(declared) && !starts(import, &needed));
            assert!(used, "{language} imports nothing of {declared} any more: take it out of the list");
        }
    }
}
