//! What each handler costs, and how long events and their waiting take, as metrics show them.

use std::fs;

use sandbus_tests::{Host, StoredRecord, Topic, eventually, names};

use super::SOON;
use super::stage::{Probe, Stage, event};

fn of(host: &Host, name: &str, handler: &str) -> f64 {
    host.metrics().sum(&format!("sandbus_handler_{name}"), &[("handler_name", handler)]).unwrap_or(f64::NAN)
}

#[test]
fn an_event_takes_as_long_as_somebody_is_at_it() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 1"));
    let host = stage.start();
    // It waits for a second, in which nobody is at it, and works for a tenth of one, twice.
    stage.topic.write([event("a", "sleep:100ms;until:2:retry:1s")]);
    stage.wait_final(1);
    let topic = [("messaging_destination", stage.topic.name())];
    host.wait_metric("kafka_eventbus_consume_duration_count", &topic, 1.0, SOON);
    let metrics = host.metrics();
    let took = metrics.sum("kafka_eventbus_consume_duration_sum", &topic).unwrap();
    assert!((200.0..900.0).contains(&took), "{took} ms");
    assert_eq!(metrics.sum("sandbus_handler_queue_wait_count", &[("handler_name", "probe")]), Some(2.0));
    let waited = metrics.sum("sandbus_handler_queue_wait_sum", &[("handler_name", "probe")]).unwrap();
    assert!(waited < 500.0, "the wait for a retry is none: {waited} ms");
}

#[test]
fn memory_now_is_that_of_the_instances_that_exist() {
    let probe = |name: &str| Probe::named(name).line("concurrency = 1");
    let stage = Stage::new(1).probe(probe("kept")).probe(probe("fresh").line("isolation = \"fresh\""));
    let host = stage.start();
    for handler in ["kept", "fresh"] {
        assert_eq!(
            of(&host, "memory", handler),
            0.0,
            "{handler} has no instance yet, and that which described it is gone"
        );
    }
    let grown = 8.0 * 1024.0 * 1024.0;
    stage.topic.write([event("a", "alloc:8MiB")]);
    stage.wait_final(1);
    host.wait_metric("sandbus_handler_memory", &[("handler_name", "fresh")], 0.0, SOON);
    assert!(of(&host, "memory_peak", "fresh") >= grown);
    let kept = of(&host, "memory", "kept");
    assert!(kept >= grown, "{kept}");
    assert_eq!(kept, of(&host, "memory_peak", "kept"), "it is the only one, and memory never shrinks");

    stage.topic.write([event("a", "until:2:trap")]);
    stage.wait_final(2);
    let small = of(&host, "memory", "kept");
    assert!((65536.0..grown).contains(&small), "another has taken its place, which is small: {small}");
    host.wait_metric("sandbus_handler_memory", &[("handler_name", "fresh")], 0.0, SOON);
}

#[test]
fn what_a_handler_costs_stands_under_its_name() {
    let stage = Stage::new(1);
    let outlet = Topic::create_named(&stage.connection, &names::unique("outlet"), 1);
    let stage = stage
        .probe(Probe::named("busy").publishes(outlet.name()))
        .probe(Probe::named("fresh").line("isolation = \"fresh\"\nevents = [\"Nothing\"]"));
    let host = stage.start();
    for (name, handler) in [("retries_total", "busy"), ("dropped_total", "fresh"), ("abandoned_total", "fresh")] {
        assert_eq!(of(&host, name, handler), 0.0, "{name} is there before the first");
    }
    for fault in ["trap", "memory", "timeout"] {
        let labels = [("handler_name", "busy"), ("error_type", fault)];
        assert_eq!(host.metrics().sum("sandbus_handler_faults_total", &labels), Some(0.0));
    }
    let publish = format!("publish:{}", outlet.name());
    stage.topic.write((0..10).map(|n| event(&format!("key-{n}"), &publish)));
    stage.wait_final(10);
    // Another instance takes the place of one that trapped.
    stage.topic.write([event("a", "until:2:trap")]);
    stage.wait_final(11);
    let calls = [("handler_name", "busy"), ("import", "publish.send")];
    // Each ack lets a report out as well; the try that trapped has sent one before.
    host.wait_metric("sandbus_handler_hostcalls_total", &calls, 10.0 + 12.0, SOON);
    let metrics = host.metrics();
    assert!(metrics.sum("sandbus_handler_hostcall_time_total", &calls).is_some_and(|time| time > 0.0));
    assert!(of(&host, "cpu_time_total", "busy") > 0.0);
    let (instances, batches) = (of(&host, "instances_total", "busy"), of(&host, "batches_total", "busy"));
    assert!((2.0..=4.0).contains(&instances), "{instances} instances: two at most, and one for each that trapped");
    assert!((3.0..=12.0).contains(&batches), "{batches} batches");
    assert!(of(&host, "bytes_in_total", "busy") >= 12.0 * 10.0);
    assert!(of(&host, "bytes_out_total", "busy") >= 10.0);
    assert!(of(&host, "memory_peak", "busy") >= 65536.0);
    for name in ["in_flight", "waiting"] {
        host.wait_metric(&format!("sandbus_handler_{name}"), &[("handler_name", "busy")], 0.0, SOON);
    }
    assert_eq!(of(&host, "batches_total", "fresh"), 0.0);
}

