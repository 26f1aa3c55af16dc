//! Proves `docs/packed-frame.md`: reads its test vectors, decodes them by the rules that stand there,
//! compares with the text beside them, and encodes them to the same bytes.
//!
//! The codec here is written from the document alone and imports nothing of the host, so that it can
//! find the host wrong. It is for proof, not for speed.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::collections::HashMap;
use std::fmt::Write as _;

const ABSENT: u32 = u32::MAX;

// === reading bytes ===

/// A list of bytes, read by position. `None` is out of bounds.
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn slice(self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(at..at.checked_add(length)?)
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.slice(at, N)?.try_into().ok()
    }

    fn u8(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn u16(self, at: usize) -> Option<usize> {
        self.array(at).map(u16::from_le_bytes).map(usize::from)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn size(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }

    fn u64(self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_le_bytes)
    }

    /// What a reference at `at` refers to: nothing if it is absent. `None` if it is not within the data.
    fn reference(self, at: usize, data: usize) -> Option<Option<&'a [u8]>> {
        let (offset, length) = (self.size(at)?, self.u32(at + 4)?);
        match length {
            ABSENT => Some(None),
            0 => Some(Some(&[])),
            _ if offset < data => None,
            _ => self.slice(offset, usize::try_from(length).ok()?).map(Some),
        }
    }
}

// === frame ===

#[derive(Debug, PartialEq)]
struct Event {
    lane: u32,
    attempt: u32,
    partition: u32,
    offset: u64,
    timestamp: Option<u64>,
    topic: String,
    event_type: String,
    id: Option<String>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

/// The events of a frame, or what is wrong with it.
fn decode_frame(list: &[u8]) -> Result<Vec<Event>, &'static str> {
    let bytes = Bytes(list);
    let header = || {
        let lengths = (bytes.u16(6)?, bytes.u16(8)?, bytes.u16(10)?);
        Some((lengths, bytes.size(12)?, bytes.size(16)?, bytes.u32(20)?))
    };
    let ((header_len, record_len, entry_len), count, total_len, lanes) = header().ok_or("no room for a header")?;
    if bytes.slice(0, 4) != Some(b"SBEV") || bytes.u16(4) != Some(1) {
        return Err("unknown magic or version");
    }
    let fits = |length: usize, least: usize| length >= least && length.is_multiple_of(8);
    if !fits(header_len, 24) || !fits(record_len, 80) || !fits(entry_len, 16) {
        return Err("a length is too short or no multiple of 8");
    }
    let data = header_len + count * record_len;
    if total_len != list.len() || data > total_len || !(1..=65_536).contains(&count) {
        return Err("count or total_len");
    }
    let mut next_lane = 0;
    let events = (0..count).map(|index| {
        let event = decode_event(bytes, header_len + index * record_len, data, entry_len).ok_or("a field")?;
        if event.lane > next_lane {
            return Err("lanes are not dense");
        }
        next_lane = next_lane.max(event.lane + 1);
        Ok(event)
    });
    let events = events.collect::<Result<Vec<Event>, _>>()?;
    if next_lane == lanes { Ok(events) } else { Err("lanes are not counted") }
}

fn decode_event(bytes: Bytes<'_>, at: usize, data: usize, entry_len: usize) -> Option<Event> {
    let optional = |at: usize| bytes.reference(at, data).map(|found| found.map(<[u8]>::to_vec));
    let text = |at: usize| String::from_utf8(optional(at)??).ok();
    let timestamp = match bytes.array(at + 24).map(i64::from_le_bytes)? {
        -1 => None,
        millis => Some(u64::try_from(millis).ok()?),
    };
    let header_count = bytes.size(at + 12)?;
    let table = bytes.reference(at + 72, data)??;
    if table.len() != header_count.checked_mul(entry_len)? {
        return None;
    }
    let table_at = bytes.size(at + 72)?;
    if header_count > 0 && !table_at.is_multiple_of(8) {
        return None;
    }
    let headers = (0..header_count).map(|index| {
        let at = table_at + index * entry_len;
        Some((text(at)?, optional(at + 8)?))
    });
    let id = optional(at + 48)?.map(String::from_utf8).transpose().ok()?;
    let event = Event {
        lane: bytes.u32(at)?,
        attempt: bytes.u32(at + 4)?,
        partition: bytes.u32(at + 8)?,
        offset: bytes.u64(at + 16)?,
        timestamp,
        topic: text(at + 32)?,
        event_type: text(at + 40)?,
        id,
        key: optional(at + 56)?,
        value: optional(at + 64)?,
        headers: headers.collect::<Option<_>>()?,
    };
    let is_right = event.attempt > 0
        && !event.topic.is_empty()
        && (1..=256).contains(&event.event_type.len())
        && event.id.as_deref() != Some("");
    is_right.then_some(event)
}

