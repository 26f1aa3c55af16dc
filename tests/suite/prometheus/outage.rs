//! What the queries about connections say when a broker goes and comes back.

use sandbus_tests::prometheus::{Release, now};
use sandbus_tests::{Kafka, Prometheus, eventually};

use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

const ACTIVE: &str = "kafka_eventbus_connections_active";

#[test]
fn a_broker_that_goes_and_comes_back_is_one_disconnection() {
    let mut kafka = Kafka::start();
    let stage =
        Stage::on(&kafka.connection(), 1).property("reconnect.backoff.max.ms", "500").probe(Probe::named("probe"));
    let host = stage.start();
    stage.topic.write([event("a", "ack")]);
    stage.wait_final(1);
    // What is scraped before that would count as a time without connection.
    host.wait_metric(ACTIVE, &[], 1.0, SOON);
    let prometheus = Prometheus::scraping(Release::Debian, &[host.admin()], &["alerts.yml"]);
    let value = |query: &str| -> Result<f64, String> {
        let found = prometheus.query(query, now())?;
        match found.as_slice() {
            [sample] => Ok(sample.value),
            other => Err(format!("{query}: {other:?}")),
        }
    };
    let wait = |query: &str, wanted: &dyn Fn(f64) -> bool| {
        eventually(query, SOON, || {
            let value = value(query)?;
            if wanted(value) { Ok(value) } else { Err(value.to_string()) }
        })
    };
    wait(ACTIVE, &|value| value == 1.0);
    assert_eq!(value(&format!("avg_over_time({ACTIVE}[1h]) * 100")), Ok(100.0));
    assert_eq!(value(&format!("changes({ACTIVE}[1h])")), Ok(0.0));
    let errors = "sum(kafka_eventbus_connection_errors_total) or vector(0)";
    let before = value(errors).unwrap();

    kafka.stop();
    wait(ACTIVE, &|value| value == 0.0);
    // The guide's alert asks just this.
    assert_eq!(value(&format!("{ACTIVE} == 0")), Ok(0.0));
    wait(errors, &|value| value > before);
    wait("count(ALERTS{alertname=\"KafkaEventBusDisconnected\", alertstate=\"pending\"})", &|value| value == 1.0);

    kafka.start_again();
    wait(ACTIVE, &|value| value == 1.0);
    stage.topic.write([event("b", "ack")]);
    stage.wait_final(2);
    assert_eq!(value(&format!("changes({ACTIVE}[1h])")), Ok(2.0), "down and up");
    assert_eq!(value(&format!("resets({ACTIVE}[1h])")), Ok(1.0), "down alone");
    let uptime = value(&format!("avg_over_time({ACTIVE}[1h]) * 100")).unwrap();
    assert!((1.0..100.0).contains(&uptime), "{uptime}");
    wait("increase(kafka_eventbus_reconnections_total[1h])", &|value| value >= 1.0);
    assert!(value("increase(kafka_eventbus_rebalances_total[1h])").is_ok(), "it is there from the start");
}
