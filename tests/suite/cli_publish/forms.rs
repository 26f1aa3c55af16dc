//! Every form of a line, and what Kafka has of it.

use sandbus_tests::{Connection, Deployment, StoredRecord, Topic};

use super::publish;
use crate::cli_outcome::Outcome;

type Header<'a> = (&'a [u8], Option<&'a [u8]>);
type Expected = (&'static str, Option<&'static [u8]>, Option<&'static [u8]>, Vec<Header<'static>>);

/// A line, and its key, value and headers.
fn forms() -> Vec<Expected> {
    const TYPE: Header<'_> = (b"event_type", Some(b"T"));
    vec![
        ("{}", None, None, vec![]),
        (r#"{"type":"T"}"#, None, None, vec![TYPE]),
        (r#"{"key":"o-1"}"#, Some(b"o-1"), None, vec![]),
        (r#"{"key":""}"#, Some(b""), None, vec![]),
        (r#"{"key_base64":"/wAB"}"#, Some(b"\xff\x00\x01"), None, vec![]),
        // Objects of headers keep their order, and the type goes first.
        (
            r#"{"headers":{"z":"1","a":"2","n":null,"e":""},"type":"T"}"#,
            None,
            None,
            vec![TYPE, (b"z", Some(b"1")), (b"a", Some(b"2")), (b"n", None), (b"e", Some(b""))],
        ),
        // Lists keep repeats, nulls and bytes besides.
        (
            r#"{"headers":[["r","1"],["x",null],["r",{"base64":"wygA"}],["","no name"],["r","ä"]]}"#,
            None,
            None,
            vec![
                (b"r", Some(b"1")),
                (b"x", None),
                (b"r", Some(b"\xc3\x28\x00")),
                (b"", Some(b"no name")),
                (b"r", Some("ä".as_bytes())),
            ],
        ),
        (r#"{"headers":{"b":{"base64":""}}}"#, None, None, vec![(b"b", Some(b""))]),
        // JSON is made compact, and nothing else is done to it.
        (
            r#"{"value": { "b" : 1.50, "a":[ 12345678901234567890123, true , null ], "s":" a \" b ", "b":2 } }"#,
            None,
            Some(br#"{"b":1.50,"a":[12345678901234567890123,true,null],"s":" a \" b ","b":2}"#),
            vec![],
        ),
        (r#"{"value":"täxt \u00e9"}"#, None, Some("\"täxt \\u00e9\"".as_bytes()), vec![]),
        (r#"{"value":null}"#, None, Some(b"null"), vec![]),
        (r#"{"value":0}"#, None, Some(b"0"), vec![]),
        (r#"{"value_text":"{ \"not\": compact }\n"}"#, None, Some(b"{ \"not\": compact }\n"), vec![]),
        (r#"{"value_text":""}"#, None, Some(b""), vec![]),
        (r#"{"value_base64":"/gD/"}"#, None, Some(b"\xfe\x00\xff"), vec![]),
        (r#"{"value_base64":""}"#, None, Some(b""), vec![]),
    ]
}

fn parts(record: &StoredRecord) -> (Option<&[u8]>, Option<&[u8]>, Vec<Header<'_>>) {
    let headers = record.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()));
    (record.key.as_deref(), record.value.as_deref(), headers.collect())
}

#[test]
fn each_is_what_kafka_has_in_the_end() {
    let topic = Topic::create(&Connection::shared(), 1);
    let forms = forms();
    let lines: String = forms.iter().map(|(line, ..)| format!("{line}\n")).collect();
    let outcome = publish(&topic, &lines, &[]).expect(0);
    assert_eq!(outcome.stdout, "", "{outcome}");
    assert_eq!(outcome.stderr, format!("{} events published\n", forms.len()));

    let records = topic.read();
    assert_eq!(records.len(), forms.len());
    for ((line, key, value, headers), record) in forms.into_iter().zip(&records) {
        assert_eq!(parts(record), (key, value, headers), "{line}");
    }
}

#[test]
fn a_timestamp_is_kept_and_otherwise_it_is_now() {
    let topic = Topic::create(&Connection::shared(), 1);
    publish(&topic, "{\"timestamp\":1000000000000}\n{}\n", &[]).expect(0);
    let records = topic.read();
    assert_eq!(records[0].timestamp, Some(1_000_000_000_000));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let age = now - u128::try_from(records[1].timestamp.unwrap()).unwrap();
    assert!(age < 120_000, "{age} ms old");
}

#[test]
fn a_key_chooses_the_partition_that_other_clients_choose() {
    // Key, and the partition of 4 and of 12: murmur2 of the key, without its sign, modulo their number.
    let vectors = [
        ("00000000-0000-0000-0000-000000000002", 1, 5),
        ("f0a832ce-d7e8-4d20-a573-e44efd56f7c3", 0, 4),
        ("4d6793fb-6cf7-4e3d-b752-a17546193061", 2, 2),
        ("k", 0, 8),
    ];
    let lines: String = vectors.iter().map(|(key, ..)| format!("{{\"key\":\"{key}\"}}\n")).collect();
    let of = |partitions: i32| -> Vec<(String, i32)> {
        let topic = Topic::create(&Connection::shared(), partitions);
        publish(&topic, &lines, &[]).expect(0);
        let mut placed: Vec<_> = topic
            .read()
            .into_iter()
            .map(|record| (String::from_utf8(record.key.unwrap()).unwrap(), record.partition))
            .collect();
        placed.sort();
        placed
    };
    let expected = |partition: fn(&(&str, i32, i32)) -> i32| {
        let mut expected: Vec<_> = vectors.iter().map(|vector| (vector.0.to_owned(), partition(vector))).collect();
        expected.sort();
        expected
    };
    assert_eq!(of(4), expected(|vector| vector.1));
    assert_eq!(of(12), expected(|vector| vector.2));
}

#[test]
fn a_file_is_read_like_stdin_and_the_last_line_needs_no_end() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 1);
    let config =
        format!("[kafka]\nbootstrap_servers = \"{}\"\ntopics = [\"{}\"]\n", connection.bootstrap(), topic.name());
    let deployment = Deployment::new(&config).write("events.jsonl", "{\"value\":1}\r\n\n{\"value\":2}");
    // Address and topic are the configuration's, which is found by its name.
    let outcome = Outcome::of(&deployment, &["publish", "--file", "events.jsonl", "--json"]).expect(0);
    assert_eq!(outcome.stderr, "", "{outcome}");
    assert_eq!(outcome.json(), serde_json::json!({ "published": 2 }));
    let texts: Vec<_> = topic.read().iter().map(|record| record.text().to_owned()).collect();
    assert_eq!(texts, ["1", "2"]);
}

#[test]
fn many_events_keep_their_order() {
    let topic = Topic::create(&Connection::shared(), 1);
    let count = 25_000;
    let lines: String = (0..count).map(|number| format!("{{\"value\":{number}}}\n")).collect();
    let outcome = publish(&topic, &lines, &["--json"]).expect(0);
    assert_eq!(outcome.json()["published"], count);
    let records = topic.read();
    assert_eq!(records.len(), count);
    assert!(records.iter().enumerate().all(|(number, record)| record.text() == number.to_string()));
}

#[test]
fn nothing_to_publish_is_no_failure() {
    let topic = Topic::create(&Connection::shared(), 1);
    let outcome = publish(&topic, "", &["--json"]).expect(0);
    assert_eq!(outcome.json()["published"], 0);
}
