//! Nothing asks for a metric or a label that the host does not have.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use sandbus_tests::Prometheus;
use sandbus_tests::prometheus::Release;
use serde_json::Value;

use super::artifacts::{self, Query, RULES, Rule};
use super::promql::text;

// The definitions themselves, which know nothing else of the host: as a dependency, all of it would be linked in.
#[path = "../../../host/src/telemetry/definitions.rs"]
#[expect(dead_code, reason = "what is not about names")]
pub(crate) mod definitions;

use definitions::Kind;

type Names = BTreeSet<String>;

/// What Prometheus itself says of each target.
const OF_TARGETS: [&str; 3] = ["up", "scrape_duration_seconds", "scrape_samples_scraped"];
/// What handlers count has names and labels of their own.
const OF_GUESTS: &str = "sandbus_guest_";

/// Every series that there may be, with its labels.
fn known(prometheus: &Prometheus, rules: &[Rule]) -> BTreeMap<String, Names> {
    let target = ["instance", "job"].map(str::to_owned);
    let mut known: BTreeMap<String, Names> =
        OF_TARGETS.iter().map(|name| ((*name).to_owned(), Names::from(target.clone()))).collect();
    for definition in definitions::ALL {
        let labels: Names =
            definition.attributes.iter().map(|name| name.replace('.', "_")).chain(target.clone()).collect();
        let name = definition.prometheus_name();
        if definition.kind == Kind::Histogram {
            let with_bound = labels.iter().cloned().chain(["le".to_owned()]).collect();
            known.insert(format!("{name}_bucket"), with_bound);
            known.insert(format!("{name}_sum"), labels.clone());
            known.insert(format!("{name}_count"), labels);
        } else {
            known.insert(name, labels);
        }
    }
    for rule in rules.iter().filter(|rule| rule.alert.is_none()) {
        let mut labels = labels(&prometheus.parse(&rule.query), &known, &rule.name);
        labels.extend(rule.labels.keys().cloned());
        known.insert(rule.name.clone(), labels);
    }
    known
}

/// The labels that a query's answer may have. What it asks for has to be there.
#[track_caller]
fn labels(node: &Value, known: &BTreeMap<String, Names>, place: &str) -> Names {
    let list =
        |value: &Value| -> Names { value.as_array().into_iter().flatten().map(|name| text(name).to_owned()).collect() };
    match text(&node["type"]) {
        "vectorSelector" | "matrixSelector" => {
            let name = text(&node["name"]);
            let matchers = node["matchers"].as_array().into_iter().flatten();
            if name.is_empty() {
                let of_guests = matchers.clone().any(|matcher| {
                    text(&matcher["name"]) == "__name__" && text(&matcher["value"]).starts_with(OF_GUESTS)
                });
                assert!(of_guests, "{place}: a selector without a name that is not for {OF_GUESTS}: {node}");
                return ["__name__", "handler_name", "instance", "job"].map(str::to_owned).into();
            }
            let labels = known.get(name).unwrap_or_else(|| panic!("{place}: there is no metric {name}"));
            for matcher in matchers {
                let label = text(&matcher["name"]);
                assert!(label == "__name__" || labels.contains(label), "{place}: {name} has no label {label}");
            }
            labels.iter().cloned().chain(["__name__".to_owned()]).collect()
        }
        "aggregation" => {
            let inner = labels(&node["expr"], known, place);
            let grouping = list(&node["grouping"]);
            assert!(grouping.is_subset(&inner), "{place}: {grouping:?} are not all of {inner:?}");
            if node["without"] == true { inner.difference(&grouping).cloned().collect() } else { grouping }
        }
        "binaryExpr" => {
            let (left, right) = (labels(&node["lhs"], known, place), labels(&node["rhs"], known, place));
            let matching = &node["matching"];
            let (on, include) = (list(&matching["labels"]), list(&matching["include"]));
            let both: Names = left.intersection(&right).cloned().collect();
            assert!(on.is_subset(&both), "{place}: {on:?} are not all of {both:?}");
            assert!(include.is_subset(&right), "{place}: {include:?} are not all of {right:?}");
            match text(&node["op"]) {
                "or" => left.union(&right).cloned().collect(),
                _ if left.is_empty() => right,
                _ => left.into_iter().chain(include).collect(),
            }
        }
        "call" => {
            let arguments = node["args"].as_array().expect("arguments");
            match text(&node["func"]["name"]) {
                "histogram_quantile" => {
                    let mut inner = labels(&arguments[1], known, place);
                    assert!(inner.remove("le"), "{place}: a quantile of what has no le");
                    inner
                }
                "label_replace" => {
                    let mut inner = labels(&arguments[0], known, place);
                    let [to, from] = [1, 3].map(|at: usize| text(&arguments[at]["val"]));
                    assert!(inner.contains(from), "{place}: there is no {from} in {inner:?}");
                    inner.insert(to.to_owned());
                    inner
                }
                "absent" | "scalar" => {
                    labels(&arguments[0], known, place);
                    Names::new()
                }
                _ => arguments.iter().flat_map(|argument| labels(argument, known, place)).collect(),
            }
        }
        "parenExpr" | "subquery" | "unaryExpr" => labels(&node["expr"], known, place),
        "numberLiteral" | "stringLiteral" => Names::new(),
        other => panic!("{place}: {other} is not known here: {node}"),
    }
}

/// Labels that a template prints.
fn printed<'a>(template: &'a str, pattern: &str) -> Vec<&'a str> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(template).map(|found| found.get(1).expect("a group").as_str()).collect()
}

