//! Tries after the first: their number, and the waits before them.

use sandbus_tests::Host;

use super::super::stage::{Probe, Stage, event};
use super::{ERRORS, INVOCATIONS, assert_none, failed_at, sum};

/// In milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

#[test]
fn a_failed_event_is_tried_again_and_knows_which_try_it_is() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write([
        event("asked", "until:3:retry"),
        event("failed", "until:4:error:Busy:later"),
        event("both", "until:2:retry;until:3:error:Busy:later;skip"),
    ]);
    stage.wait_final(3);

    let mut tries: Vec<_> = stage.acks().iter().map(|ack| (ack.key(), ack.attempt)).collect();
    tries.sort();
    assert_eq!(tries, [("asked".to_owned(), 3), ("failed".to_owned(), 4)]);
    assert_eq!(sum(&host, INVOCATIONS), 3.0);
    let metrics = host.metrics();
    let errors = |kind| metrics.sum(ERRORS, &[("handler_name", "probe"), ("error_type", kind)]);
    assert_eq!((errors("retry"), errors("Busy")), (Some(3.0), Some(4.0)));
    assert_eq!(sum(&host, "sandbus_handler_retries_total"), 7.0);
    assert_none(&stage.topic.dead_letters());
}

#[test]
fn a_handlers_own_wait_goes_before_the_configured_one() {
    let probe = Probe::named("probe").line("retry_base_delay = \"300s\"");
    let stage = Stage::new(1).probe(probe);
    let host = stage.start();
    stage.topic.write([event("a", "until:2:retry:250ms")]);
    stage.wait_final(1);
    let waits = waits(&host, &stage);
    assert!(waits[0] >= 250, "{waits:?} ms");
}

#[test]
fn a_handlers_own_wait_is_cut_to_the_longest() {
    let probe = Probe::named("probe").line("retry_base_delay = \"300ms\"\nretry_max_delay = \"300ms\"");
    let stage = Stage::new(1).probe(probe);
    let host = stage.start();
    stage.topic.write([event("a", "until:2:retry:3600s")]);
    stage.wait_final(1);
    let waits = waits(&host, &stage);
    assert!(waits[0] >= 300, "{waits:?} ms");
}

#[test]
fn waits_double_up_to_the_longest() {
    let probe = Probe::named("probe").line("retry_base_delay = \"100ms\"\nretry_max_delay = \"300ms\"");
    let stage = Stage::new(1).probe(probe);
    let host = stage.start();
    stage.topic.write([event("a", "until:4:error:Busy:later")]);
    stage.wait_final(1);
    let waits = waits(&host, &stage);
    let least = [100, 200, 300];
    assert_eq!(waits.len(), least.len());
    assert!(waits.iter().zip(least).all(|(wait, least)| *wait >= least), "{waits:?} ms");
}

/// Milliseconds from each failed try's line in the log to the next such line, or to the ack: no less than the wait.
#[track_caller]
fn waits(host: &Host, stage: &Stage) -> Vec<i64> {
    let ack = stage.wait_acks(1).remove(0);
    let failures = (1..ack.attempt).map(|attempt| of_day(&failed_at(host, attempt)));
    // Kafka cuts the producer's clock to milliseconds.
    let acked = ack.record.timestamp.expect("a record of the host has a timestamp").rem_euclid(DAY) + 1;
    let times: Vec<i64> = failures.chain([acked]).collect();
    times.windows(2).map(|pair| (pair[1] - pair[0]).rem_euclid(DAY)).collect()
}

/// The time of a log line, `2026-01-31T23:59:59.123456Z`, in milliseconds since midnight.
#[track_caller]
fn of_day(timestamp: &str) -> i64 {
    let time = &timestamp[11..23];
    let parts: Vec<i64> = time.split([':', '.']).map(|part| part.parse().expect("digits")).collect();
    let [hours, minutes, seconds, milliseconds] = parts[..] else { panic!("{timestamp} is no time") };
    ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
}
