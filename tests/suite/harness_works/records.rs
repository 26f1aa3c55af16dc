//! What is written is what is read, to the last byte.

use sandbus_tests::{Connection, Record, Topic};

use super::SOON;

fn record_with_everything() -> Record {
    Record::new()
        .partition(2)
        .key([0xff, 0x00, 0x01])
        .value(b"value \x00 \xfe")
        .timestamp(1_000_000_000_000)
        .header("text", "täxt")
        .header("repeated", "1")
        .header("repeated", "2")
        .header("empty", "")
        .null_header("null")
        .header("binary", [0xc3, 0x28, 0x00])
        .header([0xff, 0xfe], "a name that is not UTF-8")
        .header("repeated", "3")
}

#[test]
fn every_part_of_a_record_comes_back() {
    let topic = Topic::create(&Connection::shared(), 3);
    assert_eq!(topic.write([record_with_everything()]), [(2, 0)]);

    let stored = topic.read();
    assert_eq!(stored.len(), 1, "{stored:?}");
    let stored = &stored[0];
    assert_eq!((stored.partition, stored.offset), (2, 0));
    assert_eq!(stored.timestamp, Some(1_000_000_000_000));
    assert_eq!(stored.key.as_deref(), Some(&[0xff, 0x00, 0x01][..]));
    assert_eq!(stored.value.as_deref(), Some(&b"value \x00 \xfe"[..]));
    let headers: Vec<(&[u8], Option<&[u8]>)> =
        stored.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect();
    let expected: [(&[u8], Option<&[u8]>); 8] = [
        (b"text", Some("täxt".as_bytes())),
        (b"repeated", Some(b"1")),
        (b"repeated", Some(b"2")),
        (b"empty", Some(b"")),
        (b"null", None),
        (b"binary", Some(&[0xc3, 0x28, 0x00])),
        (&[0xff, 0xfe], Some(b"a name that is not UTF-8")),
        (b"repeated", Some(b"3")),
    ];
    assert_eq!(headers, expected);
    assert_eq!(stored.header("text"), Some("täxt"));
    assert_eq!(stored.header("absent"), None);
    let repeated: Vec<_> = stored.headers_named("repeated").flatten().collect();
    assert_eq!(repeated, [b"1", b"2", b"3"]);
}

#[test]
fn null_and_empty_differ() {
    let topic = Topic::create(&Connection::shared(), 1);
    topic.write([Record::new(), Record::new().key("").value("")]);

    let stored = topic.read();
    assert_eq!((&stored[0].key, &stored[0].value), (&None, &None));
    assert_eq!((&stored[1].key, &stored[1].value), (&Some(vec![]), &Some(vec![])));
    assert!(stored[0].headers.is_empty());
}

#[test]
fn a_key_chooses_the_partition_that_java_chooses() {
    let topic = Topic::create(&Connection::shared(), 6);
    let keys = ["order-1", "order-2", "o", "a longer key"];
    let places = topic.write(keys.map(|key| Record::new().key(key)));
    let partitions: Vec<i32> = places.iter().map(|(partition, _)| *partition).collect();
    // org.apache.kafka.common.utils.Utils: toPositive(murmur2(key)) % 6.
    assert_eq!(partitions, [4, 3, 5, 5]);
}

#[test]
fn records_of_a_partition_keep_their_order() {
    let topic = Topic::create(&Connection::shared(), 2);
    let count = 20_000;
    let records = (0..count).map(|number| Record::new().partition(number % 2).value(number.to_string()));
    let places = topic.write(records);
    assert_eq!(places.len(), 20_000);

    let stored = topic.read();
    let numbers = |partition| {
        stored
            .iter()
            .filter(move |record| record.partition == partition)
            .map(|record| record.text().parse::<i32>().unwrap())
    };
    assert!(numbers(0).eq((0..count).step_by(2)));
    assert!(numbers(1).eq((1..count).step_by(2)));
}

#[test]
fn a_record_that_comes_later_is_waited_for() {
    let connection = Connection::shared();
    let topic = Topic::named(&connection, &sandbus_tests::names::unique("later"));
    assert_eq!(topic.partitions(), None);
    let name = topic.name().to_owned();
    let writer = std::thread::spawn(move || {
        let topic = Topic::create_named(&connection, &name, 1);
        topic.write([Record::event("First", "1")]);
        topic.write([Record::event("Second", "2")]);
    });
    let records = topic.read_until("the second event", SOON, |records| {
        records.iter().any(|record| record.header("event_type") == Some("Second"))
    });
    writer.join().unwrap();
    assert_eq!(records.len(), 2);

    topic.delete();
    assert_eq!(topic.partitions(), None);
}

#[test]
fn what_never_comes_is_described() {
    let topic = Topic::create(&Connection::shared(), 1);
    topic.write([Record::event("Only", "1")]);
    let waiting = std::thread::spawn(move || {
        topic.read_count(2, std::time::Duration::from_millis(1500));
    });
    let panic = *waiting.join().unwrap_err().downcast::<String>().unwrap();
    assert!(panic.contains("waited for 2 records in topic"), "{panic}");
    assert!(panic.contains("and 1 records"), "{panic}");
}

#[test]
fn a_record_that_the_broker_refuses_is_an_error() {
    let topic = Topic::create(&Connection::shared(), 1);
    let waiting = std::thread::spawn(move || topic.write([Record::new().partition(7)]));
    let panic = *waiting.join().unwrap_err().downcast::<String>().unwrap();
    assert!(panic.contains("record 0: "), "{panic}");
}