#[test]
fn every_query_asks_for_metrics_and_labels_that_there_are() {
    let prometheus = Prometheus::scraping(Release::Newest, &[], &RULES);
    let rules = artifacts::rules(&prometheus);
    let known = known(&prometheus, &rules);
    for Query { place, text, legends } in
        [artifacts::guide(), artifacts::dashboard(), artifacts::documented()].into_iter().flatten()
    {
        let labels = labels(&prometheus.parse(&text), &known, &place);
        for label in legends.iter().flat_map(|legend| printed(legend, r"\{\{ *(\w+) *\}\}")) {
            assert!(labels.contains(label), "{place}: the legend prints {label}, which is not among {labels:?}");
        }
    }
    for Rule { name, query, alert, .. } in &rules {
        let labels = labels(&prometheus.parse(query), &known, name);
        for label in alert.iter().flat_map(BTreeMap::values).flat_map(|text| printed(text, r"\$labels\.(\w+)")) {
            assert!(labels.contains(label), "{name} prints {label}, which is not among {labels:?}");
        }
    }
    let guide = Prometheus::scraping(Release::Newest, &[], &[guide_alerts().as_str()]);
    for Rule { name, query, .. } in artifacts::rules(&guide) {
        let _ = labels(&guide.parse(&query), &known, &name);
    }
}

#[test]
fn every_name_in_the_documentation_is_one_of_the_definitions() {
    let dotted: Names = definitions::ALL.iter().map(|definition| definition.name.to_owned()).collect();
    let scraped: Names = definitions::ALL.iter().map(definitions::Definition::prometheus_name).collect();
    let dotted_names =
        Regex::new(r"`((?:kafka\.eventbus|sandbus\.(?:handler|partition|telemetry))\.[a-z_.]+)").unwrap();
    let scraped_names = Regex::new(r"(?:kafka_eventbus|sandbus_(?:handler|partition|telemetry))_[a-z_]+").unwrap();
    let files = ["docs/metrics.md", "docs/dashboard.md", "docs/delivery.md", "deploy/prometheus/alerts.yml"];
    for file in files {
        let text = artifacts::read(&artifacts::tests("..").join(file));
        for found in dotted_names.captures_iter(&text) {
            let name = found[1].trim_end_matches('.');
            assert!(dotted.contains(name), "{file} names {name}");
        }
        if file == "docs/metrics.md" {
            // Besides, it has the names that a Prometheus makes which receives OTLP.
            continue;
        }
        for found in scraped_names.find_iter(&text) {
            let name = found.as_str();
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            assert!(scraped.contains(name) || family.is_some_and(|name| scraped.contains(name)), "{file} names {name}");
        }
    }
}

#[test]
fn the_dashboard_is_one_that_grafana_imports() {
    let dashboard = artifacts::dashboard_json();
    assert_eq!(dashboard["id"], Value::Null, "an id is given on import");
    assert!(!text(&dashboard["uid"]).is_empty() && text(&dashboard["uid"]).len() <= 40, "{}", dashboard["uid"]);
    assert!(!text(&dashboard["title"]).is_empty());
    assert!(dashboard["schemaVersion"].as_i64().is_some_and(|version| version >= 39));
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let names: Vec<_> = variables.iter().map(|variable| text(&variable["name"])).collect();
    assert_eq!(names, ["datasource", "handler"]);
    assert_eq!(text(&variables[0]["type"]), "datasource");
    assert_eq!(text(&variables[0]["query"]), "prometheus");
    let source = serde_json::json!({ "type": "prometheus", "uid": "${datasource}" });
    assert_eq!(variables[1]["datasource"], source);

    let mut ids = BTreeSet::new();
    let mut places = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let title = text(&panel["title"]);
        assert!(!title.is_empty(), "{panel}");
        assert!(ids.insert(panel["id"].as_i64().expect("an id")), "{title}: its id is taken");
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|of| panel["gridPos"][of].as_u64().unwrap_or_else(|| panic!("{title}: {of}")));
        assert!(w >= 1 && h >= 1 && x + w <= 24, "{title} is outside of the grid");
        for cell in (y..y + h).flat_map(|row| (x..x + w).map(move |column| (row, column))) {
            assert!(places.insert(cell), "{title} lies over another panel at {cell:?}");
        }
        let kind = text(&panel["type"]);
        if kind == "row" {
            continue;
        }
        assert!(["stat", "timeseries", "heatmap", "gauge", "table", "bargauge"].contains(&kind), "{title}: {kind}");
        assert_eq!(panel["datasource"], source, "{title}");
        assert!(!text(&panel["description"]).is_empty(), "{title} does not say what it shows");
        let mut references = BTreeSet::new();
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert!(references.insert(text(&target["refId"])), "{title}: refId {}", target["refId"]);
            assert_eq!(target["datasource"], source, "{title}");
        }
    }
    // The guide's panels are there, with the guide's queries, word for word.
    let queries = artifacts::dashboard();
    for query in artifacts::guide().into_iter().filter(text_of_panel) {
        assert!(queries.iter().any(|own| own.text == query.text), "{} is not on the dashboard", query.place);
    }
}

/// Whether a query of the guide is one of its panels'.
fn text_of_panel(query: &Query) -> bool {
    [
        "Messages Published/sec",
        "Message Throughput",
        "Handler Latency Distribution",
        "Consumer Lag by Partition",
        "Handler Error Rates",
    ]
    .iter()
    .any(|title| query.place.ends_with(title))
}

pub(super) fn guide_alerts() -> String {
    artifacts::tests("prometheus/guide-alerts.yml").display().to_string()
}
