//! The probe as a whole, event by event.

use std::time::{Duration, Instant};

use sandbus_sdk::testing::{EventBuilder, Host, Outcome, event};
use sandbus_sdk::{Stop, Verdict};

use crate::Probe;

fn probe(script: &str) -> EventBuilder {
    event("Probed").header("probe", script)
}

fn run(script: &str) -> Outcome {
    Host::<Probe>::new().deliver(probe(script))
}

#[test]
fn without_steps_it_acks() {
    Host::<Probe>::new().deliver(event("Probed")).assert_ack();
    Host::<Probe>::new().deliver(event("Probed").null_header("probe")).assert_ack();
    run("").assert_ack();
    run("log:only this").assert_ack();
}

#[test]
fn it_wants_everything() {
    assert!(Host::<Probe>::new().wants("Whatever it is"));
}

#[test]
fn verdicts_are_as_told() {
    run("ack").assert_ack();
    run("skip").assert_skip();
    run("retry").assert_verdict(Verdict::retry());
    run("retry:250ms").assert_verdict(Verdict::retry_after(Duration::from_millis(250)));
    run("dead-letter:no: really").assert_verdict(Verdict::dead_letter("no: really"));
    let outcome = run("error:boom:it: broke");
    assert_eq!(outcome.assert_error("boom").message(), "it: broke");
}

#[test]
fn steps_run_in_order_and_the_first_verdict_ends_them() {
    let outcome = run("log:one;log:two;skip;log:three;nonsense");
    outcome.assert_skip();
    let lines: Vec<_> = outcome.logs().iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["one", "two"]);
}

#[test]
fn a_malformed_step_is_an_error_when_it_is_reached() {
    let outcome = run("log:before;ack; ack");
    outcome.assert_ack();
    let outcome = run("log:before;sleep:soon;ack");
    assert_eq!(outcome.assert_error("bad_step").message(), "sleep:soon");
    assert_eq!(outcome.logs().len(), 1);
    assert_eq!(run("log:a;").assert_error("bad_step").message(), "");
}

#[test]
fn a_header_that_is_no_text_is_a_malformed_step() {
    let outcome = Host::<Probe>::new().deliver(event("Probed").header("probe", *b"ack\xff"));
    assert_eq!(outcome.assert_error("bad_step").message(), "ack\u{fffd}");
}

#[test]
fn the_first_of_repeated_headers_counts() {
    let twice = probe("skip").header("probe", "trap");
    Host::<Probe>::new().deliver(twice).assert_skip();
}

#[test]
fn until_runs_its_step_in_earlier_attempts_alone() {
    let mut host = Host::<Probe>::new();
    let script = probe("until:3:retry;until:4:error:late:x:y;ack");
    for attempt in [1, 2] {
        let outcome = host.deliver(script.clone().attempt(attempt));
        outcome.assert_verdict(Verdict::retry());
    }
    let outcome = host.deliver(script.clone().attempt(3));
    assert_eq!(outcome.assert_error("late").message(), "x:y");
    host.deliver(script.attempt(4)).assert_ack();
}

#[test]
fn until_goes_on_after_a_step_without_verdict() {
    let outcome = run("until:2:log:first;skip");
    outcome.assert_skip();
    assert_eq!(outcome.logs()[0].message, "first");
}

#[test]
fn spin_and_sleep_take_their_time() {
    for script in ["spin:20ms", "sleep:20ms"] {
        let start = Instant::now();
        run(script).assert_ack();
        assert!(start.elapsed() >= Duration::from_millis(20), "{script}");
    }
}

#[test]
#[should_panic(expected = "it broke")]
fn what_is_thrown_ends_the_try() {
    run("throw:it broke;ack");
}

#[test]
#[should_panic(expected = "trap")]
fn trap_ends_the_try() {
    run("trap;ack");
}

#[test]
fn alloc_frees_what_it_took_and_goes_on() {
    run("alloc:16MiB;alloc:0;skip").assert_skip();
}

#[test]
fn result_is_an_answer_of_that_size() {
    let outcome = run("result:1MiB;trap");
    let Ok(Verdict::DeadLetter(reason)) = outcome.result() else {
        panic!("{outcome:?}");
    };
    assert_eq!(reason.len(), 1 << 20);
}

#[test]
fn log_flood_writes_so_many_lines() {
    let outcome = run("log-flood:1000;skip");
    outcome.assert_skip();
    assert_eq!(outcome.logs().len(), 1_000);
    assert_eq!(outcome.logs()[999].to_string(), "info: log-flood 1000");
}

