//! Metrics that arrive by OTLP: the recording rules give them the names of `/metrics`, with the same values and labels.

use sandbus_tests::prometheus::now;
use sandbus_tests::{Prometheus, Record, eventually};

use super::names::definitions;
use super::promql::{by_labels, stored_labels};
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage};

#[test]
fn the_rules_give_the_names_of_the_page_to_what_arrives_by_otlp() {
    let prometheus = Prometheus::receiving(&["otlp.yml", "alerts.yml", "recording.yml", "semconv.yml"]);
    let stage = Stage::new(1).probe(Probe::named("probe").line("max_retries = 0"));
    let mut host = stage
        .deploy()
        .env("SANDBUS_TELEMETRY__OTLP_ENDPOINT", &prometheus.otlp_endpoint())
        .env("OTEL_METRIC_EXPORT_INTERVAL", "250")
        .start();
    host.wait_ready(SOON);
    let event = |steps: &str| Record::event("Tried", "{}").header("probe", steps);
    stage.topic.write([
        event("ack"),
        event("error:Broken:it"),
        event("trap"),
        event("count:seen"),
        event("sleep:20ms"),
    ]);
    stage.wait_final(5);

    eventually("every series of the page to be there under its name", SOON, || {
        let page = host.metrics();
        // Job and instance are of the resource; the page is scraped, and has them from the target.
        let stored = by_labels(prometheus.query("{__name__=~\"(kafka_eventbus|sandbus)_.+\"}", now())?);
        // Without trouble these have no series: what errors will be called is not known.
        let missing: Vec<_> = definitions::ALL
            .iter()
            .filter(|definition| page.kind(&definition.prometheus_name()).is_none())
            .map(|definition| definition.name)
            .filter(|name| name.starts_with("kafka.eventbus.") && !name.contains("errors"))
            .collect();
        if !missing.is_empty() {
            return Err(format!("{missing:?} are not on the page"));
        }
        for sample in page.samples() {
            let found = stored.get(&stored_labels(sample));
            // Sums of seconds are added up by the page in another order.
            if found.is_none_or(|found| (found - sample.value).abs() > sample.value.abs() * 1e-12) {
                return Err(format!("{sample:?} is {found:?}"));
            }
        }
        Ok(())
    });
    let last = prometheus.query("sum(kafka_eventbus_handler_duration_count)", now()).unwrap();
    assert_eq!(last[0].value, 5.0);
    assert_eq!(host.terminate(SOON).code(), Some(0));
}
