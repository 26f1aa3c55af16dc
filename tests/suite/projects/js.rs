//! Projects in JavaScript and TypeScript: built by the tools that npm puts into the cache, by the first test that needs them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Outside, SAMPLES, next, verdicts};

const COMPONENT: &str = "order-log/target/components/order-log.wasm";

fn replace(outside: &Outside, path: &str, from: &str, to: &str) {
    let path = outside.path(path);
    let text = fs::read_to_string(&path).expect("a file of the project");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("the file can be written");
}

/// What is true of both. Leaves the project as it was made, and built.
fn builds_at_once(outside: &Outside, language: &str) {
    let made = outside.succeeds(&format!("sandbus new order-log --lang {language}")).stdout;
    let run = outside.succeeds(&format!("{} --json", next(&made)));
    assert!(run.stderr.contains("building order-log with componentize-qjs "), "{}", run.stderr);
    assert_eq!(verdicts(&run.stdout), SAMPLES, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("order o-1 over 4998 cents is number 1"), "{}", run.stdout);
    let typed =
        outside.succeeds(&format!("sandbus test {COMPONENT} --events order-log/events.jsonl --way typed --json"));
    assert_eq!(verdicts(&typed.stdout), SAMPLES, "{}{}", typed.stdout, typed.stderr);
    let checked = outside.succeeds("cd order-log && sandbus check");
    assert!(
        checked.stdout.contains(&format!("sandbus-sdk-js 0.1.0, language {language}, name order-log")),
        "{checked:?}"
    );
    let again = outside.succeeds("sandbus build order-log");
    assert!(again.stdout.ends_with(", unchanged)\n"), "{}", again.stdout);
    let units = outside.succeeds("cd order-log && npm test");
    assert!(units.stdout.contains("pass 3") && units.stdout.contains("fail 0"), "{}", units.stdout);
}

/// A build that fails shows this and which tool has said it, and leaves the component.
fn fails(outside: &Outside, tool: &str, message: &str) -> String {
    let component = || fs::read(outside.path(COMPONENT)).expect("a component");
    let before = component();
    let failed = outside.shell("sandbus build order-log");
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains(message), "{}", failed.stderr);
    let ends = format!("sandbus: {tool} could not build order-log; its message is above\n");
    assert!(failed.stderr.ends_with(&ends), "{}", failed.stderr);
    assert!(component() == before, "a failed build changed the component");
    failed.stderr
}

#[test]
fn a_new_project_in_javascript_builds_and_passes_its_tests_at_once() {
    let outside = Outside::new(None);
    builds_at_once(&outside, "js");
    let source = "order-log/src/index.js";
    let original = fs::read_to_string(outside.path(source)).expect("a source");
    let broken = |by: &str| original.replace("state.seen += 1;", by);
    let cases = [
        (broken("state.seen += = 1;"), "esbuild", "src/index.js:21:18:"),
        (
            broken("throw undeclared; } }); new Map().get('a').b; ({ x() {"),
            "componentize-qjs",
            "src/index.js cannot be loaded: Error: cannot read property 'b' of undefined\n    at <anonymous> (src/index.js:21)\n",
        ),
        (
            "import fs from 'node:fs';\nexport default fs;\n".into(),
            "esbuild",
            "  fs is part of Node.js, which a handler does not have: it has no files, sockets or processes.\n",
        ),
        ("export default require('fs/promises');\n".into(), "esbuild", "  fs/promises is part of Node.js, which"),
        (
            "import nope from './nope.js';\nexport default nope;\n".into(),
            "esbuild",
            "  There is no file src/nope.js.\n",
        ),
        (
            "import pad from '@ours/pad/left.js';\nexport default pad;\n".into(),
            "esbuild",
            "  `npm install @ours/pad` adds it, if it is a package of npm's.\n",
        ),
        (
            "export const answer = 42;\n".into(),
            "esbuild",
            "src/index.js has no default export: `export default handler({ events, handle })`\n",
        ),
        ("export default 5;\n".into(), "componentize-qjs", "the default export of the project is no handler"),
    ];
    for (text, tool, message) in cases {
        fs::write(outside.path(source), text).expect("the source can be written");
        let shown = fails(&outside, tool, message);
        let misleading = ["platform: 'node'", "as external", "import handler from", "(componentize-qjs:user.js"];
        assert!(!misleading.iter().any(|advice| shown.contains(advice)), "{shown}");
    }
    replace(
        &outside,
        "order-log/package.json",
        "\"engines\"",
        "\"dependencies\": { \"pad-of-ours\": \"1.0.0\" },\n  \"engines\"",
    );
    fs::write(outside.path(source), "import pad from 'pad-of-ours';\nexport default pad;\n")
        .expect("the source can be written");
    fails(&outside, "esbuild", "  package.json names pad-of-ours; `npm install` gets it.\n");
}

