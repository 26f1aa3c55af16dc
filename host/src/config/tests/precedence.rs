//! Which value holds for a handler: its own, else `[handlers]`, else `[delivery]` or `[kafka]`,
//! else the default.

use std::time::Duration;

use super::Folder;
use crate::config::{Group, HttpOrigin, Ordering, Scheme};

const FILE: &str = r#"
[kafka]
topics = ["kafka"]
consumer_group = "g"
[delivery]
ordering = "partition"
max_retries = 1
retry_base_delay = "2s"
[handlers]
max_retries = 2
timeout = "3s"
topics = ["defaults"]
[handlers.limits]
logs = 5
handles = 6
[handlers.config]
region = "eu"
zone = "a"
[handlers.grants]
publish = ["x"]
http = ["https://one"]
[[handler]]
name = "a"
component = "a.wasm"
max_retries = 3
topics = ["own"]
group = "own"
[handler.limits]
logs = 7
[handler.config]
zone = 3
[handler.grants]
publish = ["y", "z*"]
[[handler]]
name = "b"
component = "b.wasm"
"#;

#[test]
fn the_nearest_value_holds() {
    let config = Folder::new().good(FILE);
    let [a, b] = config.handlers.as_slice() else {
        panic!("{config:?}");
    };
    assert_eq!((a.retry.max_retries, b.retry.max_retries), (3, 2));
    assert_eq!((a.ordering, b.ordering), (Ordering::Partition, Ordering::Partition));
    assert_eq!(b.retry.base_delay, Duration::from_secs(2));
    assert_eq!(b.retry.max_delay, Duration::from_secs(60));
    assert_eq!((a.timeout, b.timeout), (Duration::from_secs(3), Duration::from_secs(3)));
    assert_eq!((a.topics[0].as_str(), b.topics[0].as_str()), ("own", "defaults"));
    assert_eq!((a.limits.logs, a.limits.handles), (7, 6));
    assert_eq!((b.limits.logs, b.limits.handles), (5, 6));
    assert_eq!(format!("{:?}", a.config), r#"{"region": "eu", "zone": "3"}"#);
    assert_eq!(format!("{:?}", b.config), r#"{"region": "eu", "zone": "a"}"#);
    assert!(a.grants.publishes_to("zebra").is_ok() && a.grants.publishes_to("x").is_err());
    assert!(b.grants.publishes_to("x").is_ok() && b.grants.publishes_to("y").is_err());
    assert_eq!(a.grants.http, b.grants.http);
    assert_eq!((a.group, b.group), (Group::Own, Group::Shared));
    assert_eq!(config.kafka.group_of(a).unwrap().as_str(), "g.a");
    assert_eq!(config.kafka.group_of(b).unwrap().as_str(), "g");
}

#[test]
fn an_empty_file_is_a_configuration() {
    let config = Folder::new().good("");
    assert_eq!(config.kafka.topics[0].as_str(), "events.stream");
    assert!(config.handlers.is_empty());
    let dead_letters = config.delivery.dead_letters.topic_for(&config.kafka.topics[0]);
    assert_eq!(dead_letters.unwrap().unwrap().as_str(), "events.stream.dlq");
}

#[test]
fn the_defaults() {
    let folder = Folder::new();
    let config = folder.good("[[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\n");
    let shown = format!("{config:#?}").replace(&folder.path().display().to_string(), "<folder>");
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("defaults", shown);
    });
}

#[test]
fn a_server_is_understood() {
    let origin = |text: &str| {
        let config = Folder::new()
            .good(&format!("[[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\n[handler.grants]\nhttp = [{text:?}]\n"));
        config.handlers[0].grants.http[0].origin.clone()
    };
    for (text, scheme, host, port) in [
        ("https://API.example.com", Scheme::Https, "api.example.com", 443),
        ("http://h/", Scheme::Http, "h", 80),
        ("HTTP://h:8080", Scheme::Http, "h", 8080),
        ("https://10.0.0.1:1", Scheme::Https, "10.0.0.1", 1),
        ("https://[2001:DB8::1]", Scheme::Https, "2001:db8::1", 443),
        ("https://[::1]:8443/", Scheme::Https, "::1", 8443),
    ] {
        let expected = HttpOrigin { scheme, host: host.to_owned(), port };
        assert_eq!(origin(text), expected, "{text}");
    }
}
