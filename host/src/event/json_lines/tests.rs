use super::*;

fn parse(line: &str) -> Outgoing {
    ParsedLine::parse(line, None, Some("t")).unwrap().outgoing
}

#[test]
fn the_type_becomes_the_first_header_and_the_value_compact_json() {
    let event =
        parse(r#"{"type":"OrderCreated","key":"o-1","headers":{"tenant_id":"t"},"value":{ "a" : [1.50, "x \" y"] }}"#);
    assert_eq!(event.key.as_deref(), Some(&b"o-1"[..]));
    assert_eq!(event.value.as_deref(), Some(&br#"{"a":[1.50,"x \" y"]}"#[..]));
    let names: Vec<_> = event.headers.iter().map(|(n, _)| n.as_slice()).collect();
    assert_eq!(names, [&b"event_type"[..], b"tenant_id"]);
}

#[test]
fn listed_headers_keep_order_repeats_absence_and_bytes() {
    let event = parse(r#"{"headers":[["a","1"],["a",null],["b",{"base64":"/w=="}],["a",""]]}"#);
    let expected: Vec<OutgoingHeader> = vec![
        (b"a".to_vec(), Some(b"1".to_vec())),
        (b"a".to_vec(), None),
        (b"b".to_vec(), Some(vec![0xff])),
        (b"a".to_vec(), Some(vec![])),
    ];
    assert_eq!(event.headers, expected);
}

#[test]
fn no_value_is_a_tombstone_and_null_is_json() {
    assert_eq!(parse("{}").value, None);
    assert_eq!(parse(r#"{"value":null}"#).value.as_deref(), Some(&b"null"[..]));
    assert_eq!(parse(r#"{"value_text":""}"#).value.as_deref(), Some(&b""[..]));
    assert_eq!(parse(r#"{"value_base64":"AAE="}"#).value.as_deref(), Some(&[0u8, 1][..]));
}

#[test]
fn what_is_wrong_is_named() {
    let error = |line: &str| ParsedLine::parse(line, None, Some("t")).unwrap_err().to_string();
    assert_eq!(error(r#"{"key":"a","key_base64":"AA=="}"#), "key and key_base64 exclude each other");
    assert_eq!(error(r#"{"value":1,"value_text":"x"}"#), "value and value_text exclude each other");
    assert!(error(r#"{"value_base64":"?"}"#).starts_with("value_base64 is not base64"));
    assert!(error(r#"{"headers":{"h":1}}"#).starts_with("header \"h\" must be a string"));
    assert!(error(r#"{"typ":"x"}"#).contains("unknown field `typ`"));
    assert_eq!(error("[1]"), "an event is a JSON object");
    assert_eq!(error("{"), "EOF while parsing an object (column 1)");
    assert!(error(r#"{"headers":1}"#).starts_with("headers must be an object"));
    let no_topic = ParsedLine::parse("{}", None, None).unwrap_err().to_string();
    assert!(no_topic.starts_with("no topic"), "{no_topic}");
}

#[test]
fn what_is_written_is_read_back_to_the_same_bytes() {
    let values: [Option<&[u8]>; 7] = [
        None,
        Some(b""),
        Some(b"null"),
        Some(br#"{"b":1,"a":[1e400,2.50]}"#),
        Some(br#"{"b": 1}"#),
        Some("text é".as_bytes()),
        Some(&[0xff, 0x00]),
    ];
    for value in values {
        for key in [None, Some(&b""[..]), Some(b"k"), Some(&[0xfe])] {
            let mut builder = RecordBuilder::new("orders".into(), 3, 42, 0).timestamp(Some(7)).key(key).value(value);
            builder.header(b"event_type", Some(b"A"));
            builder.header(b"event_type", None);
            builder.header(b"bin", Some(&[0xff]));
            builder.header(b"\xfe\xff", Some(b"x"));
            let record = builder.build();
            let back = ParsedLine::parse(&write(&record), None, None).unwrap().into_record(0);
            assert_eq!(back.value(), record.value());
            assert_eq!(back.key(), record.key());
            assert!(back.headers().eq(record.headers()));
            assert_eq!((back.partition(), back.offset(), back.timestamp()), (3, 42, Some(7)));
        }
    }
}

#[test]
fn a_topic_that_is_asked_for_goes_before_the_lines_own() {
    let topic = |asked, default| {
        let parsed = ParsedLine::parse(r#"{"topic":"own"}"#, asked, default).unwrap();
        parsed.outgoing.topic.to_string()
    };
    assert_eq!(topic(Some("asked"), Some("default")), "asked");
    assert_eq!(topic(None, Some("default")), "own");
}