/// What the first sample event of a project in `language` logs, once `handle` is broken and `more` stands behind it.
fn logs(outside: &Outside, language: &str, broken: &str, more: &str) -> Vec<String> {
    let project = format!("of-{language}");
    outside.succeeds(&format!("sandbus new order-log --lang {language} {project}"));
    let source = format!("{project}/src/index.{language}");
    replace(outside, &source, "state.seen += 1;", broken);
    replace(
        outside,
        &source,
        "  handle(event",
        if broken.contains("await") { "  async handle(event" } else { "  handle(event" },
    );
    let text = fs::read_to_string(outside.path(&source)).expect("a source");
    fs::write(outside.path(&source), text + more).expect("the source can be written");
    let run = outside.succeeds(&format!(
        "cd {project} && sandbus build && sandbus test target/components/order-log.wasm --events events.jsonl --json"
    ));
    let line = run.stdout.lines().find(|line| line.starts_with('{')).expect("an event");
    let tried: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    assert_eq!(tried["error_type"], "RangeError", "{tried}");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let shown = |line: &serde_json::Value| format!("{}: {}", text(&line["level"]), text(&line["message"]));
    tried["logs"].as_array().expect("logs").iter().map(shown).collect()
}

#[test]
fn without_a_network_it_is_told_what_is_needed_once() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new order-log --lang js");
    let start = Instant::now();
    let failed = outside.shell(
        "SANDBUS_CACHE=$PWD/cache npm_config_cache=$PWD/npm npm_config_registry=http://127.0.0.1:1 sandbus build order-log",
    );
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("npm error code ECONNREFUSED\n"), "{}", failed.stderr);
    let advice = "sandbus: JavaScript cannot be built here: npm could not install the tools; its message is above. \
                  A network is needed for this once; npm_config_registry names a mirror of the registry, where there is one\n";
    assert!(failed.stderr.ends_with(advice), "{}", failed.stderr);
    // As npm is set up it takes 70 seconds.
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn an_exception_names_lines_of_the_sources() {
    let outside = Outside::new(None);
    let broken =
        "try { refused('no'); } catch (cause) { log.warn('it is', cause); throw new RangeError('outer', { cause }); }";
    let more = "function refused(why) {\n  throw new TypeError(why);\n}\n";
    let expected = [
        "warn: it is TypeError: no",
        "warn:     at refused (src/index.js:34)",
        "warn:     at handle (src/index.js:21)",
        "error: RangeError: outer",
        "error:     at handle (src/index.js:21)",
        "error: caused by TypeError: no",
        "error:     at refused (src/index.js:34)",
        "error:     at handle (src/index.js:21)",
    ];
    assert_eq!(logs(&outside, "js", broken, more), expected);
    let broken = "try { await refused('no'); } catch (cause) { throw new RangeError('outer', { cause }); }";
    let more = "async function refused(why: string) {\n  await null;\n  throw new TypeError(why);\n}\n";
    let expected = [
        "error: RangeError: outer",
        "error:     at src/index.ts:27",
        "error: caused by TypeError: no",
        "error:     at src/index.ts:41",
    ];
    assert_eq!(logs(&outside, "ts", broken, more), expected);
}

