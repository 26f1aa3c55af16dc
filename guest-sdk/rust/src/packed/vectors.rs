//! Proves the reader and the writer by the test vectors of `docs/packed-frame.md`, and what happens
//! between them by handlers that are given frames.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Answer, Frame};
use crate::export::Instance;
use crate::testing::Recorder;
use crate::{Error, Event, Handler, Result, Verdict, config, host, log};

// === the document ===

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/packed-frame.md");
    std::fs::read_to_string(path).unwrap()
}

/// The bytes of a vector, and the text of what is in them.
fn vector(name: &str) -> (Vec<u8>, String) {
    let document = document();
    let is_meant = |section: &&str| section.split_whitespace().next() == Some(name);
    let section = document.split("\n### ").find(is_meant).unwrap();
    let block = |language: &str| {
        let (_, rest) = section.split_once(&format!("```{language}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    (hex(block("hex")), block("text").trim_end().to_owned())
}

/// Hex digits by the byte; what follows `;` is for people.
fn hex(text: &str) -> Vec<u8> {
    let lines = text.lines().map(|line| line.split(';').next().unwrap());
    lines.flat_map(str::split_whitespace).map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

fn show(bytes: Option<&[u8]>) -> String {
    let plain = |byte: &u8| (b' '..=b'~').contains(byte) && !matches!(byte, b'"' | b'\\');
    match bytes {
        None => "absent".to_owned(),
        Some([]) => "empty".to_owned(),
        Some(bytes) if bytes.iter().all(plain) => format!("\"{}\"", str::from_utf8(bytes).unwrap()),
        Some(bytes) => bytes.iter().fold("bytes".to_owned(), |shown, byte| format!("{shown} {byte:02x}")),
    }
}

/// What a handler sees of a frame, in the words of the document.
fn show_frame(frame: Frame) -> String {
    let (count, lanes) = (frame.count(), frame.lanes());
    let plural = |count, noun| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let mut shown = format!("frame of {} in {}", plural(count, "event"), plural(lanes, "lane"));
    let mut event = Event::first_of(frame);
    for index in 0..count {
        let timestamp = event.timestamp().map_or("absent".to_owned(), |time| time.as_millis().to_string());
        write!(
            shown,
            "\nevent {index}: lane {}, attempt {}\n  topic \"{}\", partition {}, offset {}, timestamp {timestamp}\
             \n  type \"{}\"\n  id \"{}\"\n  key {}\n  value {}",
            event.lane(),
            event.attempt(),
            event.topic(),
            event.partition(),
            event.offset(),
            event.event_type(),
            event.id(),
            show(event.key()),
            show(event.value()),
        )
        .unwrap();
        for header in event.headers() {
            write!(shown, "\n  header \"{}\" {}", header.name(), show(header.value())).unwrap();
        }
        event.go_on();
    }
    shown
}

/// Every vector is in one of these two tests.
const FRAMES: [&str; 5] = ["frame-minimal", "frame-headers", "frame-tombstone", "frame-two-lanes", "frame-longer"];
const ANSWERS: [&str; 3] = ["answer-ack", "answer-each-verdict", "answer-two-lanes"];

#[test]
fn every_frame_is_read_as_the_document_says() {
    for name in FRAMES {
        let (bytes, text) = vector(name);
        assert_eq!(show_frame(Frame::read(bytes).unwrap()), text, "{name}");
    }
    // Beside these and the answers there is `answer-longer`, which a guest of version 1 never writes.
    assert_eq!(document().matches("```hex\n").count(), FRAMES.len() + ANSWERS.len() + 1);
}

#[test]
fn every_answer_is_written_as_the_document_says() {
    let ended: [&[Option<Result<Verdict, Error>>]; 3] = [
        &[Some(Ok(Verdict::Ack))],
        &[
            Some(Ok(Verdict::Ack)),
            Some(Ok(Verdict::Skip)),
            Some(Ok(Verdict::retry())),
            Some(Ok(Verdict::retry_after(Duration::from_millis(250)))),
            Some(Ok(Verdict::dead_letter("no such order"))),
            Some(Err(Error::new("Timeout", "upstream took 3 s"))),
            None,
        ],
        &[Some(Err(Error::new("Conflict", ""))), Some(Ok(Verdict::Ack)), None, Some(Ok(Verdict::Ack))],
    ];
    for (name, ended) in ANSWERS.into_iter().zip(ended) {
        let mut answer = Answer::to(ended.len());
        for ended in ended {
            match ended {
                Some(ended) => answer.push(ended),
                None => answer.push_not_run(),
            }
        }
        assert_eq!(answer.finish(), vector(name).0, "{name}");
    }
}

// === wrong frames ===

/// Reads all that a handler could, and what the SDK reads. Wrong frames give errors.
fn read_all(bytes: Vec<u8>) -> Result<(), super::Malformed> {
    let frame = Frame::read(bytes)?;
    let count = frame.count();
    let mut event = super::FrameEvent::first_of(frame);
    for _ in 0..count {
        let _ = (event.lane()?, event.attempt()?, event.partition()?, event.offset()?, event.timestamp()?);
        let _ = (event.topic()?, event.event_type()?, event.id()?, event.key()?, event.value()?);
        let mut headers = event.headers()?;
        while headers.next()?.is_some() {}
        event.headers()?.next_named("tag")?;
        event.go_on();
    }
    // Behind the last record there is data, or nothing: whatever is read there does no harm.
    let _ = (event.lane(), event.id().is_ok(), event.headers().is_ok());
    Ok(())
}

#[test]
fn wrong_frames_are_errors() {
    let (good, _) = vector("frame-headers");
    read_all(good.clone()).unwrap();
    let wrong: [(usize, &[u8], &str); 17] = [
        (0x00, b"SBVD", "magic or version"),
        (0x04, &[2, 0], "magic or version"),
        (0x06, &[16, 0], "a length is shorter"),
        (0x08, &[72, 0], "a length is shorter"),
        (0x0a, &[20, 0], "no multiple of 8"),
        (0x0c, &[0, 0], "no number of events"),
        (0x0c, &[0xff; 4], "its length is not the one it names"),
        (0x10, &[0xff; 4], "its length is not the one it names"),
        (0x14, &[0], "no number of events or lanes"),
        (0x14, &[2], "no number of events or lanes"),
        (0x18, &[1], "a lane is none"),
        (0x24, &[7], "a table of headers has another length"),
        (0x37, &[0x80], "a timestamp is before 1970"),
        (0x38, &[0x10, 0, 0, 0], "a reference does not lie within"),
        (0x38, &[0xff; 4], "a reference does not lie within"),
        (0x3c, &[0xff; 4], "a topic is absent"),
        (0x44, &[0xff; 4], "a type is absent"),
    ];
    for (at, put, problem) in wrong {
        let mut bytes = good.clone();
        bytes[at..at + put.len()].copy_from_slice(put);
        let found = read_all(bytes).unwrap_err();
        assert!(format!("{found:?}").contains(problem), "{at:#x}: {found:?}");
    }
}

#[test]
fn no_changed_byte_makes_the_reader_panic() {
    for name in FRAMES {
        let (good, _) = vector(name);
        for at in 0..good.len() {
            for value in [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                let _ = read_all(bytes);
            }
            read_all(good[..at].to_vec()).unwrap_err();
        }
    }
}

#[test]
#[should_panic(expected = "the host's frame breaks the contract: magic or version is unknown")]
fn a_wrong_frame_ends_the_instance() {
    let (mut bytes, _) = vector("frame-minimal");
    bytes[4] = 2;
    Instance::<Told>::new().run_frame(bytes);
}

// === handlers and frames ===

/// Does what the value of the event tells, and remembers its events.
#[derive(Default)]
struct Told {
    seen: Vec<Event>,
}

impl Handler for Told {
    const EVENTS: &'static [&'static str] = &["*"];

    fn handle(&mut self, event: &Event) -> Result {
        self.seen.push(event.clone());
        match event.text()? {
            "0" => Err(Error::new("Conflict", ""))?,
            "retry" => Ok(Verdict::retry()),
            "early" => Err(Verdict::Skip)?,
            "log" => {
                log::info!("a line");
                config::get("key");
                Ok(Verdict::Ack)
            }
            _ => Ok(Verdict::Ack),
        }
    }
}

/// `frame-two-lanes` with these values of one byte.
fn two_lanes(values: [u8; 4]) -> Vec<u8> {
    let (mut bytes, _) = vector("frame-two-lanes");
    for (index, value) in values.into_iter().enumerate() {
        let reference = 24 + 80 * index + 64;
        let at = u32::from_le_bytes(bytes[reference..reference + 4].try_into().unwrap());
        bytes[usize::try_from(at).unwrap()] = value;
    }
    bytes
}

fn codes(answer: &[u8]) -> Vec<u8> {
    let count = u32::from_le_bytes(answer[12..16].try_into().unwrap());
    (0..usize::try_from(count).unwrap()).map(|index| answer[24 + 32 * index]).collect()
}

#[test]
fn a_stopped_lane_stops_and_no_other() {
    let mut instance = Instance::<Told>::new();
    assert_eq!(instance.run_frame(two_lanes(*b"0123")), vector("answer-two-lanes").0);
    let offsets: Vec<u64> = instance.get_mut().unwrap().seen.iter().map(Event::offset).collect();
    assert_eq!(offsets, [10, 11, 13]);
    // The next frame begins with all lanes going.
    assert_eq!(codes(&instance.run_frame(two_lanes(*b"1111"))), [1, 1, 1, 1]);
    assert_eq!(codes(&instance.run_frame(two_lanes(*b"1001"))), [1, 5, 5, 6]);
}

#[test]
fn errors_of_the_event_and_of_the_handler_are_as_in_the_typed_way() {
    let answer = Instance::<Told>::new().run_frame(vector("frame-tombstone").0);
    assert_eq!(codes(&answer), [5]);
    assert!(answer.ends_with(b"tombstonethe event has no value (a tombstone)"));
}

#[test]
fn a_clone_of_an_event_outlives_its_frame() {
    let mut instance = Instance::<Told>::new();
    instance.run_frame(vector("frame-headers").0);
    instance.run_frame(vector("frame-longer").0);
    let [first, second] = instance.get_mut().unwrap().seen.as_slice() else { panic!("two events") };
    assert_eq!(first, second);
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    assert_eq!((first.id(), first.event_type(), first.header("tag").unwrap()), ("e-7", "OrderCreated", "a"));
    assert_eq!(first.headers_named("tag").count(), 3);
}

/// Logs two lines for each event with an odd offset, and nothing for others.
#[derive(Default)]
struct Odd;

impl Handler for Odd {
    const EVENTS: &'static [&'static str] = &["*"];

    fn handle(&mut self, event: &Event) -> Result {
        if event.offset() % 2 == 1 {
            log::info!("{}", event.id());
            config::get("key");
        }
        Ok(Verdict::Ack)
    }
}

#[test]
fn an_event_is_announced_once_and_only_if_it_calls() {
    let instance = Instance::<Odd>::new();
    let (recorder, answer) = host::record(Recorder::default(), || instance.run_frame(vector("frame-two-lanes").0));
    assert_eq!(codes(&answer), [1, 1, 1, 1]);
    assert_eq!(recorder.announced, [1, 3]);
    // What calls later is none of the frame's events.
    let (recorder, ()) = host::record(Recorder::default(), || log::info!("after"));
    assert_eq!(recorder.announced, [0; 0]);
}

#[test]
fn a_frame_of_one_event_needs_no_announcement() {
    let (mut bytes, _) = vector("frame-tombstone");
    bytes[24 + 16] |= 1;
    let (recorder, _) = host::record(Recorder::default(), || Instance::<Odd>::new().run_frame(bytes));
    assert_eq!(recorder.announced, [0; 0]);
}

/// An instance whose making calls an import, which counts for the first event.
struct Made;

impl crate::Create for Made {
    fn create() -> Result<Self, Error> {
        config::require::<String>("key")?;
        Ok(Self)
    }
}

impl Handler for Made {
    const EVENTS: &'static [&'static str] = &["*"];

    fn handle(&mut self, _: &Event) -> Result {
        Ok(Verdict::Skip)
    }
}

#[test]
fn an_instance_that_cannot_be_made_fails_each_event_that_it_would_have_had() {
    let instance = Instance::<Made>::new();
    let frame = || vector("frame-two-lanes").0;
    let (recorder, answer) = host::record(Recorder::default(), || instance.run_frame(frame()));
    assert_eq!(codes(&answer), [5, 5, 6, 6]);
    assert_eq!(recorder.announced, [0, 1]);
    let mut configured = Recorder::default();
    configured.config.insert("key".to_owned(), "v".to_owned());
    let (recorder, answer) = host::record(configured, || instance.run_frame(frame()));
    assert_eq!(codes(&answer), [2, 2, 2, 2]);
    assert_eq!(recorder.announced, [0]);
}
