//! All queries that there are: of the guide, the dashboard, the documentation and the rules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sandbus_tests::Prometheus;
use sandbus_tests::prometheus::deployed;
use serde_json::Value;

use super::promql::text;

/// The rules that are evaluated where hosts are scraped.
pub(super) const RULES: [&str; 3] = ["alerts.yml", "recording.yml", "semconv.yml"];
/// What Grafana puts in place of its variables, in a test.
const VARIABLES: [(&str, &str); 3] = [("$__rate_interval", "5m"), ("$__range", "1h"), ("$handler", ".*")];

/// A query, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) place: String,
    pub(super) text: String,
    /// Texts of the same place that name labels.
    pub(super) legends: Vec<String>,
}

/// A rule as Prometheus has understood it.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) query: String,
    pub(super) labels: BTreeMap<String, String>,
    /// Of an alert: its annotations.
    pub(super) alert: Option<BTreeMap<String, String>>,
}

/// The guide's queries and panels.
pub(super) fn guide() -> Vec<Query> {
    let guide = json(&tests("prometheus/guide.json"));
    let of = |key: &str| {
        let queries = guide[key].as_array().unwrap_or_else(|| panic!("{key} in guide.json")).clone();
        queries.into_iter().map(move |query| Query {
            place: format!("the guide: {}", text(&query["title"])),
            text: text(&query["query"]).to_owned(),
            legends: vec![],
        })
    };
    of("queries").chain(of("panels")).collect()
}

/// Every target of every panel of the dashboard.
pub(super) fn dashboard() -> Vec<Query> {
    let dashboard = dashboard_json();
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut queries = vec![];
    for panel in panels {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let mut query = text(&target["expr"]).to_owned();
            for (variable, value) in VARIABLES {
                query = query.replace(variable, value);
            }
            queries.push(Query {
                place: format!("the dashboard: {}", text(&panel["title"])),
                text: query,
                legends: vec![text(&target["legendFormat"]).to_owned()],
            });
        }
    }
    queries
}

/// The dashboard as Grafana imports it.
pub(super) fn dashboard_json() -> Value {
    json(&deployed("grafana/sandbus.json"))
}

/// The blocks of PromQL in docs/metrics.md.
pub(super) fn documented() -> Vec<Query> {
    let page = read(&tests("../docs/metrics.md"));
    let blocks = page.split("```promql\n").skip(1).map(|rest| rest.split("```").next().expect("a first part"));
    blocks.map(|block| Query { place: "docs/metrics.md".to_owned(), text: block.to_owned(), legends: vec![] }).collect()
}

/// The rules that `prometheus` has loaded.
pub(super) fn rules(prometheus: &Prometheus) -> Vec<Rule> {
    let map = |value: &Value| -> BTreeMap<String, String> {
        let entries = value.as_object().into_iter().flatten();
        entries.map(|(name, value)| (name.clone(), text(value).to_owned())).collect()
    };
    let rules = prometheus.rules().into_iter().map(|rule| Rule {
        name: text(&rule["name"]).to_owned(),
        query: text(&rule["query"]).to_owned(),
        labels: map(&rule["labels"]),
        alert: (rule["type"] == "alerting").then(|| map(&rule["annotations"])),
    });
    rules.collect()
}

/// A path inside the tests' folder.
pub(super) fn tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(super) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