/// The frame as the host writes it.
fn encode_frame(events: &[Event]) -> Vec<u8> {
    let mut data = Data::after(24 + 80 * events.len());
    let mut written: HashMap<&str, [u8; 8]> = HashMap::new();
    let mut records = Vec::new();
    for event in events {
        let (table, values) = encode_headers(&mut data, &event.headers);
        let of_header = |text: &str| {
            let mut values = event.headers.iter().zip(&values);
            values.find(|((_, value), _)| value.as_deref() == Some(text.as_bytes())).map(|(_, at)| *at)
        };
        let topic = *written.entry(&event.topic).or_insert_with(|| data.push(event.topic.as_bytes()));
        let event_type = of_header(&event.event_type);
        let event_type = event_type.unwrap_or_else(|| {
            *written.entry(&event.event_type).or_insert_with(|| data.push(event.event_type.as_bytes()))
        });
        let id = event.id.as_deref().map(|id| of_header(id).unwrap_or_else(|| data.push(id.as_bytes())));
        for number in [event.lane, event.attempt, event.partition, u32::try_from(event.headers.len()).unwrap()] {
            records.extend(number.to_le_bytes());
        }
        records.extend(event.offset.to_le_bytes());
        records.extend(event.timestamp.map_or(-1, |millis| i64::try_from(millis).unwrap()).to_le_bytes());
        let (key, value) = (data.optional(event.key.as_deref()), data.optional(event.value.as_deref()));
        for reference in [topic, event_type, id.unwrap_or_else(absent), key, value, table] {
            records.extend(reference);
        }
    }
    let lanes = events.iter().map(|event| event.lane + 1).max().unwrap_or(0);
    data.list(*b"SBEV", [80, 16], events.len(), lanes, &records)
}

type References = Vec<[u8; 8]>;

/// Writes the headers of an event. Gives the reference to their table, and those to their values.
fn encode_headers(data: &mut Data, headers: &[(String, Option<Vec<u8>>)]) -> ([u8; 8], References) {
    if headers.is_empty() {
        return (data.push(b""), Vec::new());
    }
    data.align();
    let table = data.push(&vec![0; headers.len() * 16]);
    let begin = data.bytes.len() - headers.len() * 16;
    let mut entries = Vec::new();
    let mut values = Vec::new();
    for (name, value) in headers {
        entries.extend(data.push(name.as_bytes()));
        values.push(data.optional(value.as_deref()));
        entries.extend(values.last().copied().unwrap_or_else(absent));
    }
    data.bytes.splice(begin..begin + entries.len(), entries);
    (table, values)
}

/// The data of a list that is being written.
struct Data {
    begin: usize,
    bytes: Vec<u8>,
}

impl Data {
    fn after(begin: usize) -> Self {
        Self { begin, bytes: Vec::new() }
    }

    fn align(&mut self) {
        let end = self.bytes.len().next_multiple_of(8);
        self.bytes.resize(end, 0);
    }

    fn push(&mut self, text: &[u8]) -> [u8; 8] {
        let offset = if text.is_empty() { 0 } else { self.begin + self.bytes.len() };
        self.bytes.extend(text);
        reference(offset, text.len())
    }

    fn optional(&mut self, bytes: Option<&[u8]>) -> [u8; 8] {
        bytes.map_or_else(absent, |bytes| self.push(bytes))
    }

    fn list(self, magic: [u8; 4], lengths: [u16; 2], count: usize, last: u32, records: &[u8]) -> Vec<u8> {
        let mut list = magic.to_vec();
        for number in [1, 24].into_iter().chain(lengths) {
            list.extend(number.to_le_bytes());
        }
        for number in [count, self.begin + self.bytes.len()] {
            list.extend(u32::try_from(number).unwrap().to_le_bytes());
        }
        list.extend(last.to_le_bytes());
        [list.as_slice(), records, &self.bytes].concat()
    }
}

