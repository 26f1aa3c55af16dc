use crate::delivery::partition::DeliveryKey;
use crate::delivery::scheduler::{Assignment, DeliveryId};
use crate::event::{Event, RecordBuilder};
use slotmap::KeyData;

use super::*;

fn document() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/packed-frame.md")).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let lines = text.lines().map(|line| line.split(';').next().unwrap());
    lines.flat_map(str::split_whitespace).map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// Title and bytes of each vector.
fn vectors(document: &str) -> Vec<(&str, Vec<u8>)> {
    let sections = document.split("\n### ").filter(|section| section.contains("```hex\n"));
    sections
        .map(|section| {
            let (_, rest) = section.split_once("```hex\n").unwrap();
            (section.lines().next().unwrap(), hex(rest.split_once("```").unwrap().0))
        })
        .collect()
}

fn try_in(lane: Option<u64>, attempt: u32, event: Event) -> Try {
    let id = DeliveryId { assignment: Assignment(1), key: DeliveryKey::from(KeyData::from_ffi(1)) };
    Try { id, attempt, lane, event }
}

fn plain(lane: u64) -> Try {
    try_in(Some(lane), 1, Event::decode(RecordBuilder::new("t".into(), 0, 0, 0).build()).unwrap())
}

/// The lanes that an answer's title names.
fn batch_of(title: &str) -> Vec<Try> {
    let (_, lanes) = title.rsplit_once("lanes ").unwrap();
    lanes.trim_end_matches(')').split_whitespace().map(|lane| plain(lane.parse().unwrap())).collect()
}

#[test]
fn every_answer_of_the_document_is_read() {
    let document = document();
    let each = [
        Some(Ending::Ack),
        Some(Ending::Skip),
        Some(Ending::Retry(None)),
        Some(Ending::Retry(Some(Duration::from_millis(250)))),
        Some(Ending::DeadLetter("no such order".into())),
        Some(Ending::Error { kind: ErrorKind::from_guest("Timeout"), message: "upstream took 3 s".into() }),
        None,
    ];
    let conflict = Some(Ending::Error { kind: ErrorKind::from_guest("Conflict"), message: String::new() });
    let mut read = 0;
    for (title, bytes) in vectors(&document) {
        if !title.starts_with("answer-") {
            continue;
        }
        let endings = read_answer(&bytes, &batch_of(title)).unwrap();
        match title.split(' ').next().unwrap() {
            "answer-ack" | "answer-longer" => assert_eq!(endings, [Some(Ending::Ack)]),
            "answer-each-verdict" => assert_eq!(endings, each),
            "answer-two-lanes" => {
                assert_eq!(endings, [conflict.clone(), Some(Ending::Ack), None, Some(Ending::Ack)]);
            }
            other => panic!("{other} is not known here"),
        }
        read += 1;
    }
    assert_eq!(read, 4);
}

#[test]
fn every_wrong_answer_of_the_document_breaks_its_rule() {
    let document = document();
    let vectors = vectors(&document);
    let (title, good) = vectors.iter().find(|(title, _)| title.starts_with("answer-each-verdict")).unwrap();
    let (_, table) = document.split_once("\n### Wrong answers\n").unwrap();
    let mut rows = 0;
    for line in table.lines().filter(|line| line.starts_with("| at ") || line.starts_with("| cut ")) {
        let row: Vec<&str> = line.split('|').map(str::trim).collect();
        let position = row[1].split_whitespace().find_map(|word| word.strip_prefix("0x")).unwrap();
        let at = usize::from_str_radix(position, 16).unwrap();
        let mut bytes = good.clone();
        match row[1].split_once(" put ") {
            Some((_, put)) => {
                let put = hex(put);
                bytes.splice(at..at + put.len(), put);
            }
            None => bytes.truncate(at),
        }
        let error = read_answer(&bytes, &batch_of(title)).unwrap_err();
        assert!(error.starts_with(&format!("the answer breaks rule {}", row[2])), "{line}: {error}");
        rows += 1;
    }
    assert!(rows > 20, "{rows}");
}

#[test]
fn whatever_a_byte_is_changed_to_is_read_or_refused() {
    let document = document();
    for (title, bytes) in vectors(&document).into_iter().filter(|(title, _)| title.starts_with("answer-")) {
        let batch = batch_of(title);
        for at in 0..bytes.len() {
            for value in [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                let _ = read_answer(&changed, &batch);
            }
            assert!(read_answer(&bytes[..at], &batch).is_err());
        }
    }
}

/// The event of the document's `frame-headers`, and what it is written as.
#[test]
fn a_frame_is_written_as_the_document_says() {
    let document = document();
    let vectors = vectors(&document);
    let (_, expected) = vectors.iter().find(|(title, _)| title.starts_with("frame-headers")).unwrap();
    let mut record = RecordBuilder::new("orders".into(), 3, 42, 0)
        .timestamp(Some(1_700_000_000_123))
        .key(Some(b"o-1"))
        .value(Some(b"n=1"));
    for (name, value) in [
        ("event_type", Some(&b"OrderCreated"[..])),
        ("event_id", Some(b"e-7")),
        ("tag", Some(b"a")),
        ("tag", None),
        ("tag", Some(b"")),
        ("bin", Some(b"\x00\xff\x80")),
    ] {
        record.header(name.as_bytes(), value);
    }
    let batch = [try_in(Some(9), 2, Event::decode(record.build()).unwrap())];
    let frame = Frame::of(&batch).unwrap();
    assert_eq!(frame.length, expected.len());
    assert_eq!(frame.bytes(), *expected);
}

#[test]
fn lanes_are_numbered_and_texts_written_once() {
    let unordered = || try_in(None, 1, Event::decode(RecordBuilder::new("t".into(), 0, 0, 0).build()).unwrap());
    let batch = [plain(7), plain(7), plain(3), unordered(), unordered()];
    let bytes = Frame::of(&batch).unwrap().bytes();
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let lanes: Vec<_> = (0..5).map(|index| number(HEADER + index * EVENT)).collect();
    assert_eq!((lanes, number(20)), (vec![0, 0, 1, 2, 3], 4));
    assert_eq!(bytes.len(), HEADER + 5 * EVENT + 1 + 1, "topic and type, which is the topic's name, once each");
}
