//! A guest that answers frames wrongly, or names events that are not there, is found out: none of the frame's events
//! is believed to have ended, several are charged with nothing, and one alone with the fault.
//!
//! No toolchain makes such a guest, so it is written by hand: a core module that always answers the same.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use sandbus::app::handlers;
use sandbus::config::Config;
use sandbus::delivery::ports::{Ran, Try};
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::delivery::verdict::{Ending, FaultKind};
use sandbus::event::{Event, RecordBuilder};
use sandbus::sandbox::Sandbox;
use sandbus::sandbox::pool::Worker;
use sandbus::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use sandbus::sandbox::state::HandlerSettings;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

struct Silent;

impl GuestSink for Silent {
    fn log(&self, _: Option<&Try>, _: LogLevel, _: &str) {}

    fn metric(&self, _: &GuestMetric<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// A module that calls `batch.at` with this index, if with any, and answers these bytes.
fn guest(at: Option<u32>, answer: &[u8]) -> Vec<u8> {
    let escaped = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "\\{byte:02x}").unwrap();
            text
        })
    };
    let numbers =
        |numbers: &[u32]| escaped(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
    let call = at.map(|index| format!("(call $at (i32.const {index}))")).unwrap_or_default();
    let text = format!(
        r#"(module
            (import "sandbus:handler/batch@0.1.0" "at" (func $at (param i32)))
            (memory (export "memory") 4)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
            (func (export "sandbus:handler/packed@0.1.0#handle") (param i32 i32) (result i32) {call} (i32.const 16))
            (func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32) (i32.const 32))
            (data (i32.const 16) "{answered}")
            (data (i32.const 32) "{description}")
            (data (i32.const 64) "{pattern}*")
            (data (i32.const 1024) "{answer}"))"#,
        answered = numbers(&[1024, u32::try_from(answer.len()).unwrap()]),
        description = numbers(&[64, 1, 0, 0]),
        pattern = numbers(&[72, 1]),
        answer = escaped(answer),
    );
    let mut module = wat::parse_str(text).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).unwrap();
    let world = resolve.select_world(&[package], Some("packed-handler")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    module
}

/// An answer of verdicts with these codes and nothing else.
fn answer(codes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(24 + 32 * codes.len()).unwrap();
    let mut bytes = b"SBVD\x01\x00\x18\x00\x20\x00\x00\x00".to_vec();
    bytes.extend(u32::try_from(codes.len()).unwrap().to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend([0; 4]);
    for code in codes {
        bytes.extend([*code, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0; 8]);
        bytes.extend([0, 0, 0, 0, 255, 255, 255, 255].repeat(2));
    }
    bytes
}

/// Gives that many events, each of a lane of its own, to such a guest, in one frame.
fn run(guest: &[u8], events: i64) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guest.wasm");
    std::fs::write(&file, guest).unwrap();
    let path = toml::Value::String(file.to_str().unwrap().to_owned());
    let text = format!("[handlers]\n[[handler]]\nname = \"guest\"\ncomponent = {path}\n");
    let config = Config::from_text(&text, &folder.path().join("none"), std::iter::empty::<(String, String)>());
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let handler = config.handlers.first().unwrap();
    let settings = Arc::new(HandlerSettings::new(handler, Arc::new(Silent)));
    let sandbox = Sandbox::new(4, 20_000).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let loaded = runtime.block_on(handlers::load_one(&sandbox, handler, settings.clone()));
    let component = loaded.unwrap_or_else(|error| panic!("{error}")).component;
    let batch = (0..events).map(|offset| {
        let event = Event::decode(RecordBuilder::new("t".into(), 0, offset, 0).build()).unwrap();
        Try { id: DeliveryId::none(), attempt: 1, lane: None, event }
    });
    let batch = batch.collect();
    runtime.block_on(Worker::new(component, settings).run(batch))
}

#[test]
fn a_guest_by_hand_is_a_guest() {
    let ran = run(&guest(Some(1), &answer(&[1, 2])), 2);
    let endings: Vec<_> = ran.tried.iter().map(|tried| tried.ending.clone()).collect();
    assert_eq!((endings, ran.fault), (vec![Some(Ending::Ack), Some(Ending::Skip)], None));
}

#[test]
fn what_is_wrong_charges_one_alone_and_none_of_several() {
    let mut cut = answer(&[1]);
    cut.pop();
    let mut frame = answer(&[1]);
    frame[..4].copy_from_slice(b"SBEV");
    let wrong: [(Option<u32>, Vec<u8>, &str); 7] = [
        (None, vec![], "rule A1"),
        (None, frame, "rule A1"),
        (None, cut, "rule A4"),
        (None, answer(&[1, 1, 1]), "rule A5"),
        (None, answer(&[0]), "rule A7"),
        (None, answer(&[6]), "rule A11"),
        (Some(9), answer(&[1]), "9"),
    ];
    for (at, bytes, message) in wrong {
        let ran = run(&guest(at, &bytes), 1);
        let Some(Ending::Fault { kind: FaultKind::BadResult, message: found }) = &ran.tried[0].ending else {
            panic!("{message}: {:?}", ran.tried[0].ending);
        };
        assert!(found.contains(message), "{found:?} does not say {message:?}");
        assert!(ran.fault.is_none());
    }
    for (at, bytes) in [(None, vec![]), (None, answer(&[1])), (None, answer(&[1, 7])), (Some(2), answer(&[1, 1]))] {
        let ran = run(&guest(at, &bytes), 2);
        assert!(ran.tried.iter().all(|tried| tried.ending.is_none()), "{:?}", ran.tried);
        assert_eq!(ran.fault.map(|(kind, _)| kind), Some(FaultKind::BadResult));
    }
}
