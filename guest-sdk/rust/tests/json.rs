//! What an event's JSON is: the documents that every language reads, of `tests/conformance/json.jsonl`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by a panic")]

use sandbus_sdk::EventError;
use sandbus_sdk::serde_json::{self, Value};
use sandbus_sdk::testing::event;
use serde::Deserialize;

/// A line of the file, whose README says what each key means.
#[derive(Deserialize)]
struct Row {
    name: String,
    document: Option<String>,
    base64: Option<String>,
    #[serde(default)]
    times: usize,
    #[serde(default)]
    before: String,
    #[serde(default)]
    open: String,
    #[serde(default)]
    inside: String,
    #[serde(default)]
    close: String,
    #[serde(default)]
    after: String,
    is: String,
    #[serde(default)]
    differs: serde_json::Map<String, Value>,
}

impl Row {
    fn bytes(&self) -> Vec<u8> {
        if let Some(base64) = &self.base64 {
            return decode(base64);
        }
        self.document.clone().map_or_else(
            || {
                let (open, close) = (self.open.repeat(self.times), self.close.repeat(self.times));
                [&self.before, &open, &self.inside, &close, &self.after].map(String::as_str).concat().into_bytes()
            },
            String::into_bytes,
        )
    }

    fn wanted(&self) -> &str {
        let own = self.differs.get("rust").and_then(Value::as_str);
        own.unwrap_or(&self.is).split(':').next().unwrap()
    }
}

/// Six bits for each digit, and no rest.
fn decode(base64: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for digit in base64.trim_end_matches('=').bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => panic!("{other} is no digit of base64"),
        };
        (bits, held) = (bits << 6 | u32::from(six), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff).try_into().unwrap());
        }
    }
    bytes
}

#[test]
fn what_is_json_is_so_in_every_language() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/json.jsonl");
    let file = std::fs::read_to_string(path).expect("the file of documents");
    let rows: Vec<Row> = file.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(rows.len() > 50, "only {} documents", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let found = match event("A").value(row.bytes()).build().json::<Value>() {
            Ok(_) => "ok",
            Err(EventError::BadJson(_)) => "bad_json",
            Err(other) => panic!("{}: {other}", row.name),
        };
        if found != row.wanted() {
            wrong.push(format!("{}: {found}, and {} is wanted", row.name, row.wanted()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
