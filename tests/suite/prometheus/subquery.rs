//! Subqueries: their inner expression at each of their steps, which is asked of Prometheus by a range query.
//!
//! What is done with these values is worked out beside it, as for a range of raw samples.

use sandbus_tests::prometheus::{Release, SCRAPE_INTERVAL, Series};
use serde_json::Value;

use super::promql::{Evaluation, normalize, text};

/// A range query has a bound on its points. There is nothing from before this: no test runs for so long.
const LONGEST: f64 = 2500.0;

impl Evaluation<'_> {
    /// The inner expression at the steps of a subquery, which are multiples of its step.
    pub(super) fn steps(&self, subquery: &Value) -> Vec<Series> {
        let seconds = |name: &str| subquery[name].as_f64().expect("milliseconds") / 1000.0;
        // Without one it is the interval of evaluation, which the tests make as long as that of scrapes.
        let step = if seconds("step") > 0.0 { seconds("step") } else { SCRAPE_INTERVAL.as_secs_f64() };
        let first = self.time - seconds("range").min(LONGEST);
        let mut from = (first / step).ceil();
        // Whether the beginning belongs to it changed between the major versions.
        if self.prometheus.release() == Release::Newest && from * step == first {
            from += 1.0;
        }
        let inner = written(&subquery["expr"]);
        assert_eq!(self.parser.parse(&inner), subquery["expr"], "{inner}");
        let series = self.prometheus.query_range(&inner, from * step, self.time, step);
        let mut series = series.unwrap_or_else(|error| panic!("{inner}: {error}"));
        series.iter_mut().for_each(|series| normalize(&mut series.labels));
        if let Some(begin) =
            series.iter().filter_map(|series| series.samples.first()).map(|(at, _)| *at).reduce(f64::min)
        {
            assert!(seconds("range") <= LONGEST || begin > first + step, "{inner} goes back further than is asked");
        }
        series
    }
}

/// A tree as a query again.
pub(super) fn written(node: &Value) -> String {
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|item| text(item).to_owned()).collect()
    };
    match text(&node["type"]) {
        "numberLiteral" => text(&node["val"]).to_owned(),
        "stringLiteral" => format!("{:?}", text(&node["val"])),
        "parenExpr" => format!("({})", written(&node["expr"])),
        "unaryExpr" => text(&node["op"]).to_owned() + &written(&node["expr"]),
        "vectorSelector" => selector(node),
        "matrixSelector" => format!("{}[{}ms]", selector(node), node["range"]),
        "subquery" => {
            let step = if node["step"] == 0 { String::new() } else { format!("{}ms", node["step"]) };
            format!("{}[{}ms:{step}]", written(&node["expr"]), node["range"])
        }
        "call" => {
            let arguments: Vec<_> = node["args"].as_array().into_iter().flatten().map(written).collect();
            format!("{}({})", text(&node["func"]["name"]), arguments.join(", "))
        }
        "aggregation" => {
            let word = if node["without"] == true { "without" } else { "by" };
            let grouping = list(&node["grouping"]).join(", ");
            let grouping = if grouping.is_empty() { grouping } else { format!(" {word} ({grouping}) ") };
            format!("{}{grouping}({})", text(&node["op"]), written(&node["expr"]))
        }
        "binaryExpr" => {
            let matching = &node["matching"];
            let labels = list(&matching["labels"]).join(", ");
            let mut how = String::new();
            if matching["on"] == true {
                how = format!(" on ({labels})");
            } else if !labels.is_empty() {
                how = format!(" ignoring ({labels})");
            }
            if text(&matching["card"]) == "many-to-one" {
                how += &format!(" group_left ({})", list(&matching["include"]).join(", "));
            }
            format!("{} {}{how} {}", written(&node["lhs"]), text(&node["op"]), written(&node["rhs"]))
        }
        other => panic!("{other} is not known here: {node}"),
    }
}

fn selector(node: &Value) -> String {
    let name = text(&node["name"]);
    let matchers = node["matchers"].as_array().into_iter().flatten();
    let matchers = matchers
        .map(|matcher| [&matcher["name"], &matcher["type"], &matcher["value"]].map(text))
        .filter(|[label, kind, _]| name.is_empty() || *label != "__name__" || *kind != "=")
        .map(|[label, kind, value]| format!("{label}{kind}{value:?}"));
    let matchers: Vec<_> = matchers.collect();
    if matchers.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", matchers.join(",")) }
}
