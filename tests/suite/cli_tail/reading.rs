//! What is read, from where, and when it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use sandbus_tests::{Connection, Deployment, Record, Topic, names, ports};
use serde_json::Value;

use super::{everything, strange_records, tail};
use crate::cli_outcome::{Outcome, SOON};

#[test]
fn every_record_is_one_line() {
    let topic = Topic::create(&Connection::shared(), 1);
    topic.write(strange_records());
    let outcome = everything(&topic);
    assert_eq!(outcome.stderr, "", "{outcome}");
    outcome.snapshot("cli-tail-lines");
    let offsets: Vec<_> = outcome.json_lines().iter().map(|line| line["offset"].as_u64().unwrap()).collect();
    assert!(offsets.into_iter().eq(0..strange_records().len() as u64));
}

#[test]
fn every_partition_is_read() {
    let topic = Topic::create(&Connection::shared(), 5);
    topic.write((0..500).map(|number| Record::new().partition(number % 5).value(number.to_string())));
    let lines = everything(&topic).json_lines();
    let mut seen: Vec<_> = lines.iter().map(|line| line["value"].as_u64().unwrap()).collect();
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..500));
    for partition in 0..5 {
        let of = lines.iter().filter(|line| line["partition"] == partition);
        assert!(of.map(|line| line["offset"].as_u64().unwrap()).eq(0..100), "partition {partition}");
    }
}

#[test]
fn it_ends_after_as_many_as_were_asked_for() {
    let topic = Topic::create(&Connection::shared(), 1);
    topic.write((0..10).map(|number| Record::new().value(number.to_string())));
    let outcome = tail(&topic, &["--from-beginning", "-n", "3"]).expect(0);
    assert_eq!(outcome.stdout.lines().count(), 3, "{outcome}");
    let more = tail(&topic, &["--from-beginning", "--exit", "-n", "30"]).expect(0);
    assert_eq!(more.stdout.lines().count(), 10, "{more}");
    let none = tail(&topic, &["--from-beginning", "-n", "0"]).expect(0);
    assert_eq!(none.stdout, "");
}

#[test]
fn an_empty_topic_ends_at_once() {
    let topic = Topic::create(&Connection::shared(), 3);
    let outcome = everything(&topic);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
}

#[test]
fn without_a_beginning_nothing_was_there_at_the_start() {
    let topic = Topic::create(&Connection::shared(), 2);
    topic.write((0..4).map(|number| Record::new().partition(number % 2)));
    let outcome = tail(&topic, &["--exit"]).expect(0);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("", ""));
}

#[test]
fn without_a_beginning_only_what_comes_is_shown() {
    let topic = Topic::create(&Connection::shared(), 1);
    topic.write([Record::new().value("\"old\"")]);
    let ended = AtomicBool::new(false);
    let outcome = std::thread::scope(|scope| {
        // Nobody can see when the command has found its place, so there is always something to come.
        scope.spawn(|| {
            for _ in 0..SOON.as_millis() / 100 {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                topic.write([Record::new().value("\"new\"")]);
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        let outcome = tail(&topic, &["-n", "2"]);
        ended.store(true, Ordering::Relaxed);
        outcome
    });
    let lines = outcome.expect(0).json_lines();
    assert_eq!(lines.iter().map(|line| &line["value"]).collect::<Vec<_>>(), ["new", "new"]);
}

#[test]
fn a_partition_whose_records_were_deleted_has_an_end_too() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 1);
    topic.write((0..3).map(|_| Record::new()));
    let admin: AdminClient<DefaultClientContext> = connection.client().create().unwrap();
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(topic.name(), 0, Offset::Offset(3)).unwrap();
    let options = AdminOptions::new().request_timeout(Some(SOON));
    pollster::block_on(admin.delete_records(&before, &options)).unwrap();
    let outcome = everything(&topic);
    assert_eq!(outcome.stdout, "", "{outcome}");
}

#[test]
fn a_transaction_at_the_end_is_no_record_to_wait_for() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 1);
    let mut config = connection.client();
    let producer: BaseProducer = config.set("transactional.id", topic.name()).create().unwrap();
    producer.init_transactions(SOON).unwrap();
    for (value, commit) in [("\"committed\"", true), ("\"aborted\"", false)] {
        producer.begin_transaction().unwrap();
        producer.send(BaseRecord::<(), str>::to(topic.name()).payload(value)).map_err(|(error, _)| error).unwrap();
        producer.flush(SOON).unwrap();
        let ended = if commit { producer.commit_transaction(SOON) } else { producer.abort_transaction(SOON) };
        ended.unwrap();
    }
    let lines = everything(&topic).json_lines();
    assert_eq!(lines.iter().map(|line| &line["value"]).collect::<Vec<_>>(), ["committed"]);
}

#[test]
fn a_missing_topic_is_named_and_not_made() {
    let topic = Topic::named(&Connection::shared(), &names::unique("absent"));
    let outcome = tail(&topic, &["--from-beginning", "--exit"]).expect(1);
    assert!(outcome.stderr.contains(topic.name()), "{outcome}");
    outcome.snapshot("cli-tail-missing-topic");
    assert_eq!(topic.partitions(), None);
}

#[test]
fn kafka_that_is_away_is_waited_for_as_long_as_was_said() {
    let away = format!("127.0.0.1:{}", ports::free());
    let arguments = ["tail", "-b", &away, "-t", "events", "--timeout", "1s"];
    let start = Instant::now();
    let outcome = Outcome::of(&Deployment::new(""), &arguments).expect(1);
    let took = start.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(10)).contains(&took), "{took:?}");
    assert_eq!(outcome.stdout, "", "{outcome}");
    let outcome = outcome.without_log();
    assert!(outcome.stderr.contains(&away), "{outcome}");
    outcome.snapshot("cli-tail-kafka-away");
}

#[test]
fn address_and_topic_are_the_configurations_unless_named() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 1);
    topic.write([Record::new().value("1")]);
    let config =
        format!("[kafka]\nbootstrap_servers = \"{}\"\ntopics = [\"{}\"]\n", connection.bootstrap(), topic.name());
    let deployment = Deployment::new(&config);
    let lines = Outcome::of(&deployment, &["tail", "--from-beginning", "--exit"]).expect(0).json_lines();
    assert_eq!(lines.iter().map(|line| &line["topic"]).collect::<Vec<_>>(), [&Value::from(topic.name())]);
}
