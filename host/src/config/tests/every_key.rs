//! Every key of every section is read: set to something else, the checked configuration differs as
//! it should, by the file and by the environment.

use std::collections::BTreeSet;

use super::Folder;
use crate::config::Config;
use crate::config::schema::{Form, SECTIONS};

/// Section, key, value as TOML, what `{:?}` of the configuration then shows and did not before.
const CHANGES: &[(&str, &str, &str, &str)] = &[
    ("kafka", "bootstrap_servers", r#""b1:9092, b2""#, r#"bootstrap_servers: "b1:9092,b2""#),
    ("kafka", "topic_prefix", r#""orders""#, r#"topics: ["orders.stream"]"#),
    ("kafka", "topics", r#"["t1", "t2"]"#, r#"topics: ["t1", "t2"]"#),
    ("kafka", "consumer_group", r#""g""#, r#"consumer_group: "g""#),
    ("kafka", "auto_offset_reset", r#""latest""#, "auto_offset_reset: Latest"),
    ("delivery", "enable_dlq", "false", "dead_letters: Drop"),
    ("delivery", "dlq_topic_suffix", r#""-dead""#, r#"suffix: "-dead""#),
    ("delivery", "max_buffer", r#""1MiB""#, "max_buffer: 1048576"),
    ("delivery", "window", "77", "window: 77"),
    ("delivery", "commit_interval", r#""250ms""#, "commit_interval: 250ms"),
    ("delivery", "drain_timeout", r#""9s""#, "drain_timeout: 9s"),
    ("delivery", "shutdown_timeout", r#""1m""#, "shutdown_timeout: 60s"),
    ("sandbox", "max_instances", "300", "max_instances: 300"),
    ("sandbox", "max_memory", r#""5GiB""#, "max_memory: 5368709120"),
    ("sandbox", "cache", r#""code""#, r#"/code")"#),
    ("sandbox", "cache_size", r#""1MiB""#, "cache_size: 1048576"),
    ("sandbox", "compile_time", r#""7s""#, "compile_time: 7s"),
    ("sandbox", "compile_memory", r#""1GiB""#, "compile_memory: 1073741824"),
    ("sandbox", "harden", r#""off""#, "harden: Off"),
    ("telemetry", "enable_metrics", "false", "enable_metrics: false"),
    ("telemetry", "enable_tracing", "false", "enable_tracing: false"),
    ("telemetry", "otlp_endpoint", r#""http://otel:4318""#, r#"otlp_endpoint: Some("http://otel:4318")"#),
    ("telemetry", "otlp_protocol", r#""grpc""#, "otlp_protocol: Some(Grpc)"),
    ("telemetry", "export_logs", "true", "export_logs: true"),
    ("admin", "listen", r#""[::1]:1""#, "listen: [::1]:1"),
    ("admin", "token", r#""hush""#, "token: Some(<secret>)"),
    ("admin", "token_file", r#""secret""#, "token: Some(<secret>)"),
    ("admin", "upload", "true", "upload: true"),
    ("handlers", "dir", r#""more""#, r#"name: "from-more""#),
    ("handler", "name", r#""other""#, r#"name: "other""#),
    ("handler", "component", r#""b.wasm""#, r#"/b.wasm""#),
];

/// Keys of `[[handler]]` that `[handlers]` takes as well.
const RUN: &[(&str, &str, &str)] = &[
    ("events", r#"["A", "B*"]"#, r#"events: Some(["A", "B*"])"#),
    ("topics", r#"["t1", "t2"]"#, r#"topics: ["t1", "t2"]"#),
    ("group", r#""own""#, "group: Own"),
    ("concurrency", "3", "concurrency: 3"),
    ("isolation", r#""fresh""#, "isolation: Fresh"),
    ("reuse_events", "0", "reuse_events: None"),
    ("reuse_memory", "0.25", "reuse_memory: 0.25"),
    ("timeout", r#""7s""#, " timeout: 7s"),
    ("cpu_time", r#""2s""#, "cpu_time: 2s"),
    ("memory", r#""1MiB""#, "memory: 1048576"),
    ("rollback_after", "0", "rollback_after: None"),
];

/// Keys that `[delivery]` takes, too.
const POLICIES: &[(&str, &str, &str)] = &[
    ("ordering", r#""partition""#, "ordering: Partition"),
    ("max_retries", "9", "max_retries: 9"),
    ("retry_base_delay", r#""2s""#, "base_delay: 2s"),
    ("retry_max_delay", r#""9s""#, "max_delay: 9s"),
    ("retry_jitter", "0.5", "jitter: 0.5"),
    ("quarantine_tries", "0", "quarantine: None"),
    ("quarantine_events", "6", "events: 6"),
];

const LIMITS: &[(&str, &str, &str)] = &[
    ("result", r#""2MiB""#, "result: 2097152"),
    ("hostcall", r#""2MiB""#, "hostcall: 2097152"),
    ("logs", "7", "logs: 7"),
    ("log_bytes", r#""2MiB""#, "log_bytes: 2097152"),
    ("publishes", "7", "publishes: 7"),
    ("publish_bytes", r#""2MiB""#, "publish_bytes: 2097152"),
    ("http_requests", "7", "http_requests: 7"),
    ("http_bytes", r#""2MiB""#, "http_bytes: 2097152"),
    ("table_elements", "7", "table_elements: 7"),
    ("handles", "7", "handles: 7"),
];

const GRANTS: &[(&str, &str, &str)] = &[
    ("publish", r#"["t.*"]"#, r#"publish: ["t.*"]"#),
    ("http", r#"["https://h"]"#, r#"host: "h", port: 443"#),
    ("networks", r#"["10.0.0.0/8"]"#, "networks: [10.0.0.0/8]"),
];

/// All of the above, for each section that takes them.
fn changes() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let mut changes = CHANGES.to_vec();
    let takers: &[(&[&'static str], _)] = &[
        (&["handlers", "handler"], RUN),
        (&["delivery", "handlers", "handler"], POLICIES),
        (&["handlers.limits", "handler.limits"], LIMITS),
        (&["handlers.grants", "handler.grants"], GRANTS),
    ];
    for (sections, keys) in takers {
        for section in *sections {
            changes.extend(keys.iter().map(|(key, value, shown)| (*section, *key, *value, *shown)));
        }
    }
    changes
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("secret", "hush\n");
    folder.write("more/from-more.wasm", "");
    folder
}

/// A file with one handler, in which one key is set.
fn file(section: &str, key: &str, value: &str) -> String {
    let set = format!("{key} = {value}\n");
    let inner = |name: &str| match section == name {
        true => format!("[{name}]\n{set}"),
        false => String::new(),
    };
    let mut text = String::new();
    if !section.starts_with("handler.") && section != "handler" {
        text += &format!("[{section}]\n{set}");
        if key == "upload" {
            text += "token = \"hush\"\n";
        }
    }
    text += "[[handler]]\n";
    if (section, key) != ("handler", "name") {
        text += "name = \"a\"\n";
    }
    if (section, key) != ("handler", "component") {
        text += "component = \"a.wasm\"\n";
    }
    if section == "handler" {
        text += &set;
    }
    text + &inner("handler.limits") + &inner("handler.grants")
}

fn assert_changed(before: &Config, after: &Config, shown: &str, what: &str) {
    let (before, after) = (format!("{before:?}"), format!("{after:?}"));
    assert!(!before.contains(shown), "{what}: {shown} is the default:\n{before}");
    assert!(after.contains(shown), "{what}: no {shown} in\n{after}");
}

#[test]
fn by_the_file() {
    let folder = folder();
    let before = folder.good(&file("kafka", "topics", "[]"));
    for (section, key, value, shown) in changes() {
        let after = folder.good(&file(section, key, value));
        assert_changed(&before, &after, shown, &format!("[{section}] {key}"));
    }
}

#[test]
fn by_the_environment() {
    let folder = folder();
    let empty = file("kafka", "topics", "[]");
    let before = folder.good(&empty);
    for (section, key, value, shown) in changes() {
        if section.starts_with("handler.") || section == "handler" {
            continue;
        }
        let variable = format!("SANDBUS_{}__{key}", section.replace('.', "__")).to_uppercase();
        // Text has no quotes there; lists are written in either way.
        for value in [value.trim_matches('"').to_owned(), value.replace(['[', ']', '"'], "")] {
            let needs = if key == "upload" { ("SANDBUS_ADMIN__TOKEN", "hush") } else { ("HOME", "/") };
            let after = folder
                .read(&empty, &[(&variable, &value), needs])
                .unwrap_or_else(|error| panic!("{variable}={value}: {error}"));
            assert_changed(&before, &after, shown, &format!("{variable}={value}"));
            if key == "listen" {
                break;
            }
        }
    }
}

#[test]
fn the_only_guarantee_is_read_too() {
    let folder = folder();
    folder.good("[delivery]\nguarantee = \"at-least-once\"\n");
    let faults = folder.faults("[delivery]\nguarantee = \"exactly-once\"\n", &[]);
    assert!(faults.contains("exactly-once is not built yet"), "{faults}");
}

#[test]
fn free_sections_are_read() {
    let folder = folder();
    let config = folder.good(
        "[kafka.properties]\n\"fetch.wait.max.ms\" = 100\nsasl.username = \"u\"\n\
         [handlers.config]\nregion = \"eu\"\nzone = 1\n\
         [[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\n[handler.config]\nzone = 2.50\n",
    );
    let consumer: Vec<_> = config.kafka.properties.for_consumer().collect();
    assert_eq!(consumer, [("fetch.wait.max.ms", "100"), ("sasl.username", "u")]);
    let producer: Vec<_> = config.kafka.properties.for_producer().collect();
    assert_eq!(producer, [("sasl.username", "u")]);
    let values: Vec<_> = config.handlers[0].config.iter().collect();
    assert_eq!(format!("{values:?}"), r#"[("region", "eu"), ("zone", "2.5")]"#);
}

/// Without this, a key that is added could be forgotten here.
#[test]
fn no_key_is_forgotten() {
    let mut tried: BTreeSet<(&str, &str)> = changes().iter().map(|(section, key, ..)| (*section, *key)).collect();
    tried.insert(("delivery", "guarantee"));
    let known: BTreeSet<(&str, &str)> =
        SECTIONS.iter().flat_map(|info| info.keys().map(|key| (info.path, key.name()))).collect();
    assert_eq!(tried, known);
    assert!(SECTIONS.iter().all(|info| info.form != Form::Free || info.keys().next().is_none()));
}
