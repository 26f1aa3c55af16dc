//! What happens between two scrapes, the first of its kind among it, is seen by who asks how much has come.

use sandbus_tests::prometheus::{Release, now};
use sandbus_tests::{Prometheus, eventually};

use super::artifacts::{self, RULES};
use crate::delivery::SOON;
use crate::delivery::stage::{Probe, Stage, event};

/// More than the alert bears.
const BURST: i64 = 150;
/// Of a count, near the end of a range that begins with 0: extrapolation goes half an interval beyond the last sample.
const EXTRAPOLATED: f64 = 0.05;

#[test]
fn the_first_dead_letters_are_seen_though_they_come_all_at_once() {
    let stage = Stage::new(1).probe(Probe::named("probe"));
    let host = stage.start();
    let prometheus = Prometheus::scraping(Release::Newest, &[host.admin()], &RULES);
    eventually("a scrape from before the burst", SOON, || {
        let found = prometheus.query("kafka_eventbus_messages_dlq_total{dlq_reason=\"rejected\"}", now())?;
        if found.iter().any(|sample| sample.value == 0.0) { Ok(()) } else { Err(format!("{found:?}")) }
    });
    stage.topic.write((0..BURST).map(|number| event(&number.to_string(), "dead-letter:no")));
    stage.wait_final(BURST);
    assert_eq!(stage.topic.dead_letters().read().len() as i64, BURST);

    let alert = artifacts::rules(&prometheus).into_iter().find(|rule| rule.name == "KafkaEventBusDLQAccumulating");
    let alert = alert.expect("the guide's alert");
    let burst = BURST as f64;
    eventually("the alert to see all of them", SOON, || {
        let found = prometheus.query(&alert.query, now())?;
        let seen = found.first().map(|sample| sample.value);
        let all = seen.is_some_and(|seen| (burst..burst * (1.0 + EXTRAPOLATED)).contains(&seen.round()));
        if all { Ok(()) } else { Err(format!("{found:?}")) }
    });
}
