//! promtool accepts the rules, and every alert has a case that fires and one that does not.

use std::collections::BTreeSet;
use std::time::Duration;

use sandbus_tests::prometheus::{Release, deployed, promtool};
use sandbus_tests::{Prometheus, eventually};

use super::artifacts::{self, RULES};

const CASES: [&str; 2] = ["guide.test.yml", "sandbus.test.yml"];

#[test]
fn promtool_accepts_configuration_and_rules() {
    let folder = deployed("prometheus");
    let files = ["alerts.yml", "recording.yml", "otlp.yml", "semconv.yml"];
    for arguments in [&["check", "config", "prometheus.yml"][..], &[&["check", "rules"][..], &files[..]].concat()[..]] {
        let finished = promtool(&folder, arguments);
        assert!(finished.status.success(), "promtool {arguments:?}:\n{}{}", finished.stdout, finished.stderr);
    }
}

#[test]
fn every_alert_fires_when_it_has_to_and_only_then() {
    let folder = artifacts::tests("prometheus");
    let finished = promtool(&folder, &[&["test", "rules"][..], &CASES[..]].concat());
    assert!(finished.status.success(), "promtool:\n{}{}", finished.stdout, finished.stderr);

    let (mut fires, mut rests) = (BTreeSet::new(), BTreeSet::new());
    for file in CASES {
        let text = artifacts::read(&folder.join(file));
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (line, next) in lines.iter().zip(&lines[1..]) {
            if let Some(name) = line.strip_prefix("alertname: ") {
                let into = match *next {
                    "exp_alerts: []" => &mut rests,
                    "exp_alerts:" => &mut fires,
                    other => panic!("{file}: {name} is followed by {other:?}"),
                };
                into.insert(name.to_owned());
            }
        }
    }
    let prometheus = Prometheus::scraping(Release::Debian, &[], &RULES);
    let alerts: BTreeSet<String> =
        artifacts::rules(&prometheus).into_iter().filter(|rule| rule.alert.is_some()).map(|rule| rule.name).collect();
    assert_eq!(fires, alerts, "alerts that fire in a case");
    assert_eq!(rests, alerts, "alerts that do not fire in a case");
}

#[test]
fn the_guides_alerts_are_all_there_and_load_as_they_are_written() {
    let prometheus = Prometheus::scraping(Release::Debian, &[], &["alerts.yml", &super::names::guide_alerts()]);
    let rules = artifacts::rules(&prometheus);
    let guide: Vec<_> = rules.iter().filter(|rule| rule.name.starts_with("KafkaEventBus")).collect();
    assert_eq!(guide.len(), 14, "seven in each file");
    eventually("all rules to be evaluated", Duration::from_secs(30), || {
        let bad: Vec<_> = prometheus.rules().into_iter().filter(|rule| rule["health"] != "ok").collect();
        if bad.is_empty() { Ok(()) } else { Err(format!("{bad:#?}")) }
    });
}
