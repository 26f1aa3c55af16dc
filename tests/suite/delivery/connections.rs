//! Connections as metrics show them, while a broker goes away and comes back.

use sandbus_tests::{Host, Kafka};

use super::SOON;
use super::stage::{Probe, Stage, event};

fn total(host: &Host, name: &str) -> f64 {
    host.metrics().sum(&format!("kafka_eventbus_{name}_total"), &[]).unwrap_or_default()
}

#[test]
fn they_follow_a_broker_that_goes_away_and_comes_back() {
    let mut kafka = Kafka::start();
    let stage =
        Stage::on(&kafka.connection(), 1).property("reconnect.backoff.max.ms", "500").probe(Probe::named("probe"));
    let host = stage.start();
    let group = [("messaging_kafka_consumer_group", stage.group.name())];
    let active = |value: f64| host.wait_metric("kafka_eventbus_connections_active", &group, value, SOON);
    active(1.0);
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    assert_eq!(total(&host, "reconnections"), 0.0, "each broker was connected to once");
    for error in
        ["AllBrokersDown", "BrokerTransportFailure", "Resolve", "SSL", "Authentication", "SaslAuthenticationFailed"]
    {
        let labels = [("error_type", error)];
        let count = host.metrics().sum("kafka_eventbus_connection_errors_total", &labels);
        assert_eq!(count, Some(0.0), "{error} is there before the first");
    }

    for round in 1..=2 {
        let (errors, again) = (total(&host, "connection_errors"), total(&host, "reconnections"));
        kafka.stop();
        active(0.0);
        host.log_line_containing("Kafka cannot be reached", SOON);
        assert!(total(&host, "connection_errors") > errors, "round {round}");
        kafka.start_again();
        active(1.0);
        assert!(total(&host, "reconnections") > again, "round {round}");
    }
    let away =
        host.metrics().sum("kafka_eventbus_connection_errors_total", &[("error_type", "BrokerTransportFailure")]);
    assert!(away.is_some_and(|away| away > 0.0), "{away:?}");
    stage.topic.write([event("b", "ack")]);
    stage.wait_final(2);
}

#[test]
fn a_host_that_never_reached_kafka_says_so() {
    let nowhere = sandbus_tests::Connection::plaintext(&format!("127.0.0.1:{}", sandbus_tests::ports::free()));
    let topic = |name: &str| sandbus_tests::Topic::named(&nowhere, name);
    let stage = Stage::with(&nowhere, topic("orders"), topic("results")).probe(Probe::named("probe"));
    let host = stage.deploy().start();
    host.log_line_containing("Kafka does not answer", SOON);
    let group = [("messaging_kafka_consumer_group", stage.group.name())];
    host.wait_metric("kafka_eventbus_connections_active", &group, 0.0, SOON);
    assert!(host.metrics().named("kafka_eventbus_consumer_lag").is_empty());
}