#[test]
fn log_count_and_publish_use_the_imports() {
    let mut host = Host::<Probe>::new().grant("copies");
    let script = probe("log:hello;count:seen;publish:copies");
    let outcome = host.deliver(script.key("k").value([0xff]).null_header("n"));
    outcome.assert_ack();
    assert_eq!(outcome.logs()[0].to_string(), "info: hello");
    assert_eq!(outcome.counter("seen"), 1);
    let [copy] = outcome.published() else {
        panic!("{outcome:?}");
    };
    assert_eq!(copy.key.as_deref(), Some(&b"k"[..]));
    assert_eq!(copy.value.as_deref(), Some(&[0xff][..]));
    let names: Vec<_> = copy.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["event_type", "probe", "n"]);
    assert_eq!(copy.headers[2].1, None);
}

#[test]
fn a_refused_import_is_an_error_of_its_code() {
    run("publish:elsewhere;skip").assert_error("denied");
    run("publish:no topic").assert_error("bad_topic");
    run("count:Not-A-Name").assert_error("bad_name");
}

#[test]
fn results_tell_who_had_the_event() {
    let mut host =
        Host::<Probe>::new().config("results", "probe.results").config("name", "first").grant("probe.results");
    let seen = event("Probed").topic("t").partition(2).offset(40).attempt(3);
    let outcome = host.deliver(seen.key("k").value("v").header("other", "x"));
    outcome.assert_ack();
    let [result] = outcome.published() else {
        panic!("{outcome:?}");
    };
    assert_eq!(result.topic, "probe.results");
    assert_eq!(result.key.as_deref(), Some(&b"k"[..]));
    assert_eq!(result.value.as_deref(), Some(&b"v"[..]));
    let headers: Vec<_> = result
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), std::str::from_utf8(value.as_deref().unwrap()).unwrap()))
        .collect();
    let instance = result.header("probe_instance").unwrap();
    assert_eq!(
        headers,
        [
            ("probe_handler", "first"),
            ("probe_topic", "t"),
            ("probe_partition", "2"),
            ("probe_offset", "40"),
            ("probe_attempt", "3"),
            ("probe_instance", instance),
            ("probe_sequence", "1"),
            ("probe_language", "rust"),
            ("probe_build", option_env!("PROBE_BUILD").unwrap_or("dev")),
        ]
    );
}

#[test]
fn an_instance_keeps_its_number_and_counts_its_events() {
    let mut host = Host::<Probe>::new().config("results", "r").grant("r");
    let mut seen = |script: &str| {
        let outcome = host.deliver(probe(script));
        let header = |name: &str| outcome.sent()[0].header(name).map(str::to_owned);
        assert_eq!(header("probe_handler"), None);
        (header("probe_instance").unwrap(), header("probe_sequence").unwrap())
    };
    let (first, one) = seen("skip");
    let (second, two) = seen("error:a:b");
    assert_eq!(first, second);
    assert_eq!((one.as_str(), two.as_str()), ("1", "2"));
    host.restart();
    let outcome = host.deliver(probe("ack"));
    assert_ne!(outcome.sent()[0].header("probe_instance"), Some(first.as_str()));
    assert_eq!(outcome.sent()[0].header("probe_sequence"), Some("1"));
}

#[test]
fn results_keep_absent_keys_and_tombstones_absent() {
    let mut host = Host::<Probe>::new().config("results", "r").grant("r");
    let outcome = host.deliver(event("Probed"));
    let result = &outcome.published()[0];
    assert_eq!((&result.key, &result.value), (&None, &None));
    let outcome = host.deliver(event("Probed").key("").value(""));
    let result = &outcome.published()[0];
    assert_eq!((&result.key, &result.value), (&Some(vec![]), &Some(vec![])));
}

#[test]
fn only_an_ack_lets_the_result_out() {
    let mut host = Host::<Probe>::new().config("results", "r").grant("r");
    for script in ["skip", "retry", "dead-letter:x", "error:a:b", "nonsense"] {
        let outcome = host.deliver(probe(script));
        assert_eq!(outcome.sent().len(), 1, "{script}");
        assert_eq!(outcome.published().len(), 0, "{script}");
    }
    assert_eq!(host.deliver(probe("ack")).published().len(), 1);
}

#[test]
fn a_refused_result_is_an_error_before_any_step() {
    let mut host = Host::<Probe>::new().config("results", "r");
    let outcome = host.deliver(probe("log:a;ack"));
    outcome.assert_error("denied");
    assert!(outcome.logs().is_empty());
}

#[test]
fn a_script_can_be_run_for_any_event() {
    let event = event("Probed").build();
    assert_eq!(crate::run::script("skip", &event), Ok(Verdict::Skip));
    let stopped = crate::run::script("error:a:b", &event);
    assert!(matches!(stopped, Err(Stop::Error(_))));
}
