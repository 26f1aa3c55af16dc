use proptest::prelude::*;

use super::*;
use crate::event::RecordBuilder;

fn record(headers: &[(&[u8], Option<&[u8]>)], value: Option<&[u8]>) -> Record {
    let mut builder = RecordBuilder::new("orders".into(), 3, 42, 0).value(value);
    for (name, value) in headers {
        builder.header(name, *value);
    }
    builder.build()
}

const CE_JSON: (&[u8], Option<&[u8]>) = (b"content-type", Some(b"application/cloudevents+json; charset=UTF-8"));

#[track_caller]
fn assert_identity(record: &Record, event_type: &str, id: &str) {
    let found = Identity::of(record).unwrap();
    let found_id = found.own_id(record).map_or_else(|| coordinates(record), str::to_owned);
    assert_eq!((found.event_type(record), &*found_id), (event_type, id));
}

#[test]
fn plain_headers_go_first() {
    let all: &[(&[u8], Option<&[u8]>)] = &[
        CE_JSON,
        (b"ce_type", Some(b"ce")),
        (b"ce_id", Some(b"ce-1")),
        (b"event_type", Some(b"Plain")),
        (b"event_id", Some(b"p-1")),
    ];
    let body = Some(&br#"{"type":"structured","id":"s-1"}"#[..]);
    assert_identity(&record(all, body), "Plain", "p-1");
    assert_identity(&record(all.get(..3).unwrap(), body), "ce", "ce-1");
    assert_identity(&record(all.get(..1).unwrap(), body), "structured", "s-1");
    assert_identity(&record(&[], body), "orders", "orders/3/42");
}

#[test]
fn type_and_id_are_found_apart() {
    let headers: &[(&[u8], Option<&[u8]>)] = &[(b"ce_type", Some(b"ce")), (b"event_id", Some(b"p-1"))];
    assert_identity(&record(headers, None), "ce", "p-1");
}

#[test]
fn the_first_of_repeated_headers_counts_and_an_empty_one_is_absent() {
    let repeated: &[(&[u8], Option<&[u8]>)] = &[(b"event_type", Some(b"A")), (b"event_type", Some(b"B"))];
    assert_identity(&record(repeated, None), "A", "orders/3/42");
    let empty: &[(&[u8], Option<&[u8]>)] =
        &[(b"event_type", Some(b"")), (b"event_type", Some(b"B")), (b"ce_type", Some(b"ce"))];
    assert_identity(&record(empty, None), "ce", "orders/3/42");
    let null: &[(&[u8], Option<&[u8]>)] = &[(b"event_type", None)];
    assert_identity(&record(null, None), "orders", "orders/3/42");
}

#[test]
fn a_structured_cloud_event_needs_its_content_type() {
    let body = Some(&br#"{"specversion":"1.0","type":"T","id":"1","data":{}}"#[..]);
    for json in [&b"application/json"[..], b"application/cloudevents-batch+json", b"application/cloudevents"] {
        assert_identity(&record(&[(b"content-type", Some(json))], body), "orders", "orders/3/42");
    }
    assert_identity(&record(&[(b"Content-Type", Some(b"Application/CloudEvents+JSON"))], body), "T", "1");
}

#[test]
fn a_body_that_is_no_cloud_event_is_typed_by_its_topic() {
    let bodies: [Option<&[u8]>; 7] =
        [None, Some(b""), Some(b"{"), Some(b"[]"), Some(br#"{"type":""}"#), Some(br#"{"type":7}"#), Some(b"\xff\xfe")];
    for body in bodies {
        assert_identity(&record(&[CE_JSON], body), "orders", "orders/3/42");
    }
    assert_identity(&record(&[CE_JSON], Some(br#"{"type":"T","id":null}"#)), "T", "orders/3/42");
    // What is not asked for is skipped, however deep it is.
    let deep = format!("{{\"type\":\"T\",\"data\":{}1{}}}", "[".repeat(50_000), "]".repeat(50_000));
    assert_identity(&record(&[CE_JSON], Some(deep.as_bytes())), "T", "orders/3/42");
}

#[test]
fn escapes_in_a_structured_type_are_read() {
    assert_identity(&record(&[CE_JSON], Some(br#"{"type":"T\u00e9","id":"\n"}"#)), "Té", "\n");
}

#[test]
fn what_no_handler_can_be_shown_is_undecodable() {
    let not_text = Identity::of(&record(&[(b"event_type", Some(b"\xff"))], None));
    assert_eq!(not_text, Err(Undecodable::HeaderNotUtf8("event_type")));
    let not_text = Identity::of(&record(&[(b"ce_id", Some(b"\xff"))], None));
    assert_eq!(not_text, Err(Undecodable::HeaderNotUtf8("ce_id")));
    let name = Identity::of(&record(&[(b"ok", None), (b"a\xffb", Some(b"x"))], None)).unwrap_err();
    assert_eq!(name.to_string(), r"the name of header 1 is not UTF-8: a\xffb");
    let longest = vec![b'x'; MAX_TYPE_BYTES];
    assert!(Identity::of(&record(&[(b"event_type", Some(&longest))], None)).is_ok());
    let long = vec![b'x'; MAX_TYPE_BYTES + 1];
    let error = Identity::of(&record(&[(b"event_type", Some(&long))], None)).unwrap_err();
    assert_eq!(error.to_string(), "the event type in header \"event_type\" has 257 bytes; at most 256 are allowed");
}

proptest! {
    /// Whatever the bytes, the answer is a type and an id within their bounds, or a reason.
    #[test]
    fn never_panics_on_bytes_from_outside(
        headers in prop::collection::vec((
            prop_oneof![
                Just(b"event_type".to_vec()), Just(b"ce_type".to_vec()), Just(b"ce_id".to_vec()),
                Just(b"content-type".to_vec()), prop::collection::vec(any::<u8>(), 0..8),
            ],
            prop::option::of(prop_oneof![
                Just(b"application/cloudevents+json".to_vec()), prop::collection::vec(any::<u8>(), 0..300),
            ]),
        ), 0..6),
        value in prop::option::of(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..64), "\\{\"(type|id)\":\"[a-z\\\\\"]{0,9}\"\\}".prop_map(String::into_bytes),
        ]),
    ) {
        let mut builder = RecordBuilder::new("t".into(), 0, 0, 0).value(value.as_deref());
        for (name, value) in &headers {
            builder.header(name, value.as_deref());
        }
        let record = builder.build();
        if let Ok(identity) = Identity::of(&record) {
            let event_type = identity.event_type(&record);
            prop_assert!(!event_type.is_empty() && event_type.len() <= MAX_TYPE_BYTES);
            prop_assert!(identity.own_id(&record) != Some(""));
        }
    }
}
