//! How long an instance is used: until something goes wrong in it, for about so many events, until its memory has grown
//! too far, or for one event.
//!
//! Needs no broker, but what `make build` leaves.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use sandbus::app::handlers;
use sandbus::config::Config;
use sandbus::delivery::ports::{Ran, Tried, Try};
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::event::{Event, RecordBuilder};
use sandbus::sandbox::Sandbox;
use sandbus::sandbox::pool::Worker;
use sandbus::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use sandbus::sandbox::state::HandlerSettings;
use tokio::runtime::Runtime;

struct Silent;

impl GuestSink for Silent {
    fn log(&self, _: Option<&Try>, _: LogLevel, _: &str) {}

    fn metric(&self, _: &GuestMetric<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The probe, which says in what it publishes which instance had an event. The runtime ends last.
struct Probe {
    worker: Worker,
    _sandbox: Sandbox,
    runtime: Runtime,
}

impl Probe {
    fn start(keys: &str, typed: bool) -> Probe {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/components");
        let file = toml::Value::String(folder.join("probe-rust.wasm").to_str().unwrap().to_owned());
        let text = format!(
            "[handlers]\n[[handler]]\nname = \"probe\"\ncomponent = {file}\nconfig.results = \"seen\"\n\
             grants.publish = [\"seen\"]\n{keys}\n"
        );
        let config = Config::from_text(&text, &folder.join("none"), std::iter::empty::<(String, String)>());
        let config = config.unwrap_or_else(|error| panic!("{error}\nrun `make build` first"));
        let handler = config.handlers.first().unwrap();
        let settings = Arc::new(HandlerSettings { typed, ..HandlerSettings::new(handler, Arc::new(Silent)) });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sandbox = Sandbox::new(4, 20_000).unwrap();
        let loaded = runtime.block_on(handlers::load_one(&sandbox, handler, settings.clone()));
        let component = loaded.unwrap_or_else(|error| panic!("{error}")).component;
        Probe { worker: Worker::new(component, settings), _sandbox: sandbox, runtime }
    }

    fn batch(&mut self, scripts: &[&str]) -> Ran {
        let batch = scripts.iter().enumerate().map(|(offset, script)| {
            let mut record = RecordBuilder::new("t".into(), 0, offset as i64, 0);
            record.header(b"probe", Some(script.as_bytes()));
            let event = Event::decode(record.build()).unwrap();
            Try { id: DeliveryId::none(), attempt: 1, lane: None, event }
        });
        let batch = batch.collect();
        self.runtime.block_on(self.worker.run(batch))
    }

    /// The instance that had this event, which ends in an `ack`.
    #[track_caller]
    fn instance(&mut self, script: &str) -> String {
        instance_of(&self.batch(&[script]).tried[0])
    }
}

#[track_caller]
fn instance_of(tried: &Tried) -> String {
    let published = tried.outbox.first().unwrap_or_else(|| panic!("{:?}", tried.ending));
    let header = published.headers.iter().find(|(name, _)| name == b"probe_instance").unwrap();
    String::from_utf8(header.1.clone().unwrap()).unwrap()
}

#[test]
fn after_a_fault_it_is_another() {
    for typed in [true, false] {
        let mut probe = Probe::start("", typed);
        let first = probe.instance("ack");
        assert_eq!(probe.instance("ack"), first);
        // What is no fault changes nothing.
        for script in ["error:a:b", "retry", "skip", "dead-letter:x"] {
            probe.batch(&[script]);
        }
        assert_eq!(probe.instance("ack"), first);
        for script in ["trap", "alloc:100MiB", "recurse"] {
            let before = probe.instance("ack");
            probe.batch(&[script]);
            assert_ne!(probe.instance("ack"), before, "{script}");
        }
    }
}

#[test]
fn after_about_so_many_events_it_is_another() {
    for typed in [true, false] {
        let mut probe = Probe::start("reuse_events = 100", typed);
        let mut uses: Vec<(String, u32)> = Vec::new();
        while uses.len() < 13 {
            let instance = probe.instance("ack");
            match uses.last_mut() {
                Some((last, count)) if *last == instance => *count += 1,
                _ => uses.push((instance, 1)),
            }
        }
        // Without the last one, which is still used.
        uses.pop();
        assert!(uses.iter().all(|(_, count)| (90..=110).contains(count)), "{uses:?}");
        let counts: BTreeSet<_> = uses.iter().map(|(_, count)| count).collect();
        assert!(counts.len() > 2, "they end together: {uses:?}");
        let instances: BTreeSet<_> = uses.iter().map(|(instance, _)| instance).collect();
        assert_eq!(instances.len(), uses.len(), "one came back");

        // A batch counts as what is in it.
        let mut probe = Probe::start("reuse_events = 100", typed);
        let first = probe.instance("ack");
        probe.batch(&["ack"; 120]);
        assert_ne!(probe.instance("ack"), first);
        let mut probe = Probe::start("reuse_events = 0", typed);
        let first = probe.instance("ack");
        probe.batch(&["ack"; 1000]);
        assert_eq!(probe.instance("ack"), first);
    }
}

#[test]
fn when_its_memory_has_grown_too_far_it_is_another() {
    for typed in [true, false] {
        let mut probe = Probe::start("memory = \"64MiB\"", typed);
        let first = probe.instance("ack");
        assert_eq!(probe.instance("alloc:30MiB"), first);
        assert_eq!(probe.instance("ack"), first, "there was room");
        let mut probe = Probe::start("memory = \"64MiB\"", typed);
        let first = probe.instance("ack");
        assert_eq!(probe.instance("alloc:58MiB"), first);
        let second = probe.instance("ack");
        assert_ne!(second, first, "four fifths of its room are gone");
        // What the first event needs, the next ones will need as well.
        let mut probe = Probe::start("memory = \"64MiB\"", typed);
        let first = probe.instance("alloc:58MiB");
        assert_eq!(probe.instance("alloc:58MiB"), first);
        assert_eq!(probe.instance("ack"), first);
        let mut probe = Probe::start("memory = \"64MiB\"\nreuse_memory = 1", typed);
        let first = probe.instance("ack");
        assert_eq!(probe.instance("alloc:62MiB"), first);
        assert_eq!(probe.instance("ack"), first);
    }
}

#[test]
fn within_a_batch_of_calls_it_is_another_too() {
    let mut probe = Probe::start("memory = \"64MiB\"", true);
    let ran = probe.batch(&["ack", "alloc:58MiB", "ack"]);
    let instances: Vec<_> = ran.tried.iter().map(instance_of).collect();
    assert_eq!(instances[0], instances[1]);
    assert_ne!(instances[1], instances[2], "what leaks comes to its limit in the middle of an event");
}

#[test]
fn fresh_is_another_for_each_event() {
    for typed in [true, false] {
        let mut probe = Probe::start("isolation = \"fresh\"", typed);
        let instances: BTreeSet<_> = (0..20).map(|_| probe.instance("ack")).collect();
        assert_eq!(instances.len(), 20);
    }
}
