//! Records that have stopped others: each is one record, and the partition goes on.

use sandbus_tests::{Connection, Record, Topic, names};

use crate::delivery::SOON;
use crate::delivery::stage::{Stage, event};

const MIB: usize = 1 << 20;

/// One that reports nothing: its results would be as large.
const PROBE: &str = "
[[handler]]
name = \"probe\"
component = \"handlers/probe.wasm\"
max_retries = 0
";

#[test]
fn eventsource_py_poison_headers_empty_and_large_records_block_no_partition() {
    let connection = Connection::shared();
    let settings = [("max.message.bytes", "4194304")];
    let topic = Topic::create_with(&connection, &names::unique("poison"), 1, &settings);
    let results = Topic::create_named(&connection, &names::unique("results"), 1);
    let stage = Stage::with(&connection, topic, results).handler(PROBE);
    let host = stage.start();
    let good = || event("same", "ack");
    let undecodable = [
        Record::new().key("same").header("event_type", [0xff, 0xfe]).value("{}"),
        Record::new().key("same").header("event_type", "Tried").header([0xff, b'x'], "v"),
    ];
    let odd = [
        Record::new(),
        Record::new().key(""),
        Record::new().key("").value(""),
        Record::new().key("same").header("event_type", "").header("", ""),
        Record::new().null_header("event_type").null_header("event_id"),
        event("same", "ack").value(vec![b'x'; MIB]),
        event("same", "ack").value(vec![b'x'; 3 * MIB]),
        event("same", "ack").header("large", vec![b'x'; MIB]),
        (0..3000).fold(event("same", "ack"), |record, number| record.header(format!("h{number}"), "")),
    ];
    let (bad, count) = (undecodable.len(), undecodable.len() + odd.len());
    let records = undecodable.into_iter().chain(odd).flat_map(|record| [record, good()]);
    stage.topic.write(records);
    stage.wait_final(2 * count as i64);

    let letters = stage.topic.dead_letters().read();
    let reasons: Vec<_> = letters.iter().map(|letter| letter.header("dlq_reason").unwrap()).collect();
    assert_eq!(reasons, vec!["deserialization_error"; bad]);
    let handled = (2 * count - bad) as f64;
    host.wait_metric("kafka_eventbus_handler_invocations_total", &[], handled, SOON);
    let errors = host.metrics().sum("kafka_eventbus_connection_errors_total", &[]);
    assert_eq!(errors.unwrap_or_default(), 0.0, "no record is the connection's fault");
    host.wait_metric("kafka_eventbus_messages_consumed_total", &[], 2.0 * count as f64, SOON);
}