/// CPU seconds so far, as the kernel counts them in hundredths: of all threads of a host, and of those that run tries.
fn cpu_of(host: &Host) -> [f64; 2] {
    let tasks = format!("/proc/{}/task", host.id());
    let tasks = fs::read_dir(&tasks).unwrap_or_else(|error| panic!("{tasks}: {error}"));
    // One that has ended meanwhile has run nothing of what is measured here.
    let stats = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
    let mut seconds = [0.0; 2];
    for stat in stats {
        // The name stands in brackets, may hold anything, and is followed by the state and numbers.
        let (begin, rest) = stat.rsplit_once(')').expect("a name");
        let ticks = rest.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number"));
        let own = ticks.sum::<f64>() / 100.0;
        seconds[0] += own;
        if ["(guest", "(engine"].iter().any(|name| begin.contains(name)) {
            seconds[1] += own;
        }
    }
    seconds
}

#[test]
fn cpu_time_is_what_the_kernel_counts_and_waiting_is_none() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("concurrency = 1"));
    let host = stage.start();
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    // Each spins until its time is up, whoever else has the processor meanwhile: so until it had it for a second.
    let (before, own_before) = (cpu_of(&host), of(&host, "cpu_time_total", "probe"));
    let since = || [0, 1].map(|of| cpu_of(&host)[of] - before[of]);
    let mut given = 1;
    while since()[1] < 1.0 {
        stage.topic.write((0..5).map(|_| event("a", "spin:200ms")));
        given += 5;
        stage.wait_final(given);
        assert!(given < 500, "{:?} s", since());
    }
    let ([process, tries], own) = (since(), of(&host, "cpu_time_total", "probe") - own_before);
    println!("{own} s of the handler, {tries} s of the threads that ran it, {process} s of the process");
    assert!(own <= tries + 0.05, "{own} s of {tries} s");
    assert!(own >= 0.9 * tries - 0.05, "{own} s of {tries} s");

    let own_before = of(&host, "cpu_time_total", "probe");
    stage.topic.write((0..5).map(|_| event("a", "sleep:200ms")));
    stage.wait_final(given + 5);
    let own = of(&host, "cpu_time_total", "probe") - own_before;
    assert!(own < 0.05, "{own} s");
    let labels = [("handler_name", "probe"), ("event_type", "Tried")];
    let took = host.metrics().sum("kafka_eventbus_handler_duration_sum", &labels).unwrap();
    assert!((2000.0..120_000.0).contains(&took), "five times 200 ms, twice at least: {took} ms");
}

/// Bytes of keys, values and headers.
fn payload<'a>(records: impl IntoIterator<Item = &'a StoredRecord>) -> f64 {
    let length = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
    let of = |record: &StoredRecord| {
        let headers: usize = record.headers.iter().map(|(name, value)| name.len() + length(value)).sum();
        length(&record.key) + length(&record.value) + headers
    };
    records.into_iter().map(of).sum::<usize>() as f64
}

