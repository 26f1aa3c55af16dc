//! What waits for a receiver that hangs is bounded in bytes, whatever events and handlers make long.

use std::net::{TcpListener, TcpStream};

use sandbus_tests::{Connection, Deployment, Record, Topic, names};

use super::super::delivery::stage::Stage;
use super::{SOON, sending_to};

const MIB: u64 = 1 << 20;
/// Of each event: its id, and a line of its handler.
const LONG: usize = 120_000;
const EVENTS: usize = 1400;
/// What docs/tracing.md promises of spans and lines.
const WAITING: u64 = 128 * MIB;

/// One that reports nothing: its results would be as large.
const PROBE: &str = "
[[handler]]
name = \"probe\"
component = \"handlers/probe.wasm\"
";

/// Takes connections, and never answers.
pub(super) fn hanging() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().collect::<Vec<std::io::Result<TcpStream>>>());
    port
}

/// The most memory of a host that has gone through all events of the topic.
#[track_caller]
fn peak(topic: &Topic, results: &Topic, deployment: impl Fn(&Stage) -> Deployment) -> u64 {
    let stage = Stage::with(&Connection::shared(), topic.clone(), results.clone());
    let stage = stage.delivery("max_buffer = \"16MiB\"").handler(PROBE);
    let mut host = deployment(&stage).start();
    host.wait_ready(SOON);
    stage.wait_final(EVENTS as i64);
    // None is dropped: where there is a receiver, all of them wait, or are on their way.
    let dropped = host.metrics().sum("sandbus_telemetry_dropped_total", &[("reason", "queue_full")]);
    assert!(dropped.is_none_or(|dropped| dropped == 0.0), "{dropped:?}");
    host.peak_memory()
}

#[test]
fn long_ids_and_lines_do_not_fill_the_memory_while_the_receiver_hangs() {
    let connection = Connection::shared();
    let topic = Topic::create_with(&connection, &names::unique("long"), 1, &[("file.delete.delay.ms", "1000")]);
    let results = Topic::create_named(&connection, &names::unique("results"), 1);
    let long = "x".repeat(LONG);
    let record = |number| {
        let steps = format!("log:{long};skip");
        Record::event("Tried", "").header("event_id", format!("{number}-{long}")).header("probe", steps)
    };
    // In parts, because the writer's own queue holds all of what is given at once.
    for first in (0..EVENTS).step_by(100) {
        topic.write((first..first + 100).map(record));
    }
    let alone = peak(&topic, &results, Stage::deploy);
    let hangs = hanging();
    let sending = peak(&topic, &results, |stage| {
        sending_to(stage, &format!("http://127.0.0.1:{hangs}"))
            .env("SANDBUS_TELEMETRY__OTLP_PROTOCOL", "grpc")
            .env("SANDBUS_TELEMETRY__EXPORT_LOGS", "true")
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "120000")
    });
    let given = (LONG * EVENTS) as u64;
    println!("{} MiB, and {} MiB with ids and lines of {} MiB each", alone / MIB, sending / MIB, given / MIB);
    assert!(sending <= alone + WAITING, "{} MiB, of which {} MiB without", sending / MIB, alone / MIB);
    topic.delete();
}
