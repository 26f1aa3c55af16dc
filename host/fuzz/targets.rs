//! What the border is fed with bytes from outside, whatever they are: it may refuse them, and not panic.
//!
//! Two drive these functions: libFuzzer, for as long as is wished (`make fuzz`, which needs a nightly compiler), and
//! `host/tests/fuzz.rs`, for some seconds in each run of the tests. Both begin with the files in `corpus/`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sandbus::config::{Config, redrive_topic};
use sandbus::delivery::dead_letter::letter::Letter;
use sandbus::delivery::incoming::Incoming;
use sandbus::delivery::partition::HandlerIndex;
use sandbus::delivery::ports::Try;
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::delivery::verdict::{Ending, FaultKind};
use sandbus::event::json_lines::{self, ParsedLine};
use sandbus::event::{Event, Record, RecordBuilder, redrive};
use sandbus::sandbox::Sandbox;
use sandbus::sandbox::component::Component;
use sandbus::sandbox::frame::read_answer;
use sandbus::sandbox::pool::Worker;
use sandbus::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use sandbus::sandbox::state::HandlerSettings;
use sandbus::telemetry::trace_context::TraceParent;
use tokio::runtime::{Builder, Runtime};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A target's name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 6] = [
    ("answer", answer),
    ("component", component),
    ("configuration", configuration),
    ("event", event),
    ("json_line", json_line),
    ("returned", returned),
];

/// Bytes as somebody wrote them, taken apart.
struct Pieces<'a>(&'a [u8]);

impl<'a> Pieces<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// As many bytes as the first one says, or none at all.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.byte();
        let (piece, rest) = self.0.split_at(usize::from(length).min(self.0.len()));
        self.0 = rest;
        (length != u8::MAX).then_some(piece)
    }

    fn number(&mut self) -> i64 {
        let bytes: [u8; 8] = std::array::from_fn(|_| self.byte());
        i64::from_le_bytes(bytes)
    }
}

fn plain(topic: &str) -> Event {
    let decoded = Event::decode(RecordBuilder::new(topic.into(), 0, 0, 0).build());
    decoded.unwrap_or_else(|undecodable| panic!("{}", undecodable.1))
}

/// An answer to up to eight events, whose lanes the first bytes choose.
pub fn answer(bytes: &[u8]) {
    let mut pieces = Pieces(bytes);
    let events = usize::from(pieces.byte() % 8) + 1;
    let event = plain("t");
    let run = |lane: u8| Try { id: DeliveryId::none(), attempt: 1, lane: Some(lane.into()), event: event.clone() };
    let batch: Vec<Try> = (0..events).map(|_| run(pieces.byte() % 4)).collect();
    let Ok(endings) = read_answer(pieces.0, &batch) else { return };
    assert_eq!(endings.len(), batch.len());
    for (index, ending) in endings.iter().enumerate() {
        let before = batch.iter().zip(&endings).take(index);
        let stopped = before
            .filter(|(run, ending)| run.lane == batch.get(index).and_then(|own| own.lane) && ending.is_some())
            .any(|(_, ending)| !matches!(ending, Some(Ending::Ack | Ending::Skip)));
        assert_eq!(ending.is_none(), stopped, "event {index} of {endings:?}");
    }
}

/// A record: its place, timestamp, key, value and headers.
fn record(pieces: &mut Pieces<'_>, topic: &str) -> Record {
    let (partition, offset) = (i32::from(pieces.byte()), pieces.number() & i64::MAX);
    let timestamp = Some(pieces.number()).filter(|millis| *millis >= 0);
    let mut record = RecordBuilder::new(topic.into(), partition, offset, 0).timestamp(timestamp);
    record = record.key(pieces.bytes()).value(pieces.bytes());
    while !pieces.0.is_empty() {
        let name = pieces.bytes().unwrap_or_default();
        record.header(name, pieces.bytes());
    }
    record.build()
}

