//! C: a new project is built, tested, changed and broken, by the commands that it prints and those of its README.

use std::fs;

use super::{Outside, SAMPLES, next, verdicts};

#[test]
fn a_new_project_in_c_builds_and_passes_its_tests() {
    let outside = Outside::new(None);
    let made = outside.succeeds("sandbus new order-log --lang c").stdout;
    let run = outside.succeeds(&format!("{} --json", next(&made)));
    assert!(run.stderr.contains("building order-log with zig "), "{}", run.stderr);
    assert_eq!(verdicts(&run.stdout), SAMPLES, "{}{}", run.stdout, run.stderr);

    let again = outside.succeeds("sandbus build order-log");
    assert!(again.stdout.ends_with(", unchanged)\n"), "{}", again.stdout);
    let checked = outside.succeeds("cd order-log && sandbus check");
    assert!(checked.stdout.contains("sdk sandbus-sdk-c 0.1.0, language c, name order-log"), "{}", checked.stdout);
    let units = outside.succeeds("cd order-log && make test");
    assert!(units.stdout.contains("3 passed; 0 failed"), "{}", units.stdout);

    // A second file of the project's own, and assertions, which stay on.
    let source = outside.path("order-log/handler.c");
    let handler = fs::read_to_string(&source).expect("a source");
    let asserting = handler.replace("    seen++;", "    seen++;\n    assert(is_even(seen));");
    let declared = asserting
        .replace("#include <inttypes.h>", "#include <assert.h>\n#include <inttypes.h>\nbool is_even(uint64_t);");
    fs::write(&source, &declared).expect("the source can be written");
    let even = "#include <stdbool.h>\n#include <stdint.h>\nbool is_even(uint64_t n) { return n % 2 == 0; }\n";
    fs::write(outside.path("order-log/even.c"), even).expect("a source can be written");
    let run = outside.shell(
        "cd order-log && sandbus build >&2 && sandbus test target/components/order-log.wasm --events events.jsonl",
    );
    assert_eq!(run.status.code(), Some(1), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("log error: Assertion failed: is_even(seen)"), "{}", run.stdout);
    assert!(run.stdout.contains("fault trap"), "{}", run.stdout);

    // What cannot be compiled is shown, and the component of before stays.
    fs::write(&source, handler.replace("seen++;", "unheard_of++;")).expect("the source can be written");
    let component = || fs::read(outside.path("order-log/target/components/order-log.wasm")).expect("a component");
    let before = component();
    let failed = outside.shell("cd order-log && sandbus build");
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("undeclared identifier 'unheard_of'"), "{}", failed.stderr);
    assert!(
        failed.stderr.ends_with("sandbus: zig could not build order-log; its message is above\n"),
        "{}",
        failed.stderr
    );
    assert!(component() == before, "a failed build changed the component");
}

#[test]
fn c_is_built_with_the_compiler_that_is_named() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new order-log --lang c");
    let none = outside.shell("SANDBUS_CC='no-such-compiler -x' sandbus build order-log");
    assert_eq!(none.status.code(), Some(1));
    assert!(none.stderr.contains("building order-log with no-such-compiler -x (SANDBUS_CC)"), "{}", none.stderr);
    assert!(none.stderr.contains("sandbus: SANDBUS_CC cannot be started: "), "{}", none.stderr);
    // Without a handler in it, a module is none. Nothing in this folder takes the SDK.
    fs::write(outside.path("order-log/handler.c"), "int nothing;\n").expect("the source can be written");
    fs::remove_file(outside.path("order-log/test.c")).expect("the project has tests");
    let empty = outside.shell("sandbus build order-log");
    assert_eq!(empty.status.code(), Some(1));
    let message = "order-log was built, but it is no handler: it exports nothing of sandbus:handler\n";
    assert!(empty.stderr.contains(message), "{}", empty.stderr);
}

#[test]
fn what_a_handler_in_c_lacks_is_said() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new order-log --lang c");
    let source = outside.path("order-log/handler.c");
    let handler = fs::read_to_string(&source).expect("a source");
    let define = "#define SANDBUS_IMPLEMENTATION\n";
    let (before, registered) = handler.split_once("SANDBUS_HANDLER(").expect("a handler");
    let (_, after) = registered.split_once(");\n").expect("its end");
    let unregistered = format!("{before}{after}");
    let cases = [
        // The header's own words, by the compiler.
        (
            handler.replace(define, ""),
            "write `#define SANDBUS_IMPLEMENTATION` above the #include of sandbus.h in this file",
        ),
        (unregistered.clone(), "zig could not build order-log: no file says what handles events; below the handler's"),
        (
            unregistered.replace(define, ""),
            "order-log was built, but it is no handler: no file says what handles events;",
        ),
    ];
    for (text, message) in cases {
        assert_ne!(text, handler);
        fs::write(&source, text).expect("the source can be written");
        let failed = outside.shell("sandbus build order-log");
        assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
        assert!(failed.stderr.contains(message), "{message}: {}", failed.stderr);
    }
}

