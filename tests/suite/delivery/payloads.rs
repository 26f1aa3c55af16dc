//! Kafka as it is: keys, values and headers reach the handler, what it sends on, and the dead letters unchanged.

use sandbus_tests::{Record, StoredRecord, Topic, names};

use super::stage::{Probe, Stage};

fn tried() -> Record {
    Record::new().header("event_type", "Tried")
}

/// Records that many a client gets wrong.
fn odd_records() -> Vec<Record> {
    let many =
        (0..300).fold(tried().key("many"), |record, number| record.header(format!("h{number}"), number.to_string()));
    let zeros = [0u8, 0, 10, 13, 27];
    vec![
        tried(),
        tried().key(""),
        tried().value(""),
        tried().key("").value(""),
        tried().key("k"),
        tried().value("v"),
        tried().key([0xff, 0x00, 0xfe]).value([0x00, 0xff]),
        tried().key(zeros).value(zeros).header("control", zeros),
        tried().header("tag", "1").header("tag", "2").header("other", "x").header("tag", "1"),
        tried().null_header("null").header("empty", "").header("binary", [0xc3, 0x28, 0x00]),
        tried().null_header("tag").header("tag", "x").null_header("tag"),
        tried().header("name with spaces=;\"\n\u{1b}[31m", "ä€😀").header("ÄÖ", "x"),
        tried().value(vec![b'x'; 700_000]).header("large", vec![0xab; 50_000]),
        many,
    ]
}

/// Key, value and headers without those that the host adds.
type Content = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

fn content(record: &StoredRecord) -> Content {
    let came = record.headers.iter().filter(|(name, _)| !name.starts_with(b"dlq_")).cloned();
    (record.key.clone(), record.value.clone(), came.collect())
}

/// With `step` as its last header, which every record here has.
fn with_step(records: Vec<Record>, step: &str) -> Vec<Record> {
    records.into_iter().map(|record| record.header("probe", step)).collect()
}

/// Equal one by one, and only the first that differs is shown: some are large.
#[track_caller]
fn assert_same(found: &[StoredRecord], expected: &[StoredRecord]) {
    assert_eq!(found.len(), expected.len());
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(content(found) == content(expected), "record {number} was {expected:?}\nand became {found:?}");
    }
}

#[test]
fn what_a_handler_sends_on_is_what_came() {
    let stage = Stage::new(1);
    let outlet = Topic::create_named(&stage.connection, &names::unique("outlet"), 1);
    // One event after the other, whatever its key, so that the order tells which is which.
    let probe = Probe::named("probe").line("ordering = \"partition\"").publishes(outlet.name());
    let stage = stage.probe(probe);
    let _host = stage.start();
    let count = stage.topic.write(with_step(odd_records(), &format!("publish:{}", outlet.name()))).len();
    stage.wait_final(count as i64);

    let came = stage.topic.read();
    assert_same(&outlet.read(), &came);
    let acks = stage.acks();
    assert_eq!(acks.len(), count);
    for (ack, came) in acks.iter().zip(&came) {
        assert!((&ack.record.key, &ack.record.value) == (&came.key, &came.value), "{came:?} became {ack:?}");
    }
    assert_eq!(stage.topic.dead_letters().read(), []);
}

#[test]
fn a_dead_letter_has_what_came() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("ordering = \"partition\""));
    let _host = stage.start();
    let count = stage.topic.write(with_step(odd_records(), "dead-letter:no")).len();
    stage.wait_final(count as i64);
    assert_same(&stage.topic.dead_letters().read(), &stage.topic.read());
}