/// A record of a topic, of a group's redrives, and of dead letters.
pub fn event(bytes: &[u8]) {
    let handlers = |name: &str| (name == "h").then(|| HandlerIndex::from(0_u16));
    for topic in ["t", &redrive_topic("t", "g"), "t.dlq"] {
        let record = record(&mut Pieces(bytes), topic);
        let _ = TraceParent::of(&record);
        let _ = TraceParent::is_unsampled(&record);
        let _ = redrive::handler_of(&record, "t");
        let _ = redrive::redriven(&record);
        let _ = Letter::of(&record);
        // What is printed of it is read as the same again.
        let line = json_lines::write(&record);
        let again = ParsedLine::parse(&line, None, None).unwrap_or_else(|error| panic!("{error}: {line}"));
        let again = again.into_record(0);
        assert!(again.key() == record.key() && again.value() == record.value(), "{line}");
        assert!(again.headers().eq(record.headers()), "{line}");
        match Incoming::of(record, "g", handlers) {
            Incoming::Event(event) | Incoming::Again(event, _) => {
                assert!((1..=256).contains(&event.event_type().len()), "{:?}", event.event_type());
                assert!(!event.id().is_empty());
                if topic == "t" {
                    both_ways(&event);
                }
            }
            Incoming::Undecodable(..) | Incoming::Mark(_) => {}
        }
    }
}

/// A line of JSON that should be an event.
pub fn json_line(bytes: &[u8]) {
    match ParsedLine::parse(&String::from_utf8_lossy(bytes), None, Some("t")) {
        Ok(parsed) => drop(json_lines::write(&parsed.into_record(0))),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A configuration, and, after a NUL, a variable of the environment.
pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, variable) = text.split_once('\0').unwrap_or((&*text, ""));
    let variable = variable.split_once('=').map(|(name, value)| (format!("SANDBUS_{name}"), value.to_owned()));
    // No such folder: nothing on this machine is looked at.
    let folder = PathBuf::from("/nowhere/at/all");
    if let Err(error) = Config::from_text(text, &folder, variable) {
        assert!(!error.to_string().is_empty());
    }
}

struct Silent;

impl GuestSink for Silent {
    fn log(&self, _: Option<&Try>, _: LogLevel, _: &str) {}

    fn metric(&self, _: &GuestMetric<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The probe, which publishes each event on as it sees it, by the typed way and by the packed way.
fn probes() -> &'static (Mutex<[Worker; 2]>, Runtime) {
    static PROBES: OnceLock<(Mutex<[Worker; 2]>, Runtime)> = OnceLock::new();
    PROBES.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = here.ancestors().map(|folder| folder.join("target/components/probe-rust.wasm"));
        let file = file.into_iter().find(|file| file.exists()).expect("a built probe: run `make build`");
        let text = format!(
            "[handlers]\n[[handler]]\nname = \"h\"\ncomponent = {file:?}\ntimeout = \"60s\"\ncpu_time = \"60s\"\n\
             [handler.config]\nresults = \"seen\"\n[handler.grants]\npublish = [\"seen\"]"
        );
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let sandbox = Sandbox::without_reserve(4, 20_000).expect("a sandbox");
        let worker = |typed| {
            let settings = HandlerSettings { typed, ..settings(&text, here) };
            let settings = Arc::new(settings);
            let component = runtime.block_on(sandbox.load(&file, &settings)).unwrap_or_else(|error| panic!("{error}"));
            Worker::new(Arc::new(component), settings)
        };
        (Mutex::new([worker(true), worker(false)]), runtime)
    })
}

/// What a handler sees of an event is the same by both ways, and so is what comes of it.
fn both_ways(event: &Event) {
    // It would wait, or compute, or end in a message that names a time.
    if event.record.headers().any(|(name, _)| name == b"probe") {
        return;
    }
    let (workers, runtime) = probes();
    let mut workers = workers.lock().unwrap_or_else(PoisonError::into_inner);
    let [typed, packed] = workers.each_mut().map(|worker| {
        let run = Try { id: DeliveryId::none(), attempt: 1, lane: None, event: event.clone() };
        let mut ran = runtime.block_on(worker.run(vec![run]));
        let tried = ran.tried.pop().expect("a try");
        let of_instance = |name: &[u8]| name == b"probe_instance" || name == b"probe_sequence";
        let published = tried.outbox.into_iter().map(|mut record| {
            record.headers.retain(|(name, _)| !of_instance(name));
            record
        });
        (tried.ending.expect("an ending"), published.collect::<Vec<_>>())
    });
    assert_eq!(typed, packed, "by the typed way and by the packed way");
    let seen = typed.1.first().map(|seen| (seen.key.as_deref(), seen.value.as_deref()));
    if typed.0 == Ending::Ack {
        assert_eq!(seen, Some((event.record.key(), event.record.value())));
    }
}