/// Prints without an end of its line, and by perror, which writes a line in pieces.
const PRINTING: &str = r#"
#define SANDBUS_IMPLEMENTATION
#include "sandbus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static sandbus_verdict handle(const sandbus_event *event) {
    sandbus_bytes id = sandbus_event_id(event);
    printf("half of %.*s", SANDBUS_ARG(id));
    errno = EBADF;
    perror("open");
    fputs("not ended", stderr);
    if (sandbus_equal(sandbus_event_type(event), "Long"))
        for (int i = 0; i < 5000; i++) fputs("\xc3\xa9", stdout);
    if (sandbus_equal(sandbus_event_type(event), "Exits")) exit(0);
    return sandbus_equal(sandbus_event_type(event), "Fails") ? sandbus_error("own", "failed") : sandbus_ack();
}

SANDBUS_HANDLER(.name = "printing", .version = "1.0.0", .events = SANDBUS_EVENTS("*"), .handle = handle);
"#;

#[test]
fn what_is_printed_belongs_to_the_event_that_printed_it() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new printing --lang c");
    fs::write(outside.path("printing/handler.c"), PRINTING).expect("the source can be written");
    let events = ["A", "Fails", "Long", "A", "Exits"]
        .map(|of| format!("{{\"type\":\"{of}\",\"headers\":{{\"event_id\":\"e\"}}}}\n"));
    fs::write(outside.path("events.jsonl"), events.concat()).expect("the events can be written");
    outside.succeeds("sandbus build printing");
    for way in ["typed", "packed"] {
        let run = outside.shell(&format!(
            "sandbus test printing/target/components/printing.wasm --events events.jsonl --json --way {way}"
        ));
        let tries: Vec<serde_json::Value> =
            run.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        assert_eq!(tries.len(), 5, "{}{}", run.stdout, run.stderr);
        for tried in &tries {
            let lines = |level: &str| -> Vec<&str> {
                let logs = tried["logs"].as_array().expect("log lines").iter();
                logs.filter(|line| line["level"] == *level).filter_map(|line| line["message"].as_str()).collect()
            };
            let (printed, errors) = (lines("info"), lines("error"));
            let exits = "the handler called exit: there is no process to end";
            let expected = ["open: Bad file descriptor", "not ended", exits];
            assert_eq!(errors, expected[..if tried["type"] == "Exits" { 3 } else { 2 }], "{way}: {tried}");
            // A long line comes in pieces of whole characters.
            assert_eq!(printed.concat().trim_end_matches('é'), "half of e", "{way}: {tried}");
            let long = tried["type"] == "Long";
            assert_eq!(printed.len(), if long { 2 } else { 1 }, "{way}: {tried}");
            assert_eq!(printed.concat().chars().count(), 9 + if long { 5000 } else { 0 }, "{way}: {tried}");
        }
    }
}

#[test]
fn the_examples_in_c_are_built_as_they_are() {
    let outside = Outside::new(None);
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for example in ["plain", "probe"] {
        // A copy, so that nothing is written into the repository.
        outside.succeeds(&format!("mkdir {example} && cp -r {}/{example}/c {example}/", examples.display()));
        outside.succeeds(&format!("CFLAGS='-DPROBE_BUILD=\"mark\"' sandbus build {example}/c --output {example}.wasm"));
    }
    let events = examples.join("plain/events.jsonl");
    let plain = outside.succeeds(&format!("sandbus test plain.wasm --events {} --json", events.display()));
    assert_eq!(verdicts(&plain.stdout), ["ack", "error"], "{}{}", plain.stdout, plain.stderr);
    let probe = outside.succeeds(
        "echo '{\"type\":\"A\",\"headers\":{\"probe\":\"log:hello;skip\"}}' | sandbus test probe.wasm --events /dev/stdin --json",
    );
    assert_eq!(verdicts(&probe.stdout), ["skip"], "{}{}", probe.stdout, probe.stderr);
    for component in ["plain.wasm", "probe.wasm"] {
        let bytes = fs::read(outside.path(component)).expect("a component");
        let imports = |name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(imports("sandbus:handler/logging@0.1.0"), "{component}");
        for granted in ["wasi_snapshot_preview1", "wasi:cli", "wasi:filesystem", "wasi:sockets", "wasi:io/streams"] {
            assert!(!imports(granted), "{component} imports {granted}");
        }
    }
}
