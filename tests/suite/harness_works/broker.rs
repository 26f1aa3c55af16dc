//! A broker of one's own, stopped and started.

use sandbus_tests::{Group, Kafka, Record, Topic};

#[test]
fn a_broker_keeps_ports_data_and_offsets() {
    let mut kafka = Kafka::start();
    let connection = kafka.connection();
    let topic = Topic::create(&connection, 1);
    let group = Group::unique(&connection);
    topic.write([Record::new().value("before the stop")]);
    group.commit(&topic, 0, 1);

    kafka.stop();
    assert_eq!(kafka.process_id(), None);
    kafka.start_again();
    topic.write([Record::new().value("before the crash")]);

    kafka.kill();
    kafka.start_again();
    topic.write([Record::new().value("at last")]);

    assert_eq!(kafka.connection(), connection);
    let records = topic.read();
    let texts: Vec<_> = records.iter().map(|record| record.text()).collect();
    assert_eq!(texts, ["before the stop", "before the crash", "at last"]);
    assert_eq!(group.committed_sum(&topic), 1);
}

#[test]
fn a_broker_that_cannot_start_says_why_and_keeps_its_log() {
    let error = Kafka::setup().short_lived().property("log.dirs", "").start().unwrap_err().to_string();
    let (_, path) = error.split_once("Its log is ").unwrap();
    let (path, tail) = path.split_once(", and ends with:\n").unwrap();
    assert!(tail.contains("log.dirs"), "{error}");
    let log = std::fs::read_to_string(path).unwrap();
    assert!(log.contains("log.dirs"), "{log}");
    let directory = std::path::Path::new(path).parent().unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}
