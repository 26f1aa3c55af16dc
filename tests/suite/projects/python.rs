//! Projects in Python: built by the componentize-py that pip puts into the cache, by the first test that needs it.

use std::fs;

use super::{Outside, SAMPLES, next, verdicts};

const TESTS: &str = "PYTHONPATH=src:.sandbus/guest-sdk/python python3 -m unittest discover tests";
const COMPONENT: &str = "order-log/target/components/order-log.wasm";

/// A wheel of the package `money`, made without a network; its file's name says for which platform it is.
const WHEEL: &str = r#"
import sys, zipfile
name = f"money-1.0-{sys.argv[1]}.whl"
with zipfile.ZipFile(name, "w") as wheel:
    wheel.writestr("money.py", "def cents(text): return int(text) * 100\n")
    wheel.writestr("money-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: money\nVersion: 1.0\n")
    wheel.writestr("money-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {sys.argv[1]}\n")
    wheel.writestr("money-1.0.dist-info/RECORD", "")
"#;

fn replace(outside: &Outside, path: &str, from: &str, to: &str) {
    let path = outside.path(path);
    let text = fs::read_to_string(&path).expect("a file of the project");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("the file can be written");
}

#[test]
fn a_new_project_builds_and_passes_its_tests_at_once() {
    let outside = Outside::new(None);
    let made = outside.succeeds("sandbus new order-log --lang python").stdout;
    let run = outside.succeeds(&format!("{} --json", next(&made)));
    assert!(run.stderr.contains("building order-log with componentize-py "), "{}", run.stderr);
    assert_eq!(verdicts(&run.stdout), SAMPLES, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("order o-1 over 4998 cents is number 1"), "{}", run.stdout);
    let units = outside.succeeds(&format!("cd order-log && {TESTS}"));
    assert!(units.stderr.contains("Ran 3 tests"), "{}", units.stderr);

    let again = outside.succeeds("sandbus build order-log");
    assert!(again.stderr.contains("has not changed") && again.stdout.ends_with(", unchanged)\n"), "{again:?}");

    // What fails while it is imported is shown with its place, and the component of before stays.
    let component = || fs::read(outside.path(COMPONENT)).expect("a component");
    let before = component();
    let source = "order-log/src/handler.py";
    replace(&outside, source, "import sandbus\n", "import sandbus\nimport no_such_module\n");
    let failed = outside.shell("sandbus build order-log");
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("ModuleNotFoundError: No module named 'no_such_module'"), "{}", failed.stderr);
    assert!(failed.stderr.ends_with("sandbus: componentize-py could not build order-log; its message is above\n"));
    assert!(component() == before, "a failed build changed the component");
    replace(&outside, source, "import no_such_module\n", "");
    let undone = outside.succeeds("sandbus build order-log");
    assert!(undone.stderr.contains("has not changed") && undone.stdout.ends_with(", unchanged)\n"), "{undone:?}");

    // What Python cannot read is shown before anything is built.
    replace(&outside, source, "def handle(self, event: sandbus.Event)", "def handle(self, event:)");
    let failed = outside.shell("sandbus build order-log");
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("File \"handler.py\", line "), "{}", failed.stderr);
    assert!(failed.stderr.contains("SyntaxError: invalid syntax\n"), "{}", failed.stderr);
    assert!(failed.stderr.ends_with("sandbus: python3 could not build order-log; its message is above\n"));
    assert!(!failed.stderr.contains("building order-log"), "{}", failed.stderr);
    assert!(component() == before, "a failed build changed the component");
    replace(&outside, source, "def handle(self, event:)", "def handle(self, event: sandbus.Event)");
    let undone = outside.succeeds("sandbus build order-log");
    assert!(undone.stderr.contains("has not changed"), "{}", undone.stderr);
}