fn reference(offset: usize, length: usize) -> [u8; 8] {
    let (offset, length) = (u32::try_from(offset).unwrap(), u32::try_from(length).unwrap());
    (u64::from(offset) | u64::from(length) << 32).to_le_bytes()
}

fn absent() -> [u8; 8] {
    (u64::from(ABSENT) << 32).to_le_bytes()
}

// === answer ===

#[derive(Debug, PartialEq)]
enum Verdict {
    Ack,
    Skip,
    Retry(Option<u64>),
    DeadLetter(String),
    Error(String, String),
    NotRun,
}

/// The verdicts of an answer to events of these lanes, or the first rule that it breaks.
fn decode_answer(list: &[u8], lanes: &[u32]) -> Result<Vec<Verdict>, &'static str> {
    let bytes = Bytes(list);
    let header = || {
        let lengths = (bytes.u16(6)?, bytes.u16(8)?);
        Some((lengths, bytes.size(12)?, bytes.size(16)?, (bytes.u16(10)?, bytes.u32(20)?)))
    };
    let ((header_len, record_len), count, total_len, reserved) = header().ok_or("A1")?;
    let data = header_len + count * record_len;
    let fits = |length: usize, least: usize| length >= least && length.is_multiple_of(8);
    for (holds, rule) in [
        (bytes.slice(0, 4) == Some(b"SBVD"), "A1"),
        (bytes.u16(4) == Some(1), "A2"),
        (fits(header_len, 24) && fits(record_len, 32), "A3"),
        (total_len == list.len() && data <= total_len, "A4"),
        (count == lanes.len(), "A5"),
        (reserved == (0, 0), "A6"),
    ] {
        if !holds {
            return Err(rule);
        }
    }
    let mut stopped = Vec::new();
    let verdicts = lanes.iter().enumerate().map(|(index, lane)| {
        let verdict = decode_verdict(bytes, header_len + index * record_len, data)?;
        if stopped.contains(lane) != (verdict == Verdict::NotRun) {
            return Err("A11");
        }
        if !matches!(verdict, Verdict::Ack | Verdict::Skip) {
            stopped.push(*lane);
        }
        Ok(verdict)
    });
    verdicts.collect()
}

fn decode_verdict(bytes: Bytes<'_>, at: usize, data: usize) -> Result<Verdict, &'static str> {
    let code = bytes.u8(at).ok_or("A4")?;
    let flags = bytes.u8(at + 1).ok_or("A4")?;
    let delay = bytes.u64(at + 8).ok_or("A4")?;
    if bytes.slice(at + 2, 6) != Some(&[0; 6]) || flags > 1 {
        return Err("A6");
    }
    if !(1..=6).contains(&code) {
        return Err("A7");
    }
    let is_there = |at: usize| bytes.u32(at + 4) != Some(ABSENT);
    let texts = (is_there(at + 16), is_there(at + 24));
    let expected = match code {
        4 => (false, true),
        5 => (true, true),
        _ => (false, false),
    };
    let delayed = flags == 1;
    if texts != expected || (delayed && code != 3) || (!delayed && delay != 0) {
        return Err("A8");
    }
    let bytes_at = |at: usize| bytes.reference(at, data).ok_or("A9").map(Option::unwrap_or_default);
    let (kind, text) = (bytes_at(at + 16)?, bytes_at(at + 24)?);
    let text_of = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "A10");
    let (kind, text) = (text_of(kind)?, text_of(text)?);
    Ok(match code {
        1 => Verdict::Ack,
        2 => Verdict::Skip,
        3 => Verdict::Retry(delayed.then_some(delay)),
        4 => Verdict::DeadLetter(text),
        5 => Verdict::Error(kind, text),
        _ => Verdict::NotRun,
    })
}

fn encode_answer(verdicts: &[Verdict]) -> Vec<u8> {
    let mut data = Data::after(24 + 32 * verdicts.len());
    let mut records = Vec::new();
    for verdict in verdicts {
        let (code, delay, kind, text) = match verdict {
            Verdict::Ack => (1, None, None, None),
            Verdict::Skip => (2, None, None, None),
            Verdict::Retry(delay) => (3, *delay, None, None),
            Verdict::DeadLetter(reason) => (4, None, None, Some(reason)),
            Verdict::Error(kind, message) => (5, None, Some(kind), Some(message)),
            Verdict::NotRun => (6, None, None, None),
        };
        records.extend([code, u8::from(delay.is_some()), 0, 0, 0, 0, 0, 0]);
        records.extend(delay.unwrap_or(0).to_le_bytes());
        for text in [kind, text] {
            records.extend(data.optional(text.map(String::as_bytes)));
        }
    }
    data.list(*b"SBVD", [32, 0], verdicts.len(), 0, &records)
}