/// A document of tests/conformance/json.jsonl as an event of `sandbus test`, and what it is in JavaScript.
fn document(row: &serde_json::Value) -> (serde_json::Value, String) {
    let part = |name: &str| row[name].as_str().unwrap_or_default();
    let times = row["times"].as_u64().map_or(0, |times| usize::try_from(times).expect("a number"));
    let text =
        [part("before"), &part("open").repeat(times), part("inside"), &part("close").repeat(times), part("after")];
    let event = match (row["document"].as_str(), row["base64"].as_str()) {
        (_, Some(base64)) => serde_json::json!({ "type": "OrderCreated", "value_base64": base64 }),
        (Some(document), _) => serde_json::json!({ "type": "OrderCreated", "value_text": document }),
        (None, None) => serde_json::json!({ "type": "OrderCreated", "value_text": text.concat() }),
    };
    let is = row["differs"]["js"].as_str().unwrap_or(part("is"));
    (event, is.split(':').next().unwrap_or_default().to_owned())
}

/// The unit tests of the SDK run on Node, whose parser is another one.
#[test]
fn the_engine_reads_json_as_the_unit_tests_do() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new order-log --lang js");
    let handler = "import { handler } from '#sandbus';\n\
                   export default handler({ events: ['*'], handle(event) { event.json(); } });\n";
    fs::write(outside.path("order-log/src/index.js"), handler).expect("the source can be written");
    let rows = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/json.jsonl")).expect("rows");
    let rows: Vec<serde_json::Value> =
        rows.lines().map(|row| serde_json::from_str(row).expect("a line of JSON")).collect();
    let (events, expected): (Vec<_>, Vec<_>) = rows.iter().map(document).unzip();
    let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
    fs::write(outside.path("documents.jsonl"), lines).expect("events");
    let run = outside
        .succeeds(&format!("sandbus build order-log && sandbus test {COMPONENT} --events documents.jsonl --json"));
    let found: Vec<serde_json::Value> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    assert_eq!(found.len(), rows.len(), "{}", run.stderr);
    for ((row, expected), tried) in rows.iter().zip(expected).zip(found) {
        let ends = if tried["verdict"] == "ack" { "ok" } else { tried["error_type"].as_str().unwrap_or_default() };
        assert_eq!(ends, expected, "{}: {tried}", row["name"]);
    }
}

#[test]
fn a_library_of_npm_s_is_bundled_and_promises_are_waited_for() {
    let outside = Outside::new(None);
    outside.succeeds("sandbus new order-log --lang js && mkdir -p order-log/node_modules/pad-of-ours");
    let library = outside.path("order-log/node_modules/pad-of-ours");
    fs::write(library.join("package.json"), r#"{"name":"pad-of-ours","main":"pad.js"}"#).expect("a library");
    fs::write(library.join("pad.js"), "module.exports = async (text) => (await null, text.padStart(5, '-'));\n")
        .expect("a library");
    let source = "order-log/src/index.js";
    replace(&outside, source, "import { ack", "import pad from 'pad-of-ours';\nimport { ack");
    replace(&outside, source, "  handle(event, state) {", "  async handle(event, state) {");
    replace(&outside, source, "order ${order.order_id} over", "order ${await pad(order.order_id)} over");
    let run = outside
        .succeeds(&format!("sandbus build order-log && sandbus test {COMPONENT} --events order-log/events.jsonl"));
    assert!(run.stdout.contains("order --o-1 over 4998 cents is number 1"), "{}", run.stdout);
}

#[test]
fn a_new_project_in_typescript_builds_and_passes_its_tests_at_once() {
    let outside = Outside::new(None);
    builds_at_once(&outside, "ts");
    replace(&outside, "order-log/src/index.ts", "state.seen += 1;", "state.unheard += 1;");
    fails(
        &outside,
        "tsc",
        "src/index.ts(27,11): error TS2339: Property 'unheard' does not exist on type '{ seen: number; }'.",
    );
}