#[test]
fn dependencies_are_python_alone() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new order-log --lang python");
    fs::write(outside.path("wheel.py"), WHEEL).expect("the script can be written");
    outside.succeeds("python3 wheel.py py3-none-any && python3 wheel.py cp314-cp314-linux_x86_64");
    let named = |tag: &str| {
        format!("dependencies = [\"money @ file://{}\"]", outside.path(&format!("money-1.0-{tag}.whl")).display())
    };
    replace(&outside, "order-log/src/handler.py", "import sandbus\n", "import money\nimport sandbus\n");
    replace(&outside, "order-log/src/handler.py", "order.total_cents < 0", "money.cents(\"-1\") == order.total_cents");
    replace(&outside, "order-log/events.jsonl", ":-1}", ":-100}");
    let manifest = "order-log/pyproject.toml";

    replace(&outside, manifest, "dependencies = []", &named("cp314-cp314-linux_x86_64"));
    let refused = outside.shell("sandbus build order-log");
    assert_eq!(refused.status.code(), Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("is not a supported wheel on this platform"), "{}", refused.stderr);
    assert!(refused.stderr.contains("a package that has only wheels with native code"), "{}", refused.stderr);

    replace(&outside, manifest, &named("cp314-cp314-linux_x86_64"), &named("py3-none-any"));
    let run = outside.succeeds(&format!(
        "sandbus build order-log && sandbus test {COMPONENT} --events order-log/events.jsonl --json"
    ));
    assert!(run.stderr.contains("installing money @ file:"), "{}", run.stderr);
    assert_eq!(verdicts(&run.stdout), SAMPLES, "{}{}", run.stdout, run.stderr);
    // The list is the same: nothing is installed again.
    replace(&outside, "order-log/src/handler.py", "is number", "has number");
    let again = outside.succeeds("sandbus build order-log");
    assert!(!again.stderr.contains("installing money"), "{}", again.stderr);
}

/// What handlers give to the host that it does not take, and what their tries end in.
const CASES: &str = include_str!("../../../guest-sdk/python/tests/cases.py");

/// Writes the cases as events, and prints them with how they end.
const LIST: &str = r#"
import json
from cases import CASES
with open("events.jsonl", "w") as events:
    for name, _, ends in CASES:
        print(json.dumps({"type": name}), file=events)
        print(json.dumps([name, ends]))
"#;

#[test]
fn what_the_host_does_not_take_is_an_error_by_both_ways() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new given --lang python");
    for (file, text) in [("cases.py", CASES), ("handler.py", include_str!("given.py"))] {
        fs::write(outside.path("given/src").join(file), text).expect("a source can be written");
    }
    fs::write(outside.path("given/list.py"), LIST).expect("the script can be written");
    let listed = outside.succeeds("cd given && PYTHONPATH=src:.sandbus/guest-sdk/python python3 list.py").stdout;
    outside.succeeds("sandbus build given");
    let run = |way: &str| -> Vec<serde_json::Value> {
        let given = "target/components/given.wasm --events events.jsonl --grant-publish '*' --json";
        // It would end with another status if a try ended in a fault.
        let output = outside.succeeds(&format!("cd given && sandbus test {given} --way {way}")).stdout;
        let line = |line: &str| {
            let mut tried: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            // What it took is never the same.
            for measured in ["wall_ms", "cpu_ms", "memory_bytes"] {
                tried.as_object_mut().expect("an object").remove(measured);
            }
            tried
        };
        output.lines().map(line).collect()
    };
    let (typed, packed) = (run("typed"), run("packed"));
    assert_eq!(typed, packed);
    assert_eq!(typed.len(), listed.lines().count());
    for (tried, case) in typed.iter().zip(listed.lines()) {
        let (name, ends): (String, String) = serde_json::from_str(case).expect("a case");
        assert_eq!(tried["type"], *name);
        let field = |field: &str| tried[field].as_str().unwrap_or_default().to_owned();
        let ended = match field("verdict").as_str() {
            "error" => format!("{}: {}", field("error_type"), field("message")),
            "dead-letter" => format!("dead-letter: {}", field("message")),
            verdict => verdict.to_owned(),
        };
        // Of some messages only the beginning is the SDK's.
        assert!(ended == ends || ends.ends_with(": ") && ended.starts_with(&ends), "{name}: {ended}, not {ends}");
        if ends != "ack" {
            assert_eq!(tried["published"], serde_json::json!([]), "{name}");
        }
    }
}