// === text ===

fn show_bytes(bytes: &[u8]) -> String {
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) && !matches!(byte, b'"' | b'\\');
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.iter().all(plain) => format!("\"{text}\""),
        _ => bytes.iter().fold("bytes".to_owned(), |shown, byte| format!("{shown} {byte:02x}")),
    }
}

fn show_optional(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "absent".to_owned(),
        Some([]) => "empty".to_owned(),
        Some(bytes) => show_bytes(bytes),
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn show_frame(events: &[Event]) -> String {
    let lanes: std::collections::BTreeSet<u32> = events.iter().map(|event| event.lane).collect();
    let mut shown = format!("frame of {} in {}", plural(events.len(), "event"), plural(lanes.len(), "lane"));
    for (index, event) in events.iter().enumerate() {
        let Event { lane, attempt, topic, partition, offset, .. } = event;
        let timestamp = event.timestamp.map_or("absent".to_owned(), |millis| millis.to_string());
        let id = event.id.clone().unwrap_or_else(|| format!("{topic}/{partition}/{offset}"));
        let lines = [
            format!("event {index}: lane {lane}, attempt {attempt}"),
            format!("  topic \"{topic}\", partition {partition}, offset {offset}, timestamp {timestamp}"),
            format!("  type \"{}\"\n  id \"{id}\"", event.event_type),
            format!("  key {}", show_optional(event.key.as_deref())),
            format!("  value {}", show_optional(event.value.as_deref())),
        ];
        for line in lines {
            write!(shown, "\n{line}").unwrap();
        }
        for (name, value) in &event.headers {
            write!(shown, "\n  header \"{name}\" {}", show_optional(value.as_deref())).unwrap();
        }
    }
    shown
}

fn show_answer(verdicts: &[Verdict]) -> String {
    let mut shown = format!("answer of {}", plural(verdicts.len(), "verdict"));
    for (index, verdict) in verdicts.iter().enumerate() {
        let text = match verdict {
            Verdict::Ack => "ack".to_owned(),
            Verdict::Skip => "skip".to_owned(),
            Verdict::Retry(None) => "retry".to_owned(),
            Verdict::Retry(Some(delay)) => format!("retry after {delay} ms"),
            Verdict::DeadLetter(reason) => format!("dead-letter \"{reason}\""),
            Verdict::Error(kind, message) => format!("error \"{kind}\" \"{message}\""),
            Verdict::NotRun => "not-run".to_owned(),
        };
        write!(shown, "\n{index}: {text}").unwrap();
    }
    shown
}

// === the document ===

/// A test vector of the document.
struct Vector {
    name: String,
    /// What version 1 writes instead, if it cannot write this one.
    in_version_1: Option<String>,
    /// The lanes of the events that an answer is for.
    lanes: Vec<u32>,
    bytes: Vec<u8>,
    text: String,
}

fn document() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/packed-frame.md");
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn vectors(document: &str) -> Vec<Vector> {
    let sections = document.split("\n### ").filter(|section| section.contains("```hex\n"));
    sections.map(vector).collect()
}

fn vector(section: &str) -> Vector {
    let title = section.lines().next().unwrap();
    let (name, notes) = title.split_once(" (").unwrap_or((title, ""));
    let notes: Vec<&str> = notes.trim_end_matches(')').split(", ").collect();
    let note = |prefix: &str| notes.iter().find_map(|note| note.strip_prefix(prefix));
    let lanes = note("lanes ").unwrap_or_default();
    Vector {
        name: name.to_owned(),
        in_version_1: note("in version 1: ").map(str::to_owned),
        lanes: lanes.split_whitespace().map(|lane| lane.parse().unwrap()).collect(),
        bytes: hex(block(section, "hex")),
        text: block(section, "text").trim_end().to_owned(),
    }
}

fn block<'a>(section: &'a str, language: &str) -> &'a str {
    let (_, rest) = section.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

