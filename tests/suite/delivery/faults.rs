//! Guests that misbehave: each try ends in the fault that names what it did, and everybody else goes on.

use sandbus_tests::{Record, Topic, names};

use super::SOON;
use super::stage::{Probe, Stage, event};

const LIMITS: &str = "result = \"64KiB\"\nhostcall = \"128KiB\"\nlogs = 50\nlog_bytes = \"1KiB\"\npublishes = 4";

/// What the handler does, and which fault it is.
fn misbehaviour(outlet: &str) -> Vec<(Record, &'static str)> {
    let publish = |count| vec![format!("publish:{outlet}"); count].join(";");
    let large = format!("log:{}", "x".repeat(2000));
    let mut cases: Vec<_> = [
        ("sleep:30s", "timeout"),
        ("loop", "cpu_time"),
        ("spin:30s", "cpu_time"),
        ("alloc:100MiB", "memory"),
        ("recurse", "stack_overflow"),
        ("trap", "trap"),
        ("result:100KiB", "result_size"),
        ("log-flood:51", "log_quota"),
        (&large, "log_quota"),
        // The probe's own report is one more.
        (&publish(4), "publish_quota"),
    ]
    .map(|(steps, fault)| (event("one", steps), fault))
    .into();
    cases.push((event("one", "ack").value(vec![b'x'; 200_000]), "hostcall_bytes"));
    cases
}

#[test]
fn each_ends_in_the_fault_that_names_it_and_the_host_goes_on() {
    let stage = Stage::new(1);
    let outlet = Topic::create_named(&stage.connection, &names::unique("outlet"), 1);
    let limited = LIMITS.lines().fold(Probe::named("limited"), Probe::limit);
    let limited = limited
        .line("timeout = \"5s\"\ncpu_time = \"200ms\"\nmemory = \"8MiB\"\nmax_retries = 0\nquarantine_tries = 0")
        .publishes(outlet.name());
    let stage = stage.probe(limited).probe(Probe::named("other").line("events = [\"Other\"]").publishes(outlet.name()));
    let host = stage.start();

    let cases = misbehaviour(outlet.name());
    let within = format!("spin:1ms;alloc:1MiB;log-flood:20;publish:{0};publish:{0}", outlet.name());
    let other = Record::event("Other", "{}").key("other").header("probe", &within);
    // All in one lane: what follows a fault runs on the same handler, and has to pass.
    let records = cases.iter().flat_map(|(record, _)| [record.clone(), event("one", &within), other.clone()]);
    let count = stage.topic.write(records).len();
    stage.wait_final(count as i64);

    let dead = stage.topic.dead_letters().read();
    let faults: Vec<_> = dead.iter().map(|letter| letter.header("dlq_error_type").unwrap()).collect();
    let expected: Vec<_> = cases.iter().map(|(_, fault)| *fault).collect();
    assert_eq!(faults, expected);
    for letter in &dead {
        assert_eq!(letter.header("dlq_handler"), Some("limited"));
        assert_eq!(letter.header("dlq_reason"), Some("max_retries_exceeded"));
        assert!(!letter.header("dlq_error_message").unwrap().is_empty(), "{letter:?}");
    }
    for fault in &expected {
        let count = expected.iter().filter(|other| *other == fault).count() as f64;
        let labels = [("handler_name", "limited"), ("error_type", *fault)];
        host.wait_metric("kafka_eventbus_handler_errors_total", &labels, count, SOON);
        host.wait_metric("sandbus_handler_faults_total", &labels, count, SOON);
    }
    let acks = stage.acks();
    let of = |handler: &str| acks.iter().filter(|ack| ack.handler == handler).count();
    assert_eq!((of("limited"), of("other")), (2 * cases.len(), cases.len()));
    assert_eq!(host.get("/healthz").unwrap().status, 200);
}
