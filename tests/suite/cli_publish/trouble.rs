//! Lines that are no events, and brokers that are none.

use std::time::{Duration, Instant};

use sandbus_tests::{Connection, Deployment, Topic, names, ports};

use super::publish;
use crate::cli_outcome::Outcome;

#[test]
fn the_third_of_five_lines_is_bad() {
    let topic = Topic::create(&Connection::shared(), 1);
    let lines = "{\"value\":1}\n{\"value\":2}\n{\"value\":}\n{\"value\":4}\n{\"value\":5}\n";
    let outcome = publish(&topic, lines, &[]).expect(1);
    assert_eq!(outcome.stdout, "", "{outcome}");
    outcome.snapshot("cli-publish-bad-line");
    let texts: Vec<_> = topic.read().iter().map(|record| record.text().to_owned()).collect();
    assert_eq!(texts, ["1", "2"], "what the message says was published");
}

#[test]
fn a_bad_line_of_a_file_names_the_file() {
    let topic = Topic::create(&Connection::shared(), 1);
    let connection = Connection::shared();
    let deployment = Deployment::new("").write("events.jsonl", "{\"typ\":\"T\"}\n");
    let fixed = ["publish", "-b", connection.bootstrap(), "-t", topic.name(), "--file", "events.jsonl"];
    Outcome::of(&deployment, &fixed).expect(1).snapshot("cli-publish-bad-line-of-file");
    assert_eq!(topic.read().len(), 0);
}

#[test]
fn a_header_name_that_kafka_clients_cannot_hold_is_refused() {
    let topic = Topic::create(&Connection::shared(), 1);
    publish(&topic, "{\"headers\":{\"a\\u0000b\":\"1\"}}\n", &[]).expect(1).snapshot("cli-publish-nul-in-header");
    assert_eq!(topic.read().len(), 0);
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let topic = Topic::create(&Connection::shared(), 1);
    let connection = Connection::shared();
    let deployment = Deployment::new("").write("events.jsonl", b"{\"value\":1}\n\xff\xfe\n");
    let fixed = ["publish", "-b", connection.bootstrap(), "-t", topic.name(), "--file", "events.jsonl"];
    Outcome::of(&deployment, &fixed).expect(1).snapshot("cli-publish-not-utf8");
    assert_eq!(topic.read().len(), 1);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let outcome = Outcome::of(&Deployment::new(""), &["publish", "-t", "t", "--file", "nowhere.jsonl"]).expect(1);
    outcome.without_log().snapshot("cli-publish-no-file");
}

#[test]
fn an_event_too_large_for_the_broker_is_named() {
    let topic = Topic::create(&Connection::shared(), 1);
    let large = format!("{{\"value\":1}}\n{{\"value_text\":\"{}\"}}\n", "x".repeat(3 << 20));
    let outcome = publish(&topic, &large, &[]).expect(1);
    assert!(outcome.stderr.contains("line 2: "), "{outcome}");
    let published = topic.read().len();
    assert_eq!(published, 1, "what stands before the bad line is sent");
    assert!(outcome.stderr.contains("1 event"), "{outcome}");
}

#[test]
fn kafka_that_is_away_is_waited_for_as_long_as_was_said() {
    let away = format!("127.0.0.1:{}", ports::free());
    let start = Instant::now();
    let arguments = ["publish", "-b", &away, "-t", "events", "--timeout", "2s"];
    let outcome = Outcome::with_input(&Deployment::new(""), &arguments, "{\"value\":1}\n{\"value\":2}\n").expect(1);
    let took = start.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(10)).contains(&took), "{took:?}");
    assert_eq!(outcome.stdout, "", "{outcome}");
    assert!(outcome.stderr.contains("no acknowledgement of 2 events within 2s"), "{outcome}");
    assert!(outcome.stderr.contains(&away), "which Kafka? {outcome}");
    assert!(outcome.stderr.contains("Kafka cannot be reached"), "{outcome}");
    outcome.without_log().snapshot("cli-publish-kafka-away");
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let topic = Topic::named(&Connection::shared(), &names::unique("absent"));
    let outcome = publish(&topic, "{\"value\":1}\n", &["--timeout", "3s"]).expect(1);
    assert!(outcome.stderr.contains(topic.name()), "{outcome}");
    assert_eq!(topic.partitions(), None, "it was not made");
}

#[test]
fn a_name_that_does_not_resolve_is_said_to_be_that() {
    let arguments = ["publish", "-b", "nowhere.invalid:9092", "-t", "t", "--timeout", "2s"];
    let outcome = Outcome::with_input(&Deployment::new(""), &arguments, "{}\n").expect(1);
    assert!(outcome.stderr.contains("does not resolve"), "{outcome}");
    assert!(outcome.stderr.contains("nowhere.invalid"), "{outcome}");
}

#[test]
fn properties_that_librdkafka_refuses_are_a_wrong_configuration() {
    let refused =
        ["\"fetch.wait.max.ms\" = \"soon\"", "\"message.max.bytes\" = \"1\"", "\"security.protocol\" = \"none\""];
    for line in refused {
        let deployment = Deployment::new(&format!("[kafka.properties]\n{line}\n"));
        for command in [&["publish", "-t", "t", "--timeout", "1s"][..], &["tail", "-t", "t", "--timeout", "1s"]] {
            let outcome = Outcome::of(&deployment, command).expect(2);
            let property = line.split('"').nth(1).unwrap();
            assert!(outcome.stderr.contains(property), "{outcome}");
        }
    }
}