/// A guest that answers, by the typed way, with what stands in the event's value: where its verdict is, in four bytes, and
/// what stands from 1024 on.
fn puppet() -> Vec<u8> {
    let text = r#"(module
        (memory (export "memory") 2)
        (global $next (mut i32) (i32.const 16384))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and
                (i32.add (global.get $next) (i32.sub (local.get 2) (i32.const 1)))
                (i32.sub (i32.const 0) (local.get 2))))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            (local.get $at))
        (func (export "sandbus:handler/descriptor@0.1.0#describe") (result i32) (i32.const 32))
        (data (i32.const 32) "\40\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
        (data (i32.const 64) "\48\00\00\00\01\00\00\00*")
        (func (export "sandbus:handler/typed@0.1.0#handle") (param i32) (result i32)
            (if (i32.lt_u (i32.load offset=60 (local.get 0)) (i32.const 4)) (then unreachable))
            (memory.copy
                (i32.const 1024)
                (i32.add (i32.load offset=56 (local.get 0)) (i32.const 4))
                (i32.sub (i32.load offset=60 (local.get 0)) (i32.const 4)))
            (i32.load (i32.load offset=56 (local.get 0)))))"#;
    let mut module = wat::parse_str(text).expect("a module");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wit = here.ancestors().map(|folder| folder.join("wit")).find(|folder| folder.join("handler.wit").exists());
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit.expect("the contract")).expect("the contract");
    let world = resolve.select_world(&[package], Some("handler")).expect("its world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).expect("a world that fits");
    module
}

/// What a guest returns by the typed way, whatever it is.
pub fn returned(bytes: &[u8]) {
    static PUPPET: OnceLock<Arc<Component>> = OnceLock::new();
    let Loader { sandbox, runtime, settings, folder } = loader();
    let component = PUPPET.get_or_init(|| {
        let file = folder.path().join("puppet.wasm");
        std::fs::write(&file, puppet()).expect("a file");
        let loaded = runtime.block_on(sandbox.load(&file, settings));
        Arc::new(loaded.unwrap_or_else(|error| panic!("{error}")))
    });
    let record = RecordBuilder::new("t".into(), 0, 0, 0).value(Some(bytes)).build();
    let Ok(event) = Event::decode(record) else { return };
    let batch = vec![Try { id: DeliveryId::none(), attempt: 1, lane: None, event }];
    let ran = runtime.block_on(Worker::new(component.clone(), settings.clone()).run(batch));
    let [tried] = &ran.tried[..] else { panic!("{} tries", ran.tried.len()) };
    match tried.ending.as_ref().expect("an ending") {
        Ending::Fault { kind, message } => {
            assert!(
                matches!(kind, FaultKind::Trap | FaultKind::BadResult | FaultKind::ResultSize),
                "{kind}: {message}"
            );
        }
        ending => assert!(ending.message().chars().count() <= 1000),
    }
}

/// What components are loaded with.
struct Loader {
    sandbox: Sandbox,
    runtime: Runtime,
    settings: Arc<HandlerSettings>,
    folder: tempfile::TempDir,
}

/// Of the only handler of such a configuration.
fn settings(text: &str, folder: &Path) -> HandlerSettings {
    let config = Config::from_text(text, folder, std::iter::empty::<(String, String)>());
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    HandlerSettings::new(config.handlers.first().expect("a handler"), Arc::new(Silent))
}

fn loader() -> &'static Loader {
    static LOADER: OnceLock<Loader> = OnceLock::new();
    LOADER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let text = "[handlers]\n[[handler]]\nname = \"h\"\ncomponent = \"h.wasm\"\ncpu_time = \"50ms\"\ntimeout = \"1s\"\n\
                    memory = \"4MiB\"";
        std::fs::write(folder.path().join("h.wasm"), "").expect("a file");
        let settings = Arc::new(settings(text, folder.path()));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        Loader { sandbox: Sandbox::without_reserve(4, 20_000).expect("a sandbox"), runtime, settings, folder }
    })
}

/// A file that should be a handler. One that is gets an event.
pub fn component(bytes: &[u8]) {
    let Loader { sandbox, runtime, settings, folder } = loader();
    let thread = format!("{:?}.wasm", std::thread::current().id());
    let file = folder.path().join(thread);
    std::fs::write(&file, bytes).expect("a file");
    match runtime.block_on(sandbox.load(&file, settings)) {
        Ok(component) => {
            let batch = vec![Try { id: DeliveryId::none(), attempt: 1, lane: None, event: plain("t") }];
            let ran = runtime.block_on(Worker::new(Arc::new(component), settings.clone()).run(batch));
            assert_eq!(ran.tried.len(), 1);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