/// Hex digits by the byte; what follows `;` is for people.
fn hex(text: &str) -> Vec<u8> {
    let lines = text.lines().map(|line| line.split(';').next().unwrap());
    lines.flat_map(str::split_whitespace).map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

/// What a reader of version 1 finds in a vector, and what a writer of version 1 makes of it.
fn read_and_write(vector: &Vector) -> (String, Vec<u8>) {
    if vector.name.starts_with("frame-") {
        let events = decode_frame(&vector.bytes).unwrap_or_else(|wrong| panic!("{}: {wrong}", vector.name));
        (show_frame(&events), encode_frame(&events))
    } else {
        let verdicts =
            decode_answer(&vector.bytes, &vector.lanes).unwrap_or_else(|rule| panic!("{}: {rule}", vector.name));
        (show_answer(&verdicts), encode_answer(&verdicts))
    }
}

#[test]
fn every_vector_is_read_and_written_as_the_document_says() {
    let vectors = vectors(&document());
    assert_eq!(vectors.len(), 9, "a vector came or went");
    for vector in &vectors {
        let (text, written) = read_and_write(vector);
        assert_eq!(text, vector.text, "{}", vector.name);
        let expected = match &vector.in_version_1 {
            Some(name) => &vectors.iter().find(|vector| vector.name == *name).unwrap().bytes,
            None => &vector.bytes,
        };
        assert_eq!(written, *expected, "{}", vector.name);
    }
}

/// The comments count positions; a line that was edited shows here.
#[test]
fn positions_beside_the_bytes_are_right() {
    for section in document().split("\n### ").filter(|section| section.contains("```hex\n")) {
        let mut position = 0;
        for line in block(section, "hex").lines() {
            let (bytes, comment) = line.split_once("; ").unwrap();
            let said = comment.split_whitespace().next().unwrap().trim_start_matches("0x");
            assert_eq!(usize::from_str_radix(said, 16).unwrap(), position, "{line}");
            position += bytes.split_whitespace().count();
        }
    }
}

#[test]
fn every_wrong_answer_breaks_its_rule() {
    let document = document();
    let vectors = vectors(&document);
    let good = vectors.iter().find(|vector| vector.name == "answer-each-verdict").unwrap();
    let (_, table) = document.split_once("\n### Wrong answers\n").unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| at ") || line.starts_with("| cut "))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let mut rules: Vec<&str> = rows.iter().map(|row| row[2]).collect();
    for row in &rows {
        let bytes = change(&good.bytes, row[1]);
        assert_ne!(bytes, good.bytes, "{row:?}");
        assert_eq!(decode_answer(&bytes, &good.lanes), Err(row[2]), "{row:?}");
    }
    rules.dedup();
    assert_eq!(rules, ["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11"]);
}

/// `cut to 0x10 bytes`, or `at 0x10 put 01 02`.
fn change(bytes: &[u8], change: &str) -> Vec<u8> {
    let position = change.split_whitespace().find_map(|word| word.strip_prefix("0x")).unwrap();
    let at = usize::from_str_radix(position, 16).unwrap();
    let mut bytes = bytes.to_vec();
    match change.split_once(" put ") {
        Some((_, put)) => {
            let put = hex(put);
            bytes.splice(at..at + put.len(), put);
        }
        None => bytes.truncate(at),
    }
    bytes
}

/// Whatever a byte is changed to, a reader answers or refuses, and what it reads it can write.
#[test]
fn no_changed_byte_does_harm() {
    for vector in vectors(&document()) {
        for at in 0..vector.bytes.len() {
            for value in [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff] {
                let mut bytes = vector.bytes.clone();
                bytes[at] = value;
                if vector.name.starts_with("frame-") {
                    if let Ok(events) = decode_frame(&bytes) {
                        assert_eq!(decode_frame(&encode_frame(&events)), Ok(events), "{} {at}", vector.name);
                    }
                } else if let Ok(verdicts) = decode_answer(&bytes, &vector.lanes) {
                    let again = decode_answer(&encode_answer(&verdicts), &vector.lanes);
                    assert_eq!(again, Ok(verdicts), "{} {at}", vector.name);
                }
            }
            let cut = &vector.bytes[..at];
            assert!(decode_frame(cut).is_err() && decode_answer(cut, &vector.lanes).is_err());
        }
    }
}
