//! The ways to write numbers, sizes, durations and names; and that no text at all does harm.

use std::time::Duration;

use proptest::prelude::*;

use super::Folder;
use crate::config::check::size_text;
use crate::config::{GroupName, HandlerName, TopicName};

#[test]
fn sizes() {
    let folder = Folder::new();
    for (value, bytes) in [
        ("65536", 65_536),
        ("\"65536\"", 65_536),
        ("\"64KiB\"", 65_536),
        ("\"100 kB\"", 100_000),
        ("\"1.5MiB\"", 1_572_864),
        ("\"1TiB\"", 1 << 40),
        ("0x20000", 131_072),
    ] {
        let config = folder.good(&format!("[delivery]\nmax_buffer = {value}\n"));
        assert_eq!(config.delivery.max_buffer, bytes, "{value}");
    }
}

#[test]
fn durations() {
    let folder = Folder::new();
    for (value, millis) in [("250ms", 250), ("1s", 1000), ("1.5s", 1500), ("2m 30s", 150_000)] {
        let config = folder.good(&format!("[delivery]\nshutdown_timeout = \"{value}\"\n"));
        assert_eq!(config.delivery.shutdown_timeout, Duration::from_millis(millis), "{value}");
    }
}

#[test]
fn size_text_is_exact() {
    for (bytes, text) in
        [(0, "0"), (1000, "1000"), (1024, "1KiB"), (1025, "1025"), (3 << 30, "3GiB"), (1 << 40, "1TiB")]
    {
        assert_eq!(size_text(bytes), text);
    }
}

#[test]
fn names() {
    let long = "x".repeat(250);
    for (text, handler, topic, group) in [
        ("", false, false, false),
        ("a", true, true, true),
        ("a.b-c_D9", true, true, true),
        ("-a", false, true, true),
        (".", false, false, true),
        ("..", false, false, true),
        ("a/b", false, false, false),
        ("ä", false, false, false),
        (&long[..64], true, true, true),
        (&long[..65], false, true, true),
        (&long[..249], false, true, true),
        (&long, false, false, false),
    ] {
        assert_eq!(HandlerName::new(text).is_ok(), handler, "{text}");
        assert_eq!(TopicName::new(text).is_ok(), topic, "{text}");
        assert_eq!(GroupName::new(text).is_ok(), group, "{text}");
    }
}

/// Lines that are right or nearly so, so that reading gets far.
fn line() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "topics",
        "events",
        "name",
        "component",
        "window",
        "timeout",
        "token",
        "listen",
        "http",
        "dir",
        "ordering",
        "retry_jitter",
        "memory",
        "concurrency",
        "a.b",
        "\"\"",
        "config.x",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "1e400",
        "nan",
        "true",
        "\"\"",
        "\"*\"",
        "\"a\"",
        "[]",
        "[[1], {}]",
        "{}",
        "\"1s\"",
        "\"1GiB\"",
        "1979-05-27",
        "\"https://[\"",
        "\"https://a:\"",
        "\"\\u0000\"",
        "0x7fffffffffffffff",
    ]);
    let header = prop::sample::select(vec![
        "[kafka]",
        "[kafka.properties]",
        "[delivery]",
        "[sandbox]",
        "[admin]",
        "[handlers]",
        "[[handler]]",
        "[handler.grants]",
        "[handlers.limits]",
        "[[handlers]]",
        "[handler]",
        "[[",
    ]);
    prop_oneof![
        3 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        2 => header.prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn any_text_gives_a_configuration_or_faults(lines in prop::collection::vec(line(), 0..12)) {
        let folder = Folder::new();
        if let Err(error) = folder.read(&lines.join("\n"), &[]) {
            prop_assert!(!error.faults.is_empty());
        }
    }

    #[test]
    fn any_variable_gives_a_configuration_or_faults(
        section in "(KAFKA|ADMIN|HANDLERS|KAFKA__PROPERTIES|HANDLERS__CONFIG|[A-Z_]{0,4})",
        key in "(TOKEN|TOPICS|TIMEOUT|DIR|[A-Z_]{0,6})(__FILE)?",
        value in any::<String>(),
    ) {
        let folder = Folder::new();
        let name = format!("SANDBUS_{section}__{key}");
        if let Err(error) = folder.read("", &[(&name, &value)]) {
            prop_assert!(!error.faults.is_empty());
        }
    }
}
