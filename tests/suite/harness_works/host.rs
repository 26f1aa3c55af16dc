//! The host as a process: started, watched, stopped, started again.

use sandbus_tests::{Connection, Deployment, Group, Record, Topic};

use super::SOON;

fn deployment(topic: &Topic, group: &Group) -> Deployment {
    let config = format!(
        r#"
        [kafka]
        bootstrap_servers = "{}"
        topics = ["{}"]
        consumer_group = "{}"

        [[handler]]
        name = "probe"
        component = "handlers/probe.wasm"
        "#,
        Connection::shared().bootstrap(),
        topic.name(),
        group.name(),
    );
    Deployment::new(&config).handler("probe", "probe-rust")
}

fn event(steps: &str) -> Record {
    Record::event("Tried", "{}").header("probe", steps)
}

#[test]
fn a_host_is_watched_through_its_life() {
    let connection = Connection::shared();
    let topic = Topic::create(&connection, 1);
    let group = Group::unique(&connection);
    let deployment = deployment(&topic, &group);

    let mut host = deployment.start();
    host.wait_ready(SOON);
    assert_eq!(host.get("/healthz").unwrap().status, 200);
    topic.write([event("log:hello from the guest;ack"), event("dead-letter:enough")]);
    host.log_line_containing("hello from the guest", SOON);
    let labels = [("handler_name", "probe")];
    host.wait_metric("kafka_eventbus_handler_invocations_total", &labels, 1.0, SOON);
    let dead = topic.dead_letters().read_count(1, SOON);
    assert_eq!(dead[0].header("dlq_reason"), Some("rejected"));
    assert_eq!(dead[0].header("dlq_error_message"), Some("enough"));
    assert_eq!(host.terminate(SOON).code(), Some(0));
    group.wait_committed_sum(&topic, 2, SOON);

    let mut host = deployment.start();
    host.wait_ready(SOON);
    topic.write([event("ack")]);
    host.wait_metric("kafka_eventbus_handler_invocations_total", &labels, 1.0, SOON);
    host.kill();
}

#[test]
fn a_host_that_ends_instead_of_getting_ready_is_a_failure_at_once() {
    let deployment = Deployment::new("[kafka]\nno_such_key = 1");
    let waiting = std::thread::spawn(move || deployment.start().wait_ready(100 * SOON));
    let panic = *waiting.join().unwrap_err().downcast::<String>().unwrap();
    assert_eq!(panic, "the host ended with exit status: 2 before it was ready");
}

#[test]
fn another_command_runs_where_the_configuration_is() {
    let deployment = Deployment::new("[kafka]\nno_such_key = 1");
    let finished = deployment.run(&["check", "-c", "sandbus.toml"], b"", SOON);
    assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains("kafka.no_such_key"), "{finished:?}");
}
