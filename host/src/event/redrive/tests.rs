use proptest::prelude::*;

use super::*;

/// A dead letter as `delivery::dead_letter` writes it, with `change` made to its headers.
fn letter(change: impl FnOnce(&mut Vec<(&'static str, Option<Vec<u8>>)>)) -> Record {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let mut headers = vec![
        ("event_type", text("OrderCreated")),
        ("tag", None),
        (dlq::REASON, text("max_retries_exceeded")),
        (dlq::ORIGINAL_TIMESTAMP, text("1600000000123")),
        (dlq::ORIGINAL_TOPIC, text("orders")),
        (dlq::ORIGINAL_PARTITION, text("3")),
        (dlq::ORIGINAL_OFFSET, text("42")),
        (dlq::CONSUMER_GROUP, text("g")),
        (dlq::HANDLER, text("h")),
        (dlq::HANDLER_DIGEST, text("abc")),
        ("tag", text("2")),
    ];
    change(&mut headers);
    let mut record =
        RecordBuilder::new("orders.dlq".into(), 1, 7, 0).timestamp(Some(9)).key(Some(b"k")).value(Some(b"v"));
    for (name, value) in &headers {
        record.header(name.as_bytes(), value.as_deref());
    }
    record.build()
}

fn set(name: &'static str, value: &str) -> Record {
    letter(|headers| {
        headers.retain(|(other, _)| *other != name);
        headers.push((name, Some(value.as_bytes().to_vec())));
    })
}

fn without(name: &'static str) -> Record {
    letter(|headers| headers.retain(|(other, _)| *other != name))
}

/// What a host reads of an outgoing record.
fn read(outgoing: &Outgoing) -> Record {
    let mut record = RecordBuilder::new(outgoing.topic.clone(), 0, 100, 0)
        .timestamp(Some(1))
        .key(outgoing.key.as_deref())
        .value(outgoing.value.as_deref());
    for (name, value) in &outgoing.headers {
        record.header(name, value.as_deref());
    }
    record.build()
}

fn redrive_topic() -> Arc<str> {
    "orders.g.redrive".into()
}

#[track_caller]
fn malformed(letter: &Record) -> Malformed {
    match Redrive::of(read(&copy(letter, &redrive_topic())), "orders") {
        Redrive::Malformed(malformed) => *malformed,
        other => panic!("{other:?}"),
    }
}

fn headers(record: &Record) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    record.headers().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect()
}

#[test]
fn a_copy_is_the_first_event_again() {
    let copy = copy(&letter(|_| ()), &redrive_topic());
    assert_eq!(copy.text_header(REDRIVE), Some("orders.dlq/1/7"));
    assert_eq!(copy.text_header(dlq::HANDLER), Some("h"));
    let Redrive::Again(again) = Redrive::of(read(&copy), "orders") else { panic!("{copy:?}") };
    assert_eq!((&*again.handler, again.redrives), ("h", 0));
    let record = again.record;
    assert_eq!(Position::of(&record).to_string(), "orders/3/42");
    assert_eq!(
        (record.timestamp(), record.key(), record.value()),
        (Some(1_600_000_000_123), Some(&b"k"[..]), Some(&b"v"[..]))
    );
    let expected = [("event_type", Some("OrderCreated")), ("tag", None), ("tag", Some("2"))];
    assert_eq!(headers(&record), expected.map(|(n, v)| (n.into(), v.map(Into::into))));
}

#[test]
fn an_event_without_a_time_stays_so_and_the_count_is_read() {
    let Ok(again) = Again::of(&without(dlq::ORIGINAL_TIMESTAMP), "orders") else { panic!() };
    assert_eq!(again.record.timestamp(), None);
    let Ok(again) = Again::of(&set(dlq::REDRIVE_COUNT, "4"), "orders") else { panic!() };
    assert_eq!(again.redrives, 4);
}

#[test]
fn a_mark_names_its_dead_letter_and_is_no_event() {
    let position = Position::of(&letter(|_| ()));
    let mark = read(&mark(&position, &redrive_topic()));
    assert_eq!(redriven(&mark), Some(position));
    assert_eq!((mark.key(), mark.value()), (None, None));
    assert!(matches!(Redrive::of(mark, "orders"), Redrive::Purged(_)));
}

