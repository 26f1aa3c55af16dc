//! A configuration as `sandbus dev` uses it: on a broker inside the process, and so that what a new version does is seen.
//!
//! What belongs to a place where handlers really run is left out, unread: brokers and their credentials, the admin server's
//! address and token, exporters. What the handlers are given stays as it is, limits and grants first of all. Two kinds of
//! patience go, because whoever has just saved a file waits in front of it: long waits between tries, and the host's own
//! measures against a version that fails.

use std::time::Duration;

use super::document::{Entry, Raw, Table};
use super::{Config, Origin};

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Keys of `[kafka]` that mean the handlers' topics and not the cluster.
const KEPT: [&str; 3] = ["topic_prefix", "topics", "consumer_group"];

/// Replaces the sections that name other machines. What is no table stays, and is found to be wrong.
pub(super) fn replace(document: &mut Table, brokers: &str) {
    let text = |value: &str| Entry { origin: Origin::Nowhere, value: Raw::Text(value.to_owned()) };
    for section in ["admin", "telemetry"] {
        document.0.remove(section);
    }
    if let Some(kafka) = document.child("kafka") {
        kafka.0.retain(|key, _| KEPT.contains(&key.as_str()));
        kafka.0.insert("bootstrap_servers".to_owned(), text(brokers));
    }
    if let Some(admin) = document.child("admin") {
        admin.0.insert("listen".to_owned(), text("127.0.0.1:0"));
    }
}

/// Takes patience out of what is right otherwise.
pub(super) fn ease(config: &mut Config) {
    for handler in &mut config.handlers {
        handler.retry.max_delay = handler.retry.max_delay.min(LONGEST_WAIT);
        handler.retry.base_delay = handler.retry.base_delay.min(LONGEST_WAIT);
        // Its events would wait; and the version of before would be at work again.
        handler.quarantine = None;
        handler.rollback_after = None;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Source;
    use super::*;

    fn config(text: &str) -> Config {
        Source::made(Path::new("/nowhere/sandbus.toml"), text).for_development("127.0.0.1:1234").config().unwrap()
    }

    #[test]
    fn other_machines_are_left_out_unread() {
        let config = config(
            "[kafka]\nbootstrap_servers = 7\ntopics = [\"orders\"]\nconsumer_group = \"g\"\nauto_offset_reset = \"latest\"\n\
             properties = { \"ssl.ca.location\" = \"/not/here.pem\", \"no.such.property\" = 1 }\n\
             [admin]\nlisten = \"0.0.0.0:9464\"\ntoken_file = \"/not/here\"\n\
             [telemetry]\notlp_endpoint = \"http://collector:4318\"\n",
        );
        assert_eq!(config.kafka.bootstrap_servers, "127.0.0.1:1234");
        assert_eq!(config.kafka.topics.iter().map(ToString::to_string).collect::<Vec<_>>(), ["orders"]);
        assert_eq!(config.kafka.consumer_group.as_str(), "g");
        assert_eq!(config.kafka.auto_offset_reset, super::super::OffsetReset::Earliest);
        assert_eq!((config.admin.listen.port(), config.admin.token.is_none()), (0, true));
        assert_eq!(config.telemetry.otlp_endpoint, None);
    }

    #[test]
    fn handlers_keep_what_is_theirs_but_for_patience() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sandbus.toml");
        std::fs::write(folder.path().join("a.wasm"), "").unwrap();
        let text = "[delivery]\nmax_retries = 7\nretry_base_delay = \"5s\"\n[[handler]]\nname = \"a\"\ncomponent = \"a.wasm\"\n\
                    timeout = \"3s\"\ncpu_time = \"2s\"\nrollback_after = 3\nconfig = { k = \"v\" }\ngrants = { publish = [\"out\"] }\n";
        let config = Source::made(&file, text).for_development("127.0.0.1:1234").config().unwrap();
        let [handler] = &*config.handlers else { panic!("{:?}", config.handlers) };
        assert_eq!((handler.retry.max_retries, handler.timeout), (7, Duration::from_secs(3)));
        assert_eq!((handler.retry.base_delay, handler.retry.max_delay), (LONGEST_WAIT, LONGEST_WAIT));
        assert_eq!((handler.quarantine, handler.rollback_after), (None, None));
        assert_eq!((handler.config["k"].as_str(), handler.grants.publish.len()), ("v", 1));
    }

    #[test]
    fn what_is_wrong_with_a_handler_is_told() {
        let source = Source::made(Path::new("/nowhere/sandbus.toml"), "kafka = 1\n[[handler]]\nname = \"a\"\n");
        let error = source.for_development("127.0.0.1:1234").config().unwrap_err().to_string();
        assert!(error.contains("handler[0].component") || error.contains("component"), "{error}");
        assert!(error.contains("kafka"), "{error}");
    }
}