#[test]
fn bytes_in_and_out_are_those_that_stand_in_the_topics() {
    let stage = Stage::new(1);
    let outlet = Topic::create_named(&stage.connection, &names::unique("outlet"), 1);
    let stage = stage.probe(Probe::named("probe").line("max_retries = 1").publishes(outlet.name()));
    let host = stage.start();
    let publish = format!("publish:{0};publish:{0}", outlet.name());
    stage.topic.write([
        event("a", &publish).header("tag", "1").header("tag", [0xc3, 0x28]).null_header("nothing"),
        event("", "skip").value(vec![0; 10_000]),
        // Given twice.
        event("c", "until:2:retry"),
        event("d", &format!("{publish};dead-letter:no")),
    ]);
    stage.wait_final(4);
    let given = stage.topic.read();
    let twice = given.iter().filter(|record| record.key.as_deref() == Some(b"c"));
    host.wait_metric("sandbus_handler_queue_wait_count", &[("handler_name", "probe")], 5.0, SOON);
    assert_eq!(of(&host, "bytes_in_total", "probe"), payload(given.iter().chain(twice)));
    let (results, outlet) = (stage.results.read(), outlet.read());
    assert_eq!((results.len(), outlet.len()), (2, 2), "what was not acknowledged is not let out");
    assert_eq!(of(&host, "bytes_out_total", "probe"), payload(results.iter().chain(&outlet)));
}

#[test]
fn what_runs_and_what_waits_for_an_instance_is_counted_now() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("concurrency = 1\nisolation = \"fresh\""));
    let host = stage.start();
    stage.topic.write((0..5).map(|n| event(&format!("key-{n}"), "sleep:3s")));
    eventually("one to run, and four to wait", SOON, || {
        match ["in_flight", "waiting"].map(|name| of(&host, name, "probe")) {
            [1.0, 4.0] => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    stage.wait_final(5);
    for name in ["in_flight", "waiting"] {
        host.wait_metric(&format!("sandbus_handler_{name}"), &[("handler_name", "probe")], 0.0, SOON);
    }
}

#[test]
fn a_batch_that_ends_in_a_fault_is_counted_once() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("concurrency = 1"));
    // There before the host is, so that they come together.
    let steps = |number| if number == 40 { "until:2:trap" } else { "skip" };
    stage.topic.write((0..64).map(|number| event(&format!("key-{number}"), steps(number))));
    let host = stage.start();
    stage.wait_final(64);
    let count = |name: &str, labels: &[(&str, &str)]| host.metrics().sum(name, labels).unwrap_or(f64::NAN);
    assert!(of(&host, "batches_total", "probe") < 64.0 + 2.0, "there were batches");
    assert_eq!(of(&host, "batch_faults_total", "probe"), 1.0);
    // The event alone traps once more, and then its next try goes well.
    assert_eq!(count("sandbus_handler_faults_total", &[("error_type", "trap")]), 1.0);
    assert_eq!(count("sandbus_handler_verdicts_total", &[("verdict", "skip")]), 63.0);
    assert_eq!(count("sandbus_handler_verdicts_total", &[("verdict", "ack")]), 1.0);
    assert_eq!(of(&host, "retries_total", "probe"), 1.0);
}

#[test]
fn what_a_partition_holds_is_what_stands_behind_its_watermark() {
    let stage = Stage::new(1).probe(Probe::named("probe").line("concurrency = 4"));
    let host = stage.start();
    let stuck = event("stuck", "until:2:retry:300s").value(vec![b'x'; 100_000]);
    stage.topic.write([event("a", "ack"), stuck]);
    stage.topic.write((0..8).map(|n| event(&format!("key-{n}"), "ack").value(vec![b'x'; 50_000])));
    let topic = [("messaging_destination", stage.topic.name())];
    host.wait_metric("kafka_eventbus_handler_invocations_total", &[("handler_name", "probe")], 9.0, SOON);
    host.wait_metric("sandbus_partition_held_events", &topic, 9.0, SOON);
    // Of those behind it, which are final, nothing; and what the host needs to know of a record besides.
    eventually("the bytes of the one that is not final", SOON, || {
        let bytes = host.metrics().sum("sandbus_partition_held_bytes", &topic).unwrap_or_default();
        if (100_000.0..101_000.0).contains(&bytes) { Ok(()) } else { Err(bytes) }
    });
}
