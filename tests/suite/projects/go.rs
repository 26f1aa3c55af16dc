//! A project in Go, by the commands that `sandbus new` prints. The compiler is the one that `sandbus build` finds or
//! installs; what it builds it with is in the project, so no module is fetched.

use std::fs;

use super::{Outside, SAMPLES, next, verdicts};

/// The project, and the commands that are to come next, in one line.
fn new_project(outside: &Outside) -> String {
    next(&outside.succeeds("sandbus new order-log --lang go").stdout)
}

#[test]
fn a_new_project_builds_and_passes_its_test_at_once() {
    let outside = Outside::new(None);
    let next = new_project(&outside);
    let run = outside.succeeds(&format!("export GOPROXY=off && {next} --json"));
    assert!(run.stderr.contains("building order-log with go1."), "{}", run.stderr);
    assert_eq!(verdicts(&run.stdout), SAMPLES, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("order o-1 over 4998 cents is number 1"), "{}", run.stdout);

    let again = outside.succeeds("sandbus build order-log");
    assert!(again.stdout.starts_with("order-log/target/components/order-log.wasm  ("), "{}", again.stdout);
    assert!(again.stdout.ends_with(", unchanged)\n"), "{}", again.stdout);

    let checked = outside.succeeds("cd order-log && sandbus check");
    assert!(checked.stdout.contains("events     OrderCreated"), "{}", checked.stdout);
    assert!(checked.stdout.contains("language go, name order-log"), "{}", checked.stdout);
    // Its own tests need a Go of the machine's.
    if outside.shell("go version").status.success() {
        outside.succeeds("cd order-log && gofmt -l *.go | (! grep .) && go vet ./... && go test ./...");
    }

    // What cannot be compiled is shown, and the component of before stays.
    let source = outside.path("order-log/handler.go");
    let broken = fs::read_to_string(&source).expect("a source").replace("o.seen++", "o.unheardOf++");
    fs::write(&source, broken).expect("the source can be written");
    let component = || fs::read(outside.path("order-log/target/components/order-log.wasm")).expect("a component");
    let before = component();
    let failed = outside.shell("cd order-log && sandbus build");
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("handler.go:36:4: o.unheardOf undefined"), "{}", failed.stderr);
    assert!(failed.stderr.ends_with("sandbus: go could not build order-log; its message is above\n"));
    assert!(component() == before, "a failed build changed the component");
}

#[test]
fn one_that_registers_nothing_says_so_when_it_is_checked() {
    let outside = Outside::new(None);
    new_project(&outside);
    let source = outside.path("order-log/handler.go");
    let text = fs::read_to_string(&source).expect("a source");
    let mute = text.replace("func init() { sandbus.Register(newOrders, \"OrderCreated\") }", "var _ = newOrders");
    assert!(text != mute, "{text}");
    fs::write(&source, mute).expect("the source can be written");
    outside.succeeds("cd order-log && sandbus build");
    let checked = outside.shell("cd order-log && sandbus check");
    assert_ne!(checked.status.code(), Some(0), "{}", checked.stdout);
    assert!(checked.stderr.contains("no handler is registered"), "{}", checked.stderr);
}

#[test]
fn the_sdk_is_all_that_is_imported_from() {
    let outside = Outside::new(None);
    let component = format!("{} && sandbus build >/dev/null", new_project(&outside));
    outside.succeeds(&component);
    let bytes = fs::read(outside.path("order-log/target/components/order-log.wasm")).expect("a component");
    let text = String::from_utf8_lossy(&bytes);
    for interface in ["wasi:cli/", "wasi:filesystem/", "wasi:sockets/", "wasi:http/", "wasi:io/streams"] {
        assert!(!text.contains(interface), "it imports {interface}");
    }
}

#[test]
fn without_a_compiler_it_is_told_what_to_do() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new order-log --lang go");
    // A folder of programs in which there is neither Go nor Python.
    let script = "mkdir empty && SANDBUS_CACHE=$PWD/cache PATH=${PATH%%:*}:$PWD/empty sandbus build order-log";
    let failed = outside.shell(script);
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    for words in ["Go cannot be built here: there is no go in PATH, and there is no python3", "put Go 1.24 or newer"] {
        assert!(failed.stderr.contains(words), "{}", failed.stderr);
    }
}

/// Reads any JSON: Go's own reader calls itself for each bracket.
const READS: &str = r#"
package main

import "github.com/sandbus/sandbus/guest-sdk/go/sandbus"

func handle(event *sandbus.Event) (sandbus.Verdict, error) {
	var body any
	if err := event.JSON(&body); err != nil {
		return sandbus.Verdict{}, err
	}
	return sandbus.Ack, nil
}

func init() { sandbus.HandleFunc(handle, "*") }

func main() {}
"#;

#[test]
fn json_is_nested_as_deep_as_the_stack_holds() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new reads --lang go && rm reads/*_test.go");
    fs::write(outside.path("reads/handler.go"), READS).expect("the source can be written");
    let event = |depth: usize| {
        let value = "[".repeat(depth) + &"]".repeat(depth);
        format!("{}\n", serde_json::json!({ "type": "A", "value_text": value }))
    };
    fs::write(outside.path("events.jsonl"), [127, 128, 9000].map(event).concat()).expect("the events can be written");
    outside.succeeds("sandbus build reads");
    for way in ["typed", "packed"] {
        let test = "sandbus test reads/target/components/reads.wasm --events events.jsonl --json";
        // It would end with another status if a try ended in a fault.
        let run = outside.succeeds(&format!("{test} --way {way}"));
        assert_eq!(verdicts(&run.stdout), ["ack", "error", "error"], "{way}: {}", run.stdout);
        assert_eq!(run.stdout.matches("it is nested deeper than 127").count(), 2, "{way}: {}", run.stdout);
    }
}
