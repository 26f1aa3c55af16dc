//! SIGHUP: what the configuration says of handlers holds without a restart, all of it or nothing.

use sandbus_tests::{Topic, eventually, names};

use super::{reconfigure, wait_generation};
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

#[test]
fn limits_filters_configuration_and_handlers_change_together() {
    let stage = Stage::new(2)
        .probe(Probe::named("changed").line("events = [\"Tried\"]"))
        .probe(Probe::named("removed"))
        .probe(Probe::named("same"));
    let mut host = stage.start();
    stage.topic.write((0..6).map(|number| event(&format!("key-{number}"), "ack")));
    stage.wait_final(6);
    assert_eq!(stage.wait_acks(18).len(), 18);
    // What a removed handler has not finished is waited for no more.
    stage.topic.write([event("stuck", "until:2:retry:500s")]);
    host.wait_metric("sandbus_handler_retries_total", &[("handler_name", "same")], 0.0, SOON);
    host.wait_metric("sandbus_handler_verdicts_total", &[("handler_name", "removed"), ("verdict", "retry")], 1.0, SOON);

    reconfigure(&mut host, |text| {
        let text = text.replace("name = \"removed\"", "name = \"added\"");
        text.replace("events = [\"Tried\"]", "events = [\"Other\"]\nmemory = \"32MiB\"")
    });
    wait_generation(&host, "changed", 2);
    wait_generation(&host, "added", 1);
    wait_generation(&host, "same", 1);
    let line = host.log_line_containing("the configuration was read again", SOON);
    for word in ["added", "changed", "removed"] {
        assert!(line.contains(&format!("\"{word}\":\"{word}\"")), "{line}");
    }
    assert!(host.log_line_containing("removed: nothing from here on waits for it", SOON).contains("\"offset\":"));
    assert!(host.log_line_containing("added: it is given what is read from here on", SOON).contains("\"offset\":"));
    let labels = [("handler_name", "removed")];
    host.wait_metric("sandbus_handler_abandoned_total", &labels, 1.0, SOON);
    assert_eq!(host.metrics().sum("sandbus_handler_info", &labels), None, "it is shown no more");

    stage.topic.write((0..6).map(|number| event(&format!("key-{number}"), "ack")));
    let acks = stage.wait_acks(18 + 12);
    let of = |handler: &str| acks.iter().filter(|ack| ack.handler == handler).count();
    assert_eq!((of("changed"), of("removed"), of("added"), of("same")), (6, 6, 6, 12));
}

#[test]
fn what_is_wrong_changes_nothing_and_is_said() {
    let stage = Stage::new(1).probe(Probe::named("one")).probe(Probe::named("two"));
    let mut host = stage.start();
    let cases = [
        // One handler is good, the other is not.
        ("name = \"one\"", "name = \"one\"\nmemory = \"32MiB\"\nmemroy = \"1MiB\"", "memroy"),
        ("name = \"one\"", "name = \"one\"\ngroup = \"own\"", "its `group` has changed, which needs a restart"),
        ("commit_interval = \"50ms\"", "commit_interval = \"60ms\"", "[delivery] has changed, which needs a restart"),
        ("[kafka]\n", "[kafka]\nauto_offset_reset = \"latest\"\n", "[kafka] has changed, which needs a restart"),
        (
            "[kafka.properties]\n",
            "[kafka.properties]\n\"linger.ms\" = \"7\"\n",
            "[kafka] has changed, which needs a restart",
        ),
        (
            "[delivery]\n",
            "[sandbox]\nmax_instances = 300\n[delivery]\n",
            "[sandbox] has changed, which needs a restart",
        ),
        (
            "[delivery]\n",
            "[telemetry]\nenable_tracing = false\n[delivery]\n",
            "[telemetry] has changed, which needs a restart",
        ),
        ("[admin]\n", "[admin]\ntoken = \"another\"\n", "[admin] has changed, which needs a restart"),
        (
            "name = \"two\"\ncomponent = \"handlers/probe.wasm\"",
            "name = \"two\"\ncomponent = \"sandbus.toml\"",
            "not a WebAssembly component",
        ),
    ];
    for (refused, (from, to, said)) in (1..).zip(cases) {
        reconfigure(&mut host, |text| {
            assert!(text.contains(from), "{from} is not in\n{text}");
            text.replacen(from, to, 1)
        });
        // One refusal for each, and one success where it is taken back.
        eventually(&format!("the log to say {said:?}"), SOON, || {
            let log = host.log();
            let refusals: Vec<_> = log.into_iter().filter(|line| line.contains("nothing has changed")).collect();
            match refusals.get(refused - 1) {
                Some(line) if line.contains(said) => Ok(()),
                _ => Err(refusals.join("\n")),
            }
        });
        reconfigure(&mut host, |text| text.replacen(to, from, 1));
        eventually("the log to say that it was read again", SOON, || {
            let read = host.log().iter().filter(|line| line.contains("the configuration was read again")).count();
            if read == refused { Ok(()) } else { Err(format!("{read} times, not {refused}")) }
        });
    }
    wait_generation(&host, "one", 1);
    wait_generation(&host, "two", 1);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    assert_eq!(stage.acks().len(), 2);
}

#[test]
fn a_group_of_its_own_and_a_topic_come_and_go() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let more = Topic::create_named(&stage.connection, &names::unique("more"), 1);
    let mut host = stage.start();
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    more.write([event("m", "ack")]);
    let own = format!(
        "\n[[handler]]\nname = \"own\"\ncomponent = \"handlers/probe.wasm\"\ngroup = \"own\"\ntopics = [{:?}]\n\
         [handler.config]\nresults = {results:?}\nname = \"own\"\n[handler.grants]\npublish = [{results:?}]\n",
        more.name(),
        results = stage.results.name(),
    );
    reconfigure(&mut host, |text| {
        let text = text.replacen(
            "component =",
            &format!("topics = [{:?}, {:?}]\ncomponent =", stage.topic.name(), more.name()),
            1,
        );
        text + &own
    });
    wait_generation(&host, "own", 1);
    // Both groups begin where `auto_offset_reset` says.
    let acks = stage.wait_acks(3);
    let of = |handler: &str| acks.iter().filter(|ack| ack.handler == handler).count();
    assert_eq!((of("probe"), of("own")), (2, 1));
    host.wait_ready(SOON);

    reconfigure(&mut host, |text| text.replace(&own, ""));
    host.log_line_containing("its group has no handler left", SOON);
    host.log_line_containing("\"message\":\"left\"", SOON);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(2);
    host.wait_ready(SOON);
}
