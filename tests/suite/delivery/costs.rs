//! What each handler costs, and how long events and their waiting take, as metrics show them.

use sandbus_tests::{Host, Topic, names};

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