#[test]
fn headers_of_this_product_that_came_with_an_event_mislead_nobody() {
    let forged = letter(|headers| {
        headers.insert(0, (PURGED, Some(b"true".to_vec())));
        headers.insert(0, (REDRIVE, Some(b"other/0/0".to_vec())));
    });
    let copy = read(&copy(&forged, &redrive_topic()));
    assert_eq!(redriven(&copy), Some(Position::of(&forged)));
    let Redrive::Again(again) = Redrive::of(copy, "orders") else { panic!() };
    assert!(!headers(&again.record).iter().any(|(name, _)| name.starts_with(b"sandbus_")));
}

#[test]
fn what_cannot_be_given_again_says_why() {
    let unreadable = |name| Why::Unreadable(name, "a number");
    let cases = [
        (without(dlq::HANDLER), Why::Missing(dlq::HANDLER)),
        (set(dlq::HANDLER, ""), Why::Unreadable(dlq::HANDLER, "the name of a handler")),
        (without(dlq::ORIGINAL_TOPIC), Why::Missing(dlq::ORIGINAL_TOPIC)),
        (
            set(dlq::ORIGINAL_TOPIC, "payments"),
            Why::Elsewhere { found: "payments".into(), source_topic: "orders".into() },
        ),
        (without(dlq::ORIGINAL_PARTITION), Why::Missing(dlq::ORIGINAL_PARTITION)),
        (set(dlq::ORIGINAL_PARTITION, "-1"), unreadable(dlq::ORIGINAL_PARTITION)),
        (set(dlq::ORIGINAL_PARTITION, "4294967296"), unreadable(dlq::ORIGINAL_PARTITION)),
        (set(dlq::ORIGINAL_OFFSET, "x"), unreadable(dlq::ORIGINAL_OFFSET)),
        (set(dlq::ORIGINAL_TIMESTAMP, "today"), unreadable(dlq::ORIGINAL_TIMESTAMP)),
        (set(dlq::REDRIVE_COUNT, "many"), unreadable(dlq::REDRIVE_COUNT)),
        (set(dlq::TRUNCATED, "true"), Why::Truncated),
    ];
    for (letter, why) in cases {
        assert_eq!(malformed(&letter).why, why);
    }
    let raw = letter(|headers| headers.insert(0, (dlq::HANDLER, Some(vec![0xff]))));
    assert_eq!(malformed(&raw).why, Why::Unreadable(dlq::HANDLER, "the name of a handler"));
}

#[test]
fn what_is_malformed_keeps_its_first_place_where_that_can_be_read() {
    let kept = malformed(&without(dlq::HANDLER)).record;
    assert_eq!((Position::of(&kept).to_string().as_str(), kept.timestamp()), ("orders/3/42", Some(1_600_000_000_123)));
    assert_eq!(kept.value(), Some(&b"v"[..]));
    assert!(headers(&kept).iter().all(|(name, _)| name == b"event_type" || name == b"tag"));
    // Half a place would be a wrong one.
    let own = malformed(&set(dlq::ORIGINAL_OFFSET, "x")).record;
    assert_eq!(Position::of(&own).to_string(), "orders.g.redrive/0/100");
    assert_eq!(own.timestamp(), Some(1_600_000_000_123));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(
        headers in prop::collection::vec((prop::sample::select(vec![
            dlq::HANDLER, dlq::ORIGINAL_TOPIC, dlq::ORIGINAL_PARTITION, dlq::ORIGINAL_OFFSET, dlq::REDRIVE_COUNT,
            dlq::ORIGINAL_TIMESTAMP, REDRIVE, "tag",
        ]), prop::option::of("[0-9a-z/]{0,20}")), 0..12),
        value in prop::option::of(prop::collection::vec(any::<u8>(), 0..20)),
    ) {
        let mut record = RecordBuilder::new("orders.g.redrive".into(), 0, 5, 0).value(value.as_deref());
        for (name, value) in &headers {
            record.header(name.as_bytes(), value.as_ref().map(String::as_bytes));
        }
        let record = record.build();
        match Redrive::of(record.clone(), "orders") {
            Redrive::Again(again) => {
                prop_assert_eq!(&**again.record.topic(), "orders");
                prop_assert_eq!(again.record.value(), value.as_deref());
            }
            Redrive::Malformed(malformed) => prop_assert_eq!(malformed.record.value(), value.as_deref()),
            Redrive::Purged(_) => prop_assert!(false, "there is no mark"),
        }
        // What the last such header says, and no other.
        let last = headers.iter().rev().find(|(name, _)| *name == REDRIVE).and_then(|(_, value)| value.as_deref());
        prop_assert_eq!(redriven(&record), last.and_then(|text| text.parse().ok()));
    }
}
