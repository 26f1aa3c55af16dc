//! A pool runs what is quick on the thread that asks, and hands over what is not, wherever it began.
//!
//! Needs no broker, but what `make build` leaves.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not there fails the test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use sandbus::app::handlers;
use sandbus::config::Config;
use sandbus::delivery::ports::{Instances as _, Ran, Try};
use sandbus::delivery::scheduler::DeliveryId;
use sandbus::delivery::verdict::{Ending, FaultKind};
use sandbus::event::{Event, RecordBuilder};
use sandbus::sandbox::Sandbox;
use sandbus::sandbox::pool::Pool;
use sandbus::sandbox::ports::{GuestMetric, GuestSink, LogLevel, Refusal};
use sandbus::sandbox::state::HandlerSettings;
use tokio::runtime::Runtime;

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(20);

struct Silent;

impl GuestSink for Silent {
    fn log(&self, _: Option<&Try>, _: LogLevel, _: &str) {}

    fn metric(&self, _: &GuestMetric<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Instances of the probe, and what they have reported. The runtime ends last.
struct Probe {
    pool: Pool,
    reports: Receiver<Ran>,
    _sandbox: Sandbox,
    _runtime: Runtime,
}

impl Probe {
    fn start(instances: u32) -> Probe {
        Self::in_sandbox(Sandbox::new(8, 20_000).unwrap(), instances)
    }

    fn in_sandbox(sandbox: Sandbox, instances: u32) -> Probe {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/components");
        let file = toml::Value::String(folder.join("probe-rust.wasm").to_str().unwrap().to_owned());
        let text = format!("[handlers]\n[[handler]]\nname = \"probe\"\ncomponent = {file}\ntimeout = \"500ms\"\n");
        let config = Config::from_text(&text, &folder.join("none"), std::iter::empty::<(String, String)>());
        let config = config.unwrap_or_else(|error| panic!("{error}\nrun `make build` first"));
        let handler = config.handlers.first().unwrap();
        let settings = Arc::new(HandlerSettings::new(handler, Arc::new(Silent)));
        let loaded = runtime.block_on(handlers::load_one(&sandbox, handler, settings.clone())).unwrap();
        let (reported, reports) = unbounded();
        let report = Arc::new(move |ran| reported.send(ran).unwrap());
        let pool = Pool::new(runtime.handle(), &loaded.component, &settings, instances, report);
        Probe { pool, reports, _sandbox: sandbox, _runtime: runtime }
    }

    fn reported(&self) -> Ran {
        self.reports.recv_timeout(SOON).unwrap_or_else(|_| panic!("nothing was reported"))
    }
}

/// One event with that script for the probe.
fn batch(script: &str) -> Vec<Try> {
    let mut record = RecordBuilder::new("t".into(), 0, 0, 0);
    record.header(b"probe", Some(script.as_bytes()));
    let event = Event::decode(record.build()).unwrap();
    vec![Try { id: DeliveryId::none(), attempt: 1, lane: None, event }]
}

fn ending(ran: &Ran) -> &Ending {
    ran.tried[0].ending.as_ref().unwrap()
}

#[test]
fn what_ends_at_once_is_answered_at_once() {
    let probe = Probe::start(1);
    for _ in 0..3 {
        let ran = probe.pool.run_here(batch("ack")).unwrap_or_else(|| panic!("it was handed over"));
        assert_eq!(*ending(&ran), Ending::Ack);
    }
    assert!(probe.reports.is_empty());
    probe.pool.run(batch("skip"));
    assert_eq!(*ending(&probe.reported()), Ending::Skip);
}

#[test]
fn what_waits_or_computes_for_long_goes_on_elsewhere() {
    let probe = Probe::start(1);
    for script in ["sleep:20ms;skip", "spin:40ms;skip"] {
        assert!(probe.pool.run_here(batch(script)).is_none(), "{script} held up who asked");
        assert_eq!(*ending(&probe.reported()), Ending::Skip, "{script}");
    }
    // The wall clock goes on there, too.
    assert!(probe.pool.run_here(batch("sleep:10s")).is_none());
    let ran = probe.reported();
    assert!(matches!(ending(&ran), Ending::Fault { kind: FaultKind::Timeout, .. }), "{:?}", ending(&ran));
}

#[test]
fn a_guest_waits_as_long_as_it_asks_and_hardly_longer() {
    let probe = Probe::start(1);
    let asked = Duration::from_millis(20);
    let waited: Vec<_> = (0..40)
        .map(|_| {
            probe.pool.run(batch("sleep:20ms"));
            probe.reported().tried[0].wall
        })
        .collect();
    assert!(waited.iter().all(|wall| *wall >= asked), "{waited:?}");
    // A timer of whole milliseconds never is so exact; a busy machine is now and then.
    let exact = waited.iter().filter(|wall| **wall < asked + Duration::from_micros(700)).count();
    assert!(exact >= 10, "{exact} of 40: {waited:?}");
}

#[test]
fn a_batch_waits_for_an_idle_instance_whoever_asked() {
    let probe = Probe::start(1);
    assert!(probe.pool.run_here(batch("sleep:50ms;skip")).is_none());
    assert!(probe.pool.run_here(batch("retry")).is_none(), "one instance runs two");
    probe.pool.run(batch("ack"));
    let endings: Vec<_> = (0..3).map(|_| ending(&probe.reported()).clone()).collect();
    assert_eq!(endings, [Ending::Skip, Ending::Retry(None), Ending::Ack]);
    assert!(probe.pool.run_here(batch("ack")).is_some(), "it is idle again");
}

#[test]
fn where_there_is_no_room_for_an_instance_it_is_waited_for() {
    // One of two still has the only place, as after a reload.
    let probe = Probe::in_sandbox(Sandbox::without_reserve(1, 20_000).unwrap(), 2);
    probe.pool.run(batch("sleep:200ms;trap"));
    probe.pool.run(batch("ack"));
    let first = probe.reports.recv_timeout(SOON).unwrap();
    assert!(matches!(first.tried[0].ending, Some(Ending::Fault { kind: FaultKind::Trap, .. })), "{first:?}");
    let second = probe.reports.recv_timeout(SOON).unwrap();
    assert_eq!(second.tried[0].ending, Some(Ending::Ack));
}
