//! What a query has to answer, worked out beside Prometheus.
//!
//! The values now are the host's own page, not what Prometheus has stored. What needs more than one moment is worked out from
//! the raw samples that Prometheus took, whose last ones have to be those of the page. Prometheus tells how it parses a query;
//! all that is done with the values is done here, as its documentation says. A function that is not here fails the test.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use sandbus_tests::host::{Metrics, metrics};
use sandbus_tests::prometheus::{Prometheus, Release, Sample, Series};
use serde_json::Value;

use super::artifacts::Rule;

/// Values that are other ones at each look: what Prometheus has is taken, and has to be near the page's.
const MOVING: &str = "sandbus_partition_held_time";
/// More than can pass between the page and the query, in the unit of what moves.
const MOVES: f64 = 120.0;

pub(super) type Labels = BTreeMap<String, String>;

/// A host's page, a Prometheus that has scraped it, and the moment that is asked about.
pub(super) struct Evaluation<'a> {
    pub(super) prometheus: &'a Prometheus,
    /// Tells how queries are parsed; only a newer one can.
    pub(super) parser: &'a Prometheus,
    pub(super) page: &'a Metrics,
    /// Of the host's target.
    pub(super) instance: &'a str,
    /// Recorded names are worked out from their rules.
    pub(super) rules: &'a [Rule],
    pub(super) time: f64,
    /// Moves ranks of quantiles that fall on the border of two buckets, where rounding decides.
    pub(super) nudge: f64,
}

/// What a query, or a part of one, comes to.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Vector(Vec<Sample>),
    Scalar(f64),
    Text(String),
}

impl Evaluation<'_> {
    pub(super) fn of(&self, node: &Value) -> Answer {
        match text(&node["type"]) {
            "numberLiteral" => Answer::Scalar(number(&node["val"])),
            "stringLiteral" => Answer::Text(text(&node["val"]).to_owned()),
            "parenExpr" => self.of(&node["expr"]),
            "unaryExpr" => match (text(&node["op"]), self.of(&node["expr"])) {
                ("-", Answer::Scalar(value)) => Answer::Scalar(-value),
                other => panic!("{other:?} is not known here"),
            },
            "vectorSelector" => Answer::Vector(self.selected(node)),
            "aggregation" => self.aggregated(node),
            "binaryExpr" => self.binary(node),
            "call" => self.called(node),
            other => panic!("{other} is not known here: {node}"),
        }
    }

    /// A vector; of a scalar, one sample without labels.
    fn vector(&self, node: &Value) -> Vec<Sample> {
        match self.of(node) {
            Answer::Vector(samples) => samples,
            Answer::Scalar(value) => vec![Sample { labels: Labels::new(), value }],
            Answer::Text(text) => panic!("{text:?} is no vector"),
        }
    }

    /// The page's samples with the labels that Prometheus gives them.
    fn selected(&self, node: &Value) -> Vec<Sample> {
        let name = text(&node["name"]);
        if let Some(rule) = self.rules.iter().find(|rule| rule.alert.is_none() && rule.name == name) {
            return self.recorded(rule);
        }
        let matchers = Matchers::of(node);
        if name == "up" {
            let mut labels = Labels::from([("__name__".to_owned(), "up".to_owned())]);
            self.target(&mut labels);
            return if matchers.match_all(&labels) { vec![Sample { labels, value: 1.0 }] } else { vec![] };
        }
        let moving = name == MOVING;
        let mut found = vec![];
        for sample in self.page.samples().iter().filter(|sample| name.is_empty() || sample.name == name) {
            let mut labels = stored_labels(sample);
            self.target(&mut labels);
            if matchers.match_all(&labels) {
                found.push(Sample { labels, value: sample.value });
            }
        }
        if moving {
            self.stored(&mut found);
        }
        found
    }

    fn target(&self, labels: &mut Labels) {
        labels.insert("instance".to_owned(), self.instance.to_owned());
        labels.insert("job".to_owned(), "sandbus".to_owned());
    }

    /// Puts what Prometheus has in place of what the page had a moment before.
    fn stored(&self, found: &mut [Sample]) {
        let stored = self.prometheus.query(MOVING, self.time).unwrap();
        for sample in found {
            let now = stored.iter().find(|stored| stored.labels == sample.labels);
            let now = now.unwrap_or_else(|| panic!("{:?} is not among {stored:?}", sample.labels)).value;
            assert!((sample.value - now).abs() < MOVES, "{sample:?} is {now} at another moment");
            sample.value = now;
        }
    }

    fn recorded(&self, rule: &Rule) -> Vec<Sample> {
        let Answer::Vector(mut samples) = self.of(&self.parser.parse(&rule.query)) else {
            panic!("{} records no vector", rule.name);
        };
        for sample in &mut samples {
            sample.labels.insert("__name__".to_owned(), rule.name.clone());
            sample.labels.extend(rule.labels.clone());
        }
        samples
    }

    /// Raw samples of a range, oldest first. The last ones have to be the page's.
    fn range(&self, node: &Value) -> Vec<Series> {
        let mut query = text(&node["name"]).to_owned();
        let matchers = Matchers::of(node);
        let milliseconds = node["range"].as_i64().expect("a range");
        query.push_str(&format!("{{{}}}[{milliseconds}ms]", matchers.written()));
        let mut series = self.prometheus.raw(&query, self.time).unwrap_or_else(|error| panic!("{query}: {error}"));
        series.iter_mut().for_each(|series| normalize(&mut series.labels));
        if !text(&node["name"]).is_empty() && text(&node["name"]) != MOVING {
            let page = self.selected(node);
            for series in &series {
                let last = series.samples.last().expect("a series has samples").1;
                let shown = page.iter().find(|sample| sample.labels == series.labels);
                assert!(shown.is_some_and(|shown| same(shown.value, last)), "{series:?} ends in {last}, not {shown:?}");
            }
            assert!(
                page.iter().all(|sample| series.iter().any(|series| series.labels == sample.labels)),
                "{query} has fewer series than the page"
            );
        }
        series
    }

    fn called(&self, node: &Value) -> Answer {
        let name = text(&node["func"]["name"]);
        let arguments = node["args"].as_array().expect("arguments");
        match name {
            "rate" | "increase" | "deriv" | "changes" | "resets" | "avg_over_time" | "max_over_time" => {
                self.over_time(name, &arguments[0])
            }
            "histogram_quantile" => {
                let Answer::Scalar(quantile) = self.of(&arguments[0]) else { panic!("{node}") };
                Answer::Vector(quantiles(quantile, self.vector(&arguments[1]), self.nudge))
            }
            "label_replace" => {
                let words: Vec<String> = arguments[1..]
                    .iter()
                    .map(|argument| match self.of(argument) {
                        Answer::Text(text) => text,
                        other => panic!("{other:?} is no text"),
                    })
                    .collect();
                let [to, replacement, from, pattern] = words.as_slice() else { panic!("{node}") };
                let pattern = Regex::new(&format!("^(?:{pattern})$")).unwrap();
                let replaced = |mut labels: Labels| {
                    let value = labels.get(from).cloned().unwrap_or_default();
                    if let Some(found) = pattern.captures(&value) {
                        let mut into = String::new();
                        found.expand(replacement, &mut into);
                        labels.insert(to.clone(), into);
                        labels.retain(|_, value| !value.is_empty());
                    }
                    labels
                };
                let samples = self.vector(&arguments[0]).into_iter();
                let samples = samples.map(|sample| Sample { labels: replaced(sample.labels), value: sample.value });
                Answer::Vector(samples.collect())
            }
            "absent" => {
                let one = Sample { labels: Labels::new(), value: 1.0 };
                Answer::Vector(if self.vector(&arguments[0]).is_empty() { vec![one] } else { vec![] })
            }
            "scalar" => match self.vector(&arguments[0]).as_slice() {
                [sample] => Answer::Scalar(sample.value),
                _ => Answer::Scalar(f64::NAN),
            },
            other => panic!("{other} is not known here"),
        }
    }

    fn over_time(&self, function: &str, argument: &Value) -> Answer {
        let mut argument = argument;
        while text(&argument["type"]) == "parenExpr" {
            argument = &argument["expr"];
        }
        let series = if text(&argument["type"]) == "subquery" { self.steps(argument) } else { self.range(argument) };
        let seconds = argument["range"].as_f64().expect("a range") / 1000.0;
        let samples = series.into_iter().filter_map(|series| {
            let value = match function {
                "rate" => self.increase(&series.samples, seconds)? / seconds,
                "increase" => self.increase(&series.samples, seconds)?,
                "deriv" => slope(&series.samples)?,
                "changes" => count(&series.samples, |before, after| before != after),
                "resets" => count(&series.samples, |before, after| after < before),
                "avg_over_time" => mean(series.samples.iter().map(|(_, value)| *value)),
                "max_over_time" => series.samples.iter().map(|(_, value)| *value).fold(f64::MIN, f64::max),
                other => panic!("{other} is not known here"),
            };
            Some(Sample { labels: nameless(series.labels), value })
        });
        Answer::Vector(samples.collect())
    }

    /// What a counter grew by, extrapolated to the ends of the range as Prometheus documents it: by no more than about one
    /// interval, and not below 0.
    fn increase(&self, samples: &[(f64, f64)], seconds: f64) -> Option<f64> {
        let [first, .., last] = samples else { return None };
        let resets: f64 = samples.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[0].1).sum();
        let grown = last.1 - first.1 + resets;
        let sampled = last.0 - first.0;
        let interval = sampled / (samples.len() - 1) as f64;
        let near = interval * 1.1;
        let to_zero = if grown > 0.0 && first.1 >= 0.0 { sampled * first.1 / grown } else { f64::INFINITY };
        let to_start = first.0 - (self.time - seconds);
        let to_end = self.time - last.0;
        let limited = |gap: f64| if gap < near { gap } else { interval / 2.0 };
        // Which of the two bounds comes first changed between the major versions.
        let before = match self.prometheus.release() {
            Release::Debian => limited(to_start.min(to_zero)),
            Release::Newest => limited(to_start).min(to_zero),
        };
        Some(grown * (sampled + before + limited(to_end)) / sampled)
    }

    fn aggregated(&self, node: &Value) -> Answer {
        let grouping: BTreeSet<&str> = node["grouping"].as_array().into_iter().flatten().map(text).collect();
        let without = node["without"].as_bool().unwrap_or(false);
        let kept = |labels: &Labels| -> Labels {
            let keep = |name: &str| grouping.contains(name) != without && !(without && name == "__name__");
            labels.iter().filter(|(name, _)| keep(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        let mut groups: BTreeMap<Labels, Vec<f64>> = BTreeMap::new();
        for sample in self.vector(&node["expr"]) {
            groups.entry(kept(&sample.labels)).or_default().push(sample.value);
        }
        let operation = text(&node["op"]);
        let samples = groups.into_iter().map(|(labels, values)| {
            let value = match operation {
                "sum" => values.iter().sum(),
                "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
                "avg" => mean(values.iter().copied()),
                "count" => values.len() as f64,
                other => panic!("{other} is not known here"),
            };
            Sample { labels, value }
        });
        Answer::Vector(samples.collect())
    }

    fn binary(&self, node: &Value) -> Answer {
        let operation = text(&node["op"]);
        let (left, right) = (self.of(&node["lhs"]), self.of(&node["rhs"]));
        match (left, right) {
            (Answer::Scalar(left), Answer::Scalar(right)) => Answer::Scalar(arithmetic(operation, left, right)),
            (Answer::Vector(samples), Answer::Scalar(right)) => {
                Answer::Vector(each(samples, operation, |value| (value, right)))
            }
            (Answer::Scalar(left), Answer::Vector(samples)) => {
                Answer::Vector(each(samples, operation, |value| (left, value)))
            }
            (Answer::Vector(left), Answer::Vector(right)) => Answer::Vector(joined(node, operation, left, right)),
            (left, right) => panic!("{left:?} {operation} {right:?} is not known here"),
        }
    }
}

/// The matchers of a selector, but for that of its name.
struct Matchers(Vec<(String, String, String, Option<Regex>)>);

impl Matchers {
    fn of(node: &Value) -> Matchers {
        let matchers = node["matchers"].as_array().into_iter().flatten().map(|matcher| {
            let (name, kind, value) = (text(&matcher["name"]), text(&matcher["type"]), text(&matcher["value"]));
            let pattern = kind.ends_with('~').then(|| Regex::new(&format!("^(?:{value})$")).unwrap());
            (name.to_owned(), kind.to_owned(), value.to_owned(), pattern)
        });
        Matchers(matchers.collect())
    }

    fn match_all(&self, labels: &Labels) -> bool {
        self.0.iter().all(|(name, kind, value, pattern)| {
            let own = labels.get(name).map_or("", String::as_str);
            let equal = pattern.as_ref().map_or(own == value, |pattern| pattern.is_match(own));
            equal != kind.starts_with('!')
        })
    }

    fn written(&self) -> String {
        let matchers = self.0.iter().filter(|(name, kind, ..)| name != "__name__" || kind != "=");
        matchers.map(|(name, kind, value, _)| format!("{name}{kind}{value:?}")).collect::<Vec<_>>().join(",")
    }
}

/// Applies an operation to each sample; a comparison keeps those for which it holds, as they are.
fn each(samples: Vec<Sample>, operation: &str, sides: impl Fn(f64) -> (f64, f64)) -> Vec<Sample> {
    let samples = samples.into_iter().filter_map(|sample| {
        let (left, right) = sides(sample.value);
        match compared(operation, left, right) {
            Some(true) => Some(sample),
            Some(false) => None,
            None => Some(Sample { labels: nameless(sample.labels), value: arithmetic(operation, left, right) }),
        }
    });
    samples.collect()
}

/// Two vectors by the labels that they have in common, or by those that the query names.
fn joined(node: &Value, operation: &str, left: Vec<Sample>, right: Vec<Sample>) -> Vec<Sample> {
    let matching = &node["matching"];
    let named: BTreeSet<&str> = matching["labels"].as_array().into_iter().flatten().map(text).collect();
    let on = matching["on"].as_bool().unwrap_or(false);
    let key = |labels: &Labels| -> Labels {
        let keep = |name: &str| name != "__name__" && named.contains(name) == on;
        labels.iter().filter(|(name, _)| keep(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    match operation {
        "or" => {
            let known: BTreeSet<Labels> = left.iter().map(|sample| key(&sample.labels)).collect();
            left.into_iter().chain(right.into_iter().filter(|sample| !known.contains(&key(&sample.labels)))).collect()
        }
        "and" | "unless" => {
            let known: BTreeSet<Labels> = right.iter().map(|sample| key(&sample.labels)).collect();
            let wanted = operation == "and";
            left.into_iter().filter(|sample| known.contains(&key(&sample.labels)) == wanted).collect()
        }
        _ => {
            let many = match text(&matching["card"]) {
                "one-to-one" => false,
                "many-to-one" => true,
                other => panic!("{other} is not known here"),
            };
            let mut ones: BTreeMap<Labels, Sample> = BTreeMap::new();
            for sample in right {
                let before = ones.insert(key(&sample.labels), sample);
                assert!(before.is_none(), "two of {before:?} on the right of {operation}");
            }
            let include: Vec<&str> = matching["include"].as_array().into_iter().flatten().map(text).collect();
            let samples = left.into_iter().filter_map(|sample| {
                let one = ones.get(&key(&sample.labels))?;
                match compared(operation, sample.value, one.value) {
                    Some(true) => return Some(sample),
                    Some(false) => return None,
                    None => {}
                }
                let mut labels = if many { nameless(sample.labels) } else { key(&sample.labels) };
                for name in &include {
                    if let Some(value) = one.labels.get(*name) {
                        labels.insert((*name).to_owned(), value.clone());
                    }
                }
                Some(Sample { labels, value: arithmetic(operation, sample.value, one.value) })
            });
            samples.collect()
        }
    }
}

fn arithmetic(operation: &str, left: f64, right: f64) -> f64 {
    match operation {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        other => panic!("{other} is not known here"),
    }
}

fn compared(operation: &str, left: f64, right: f64) -> Option<bool> {
    Some(match operation {
        ">" => left > right,
        "<" => left < right,
        ">=" => left >= right,
        "<=" => left <= right,
        "==" => left == right,
        "!=" => left != right,
        _ => return None,
    })
}

/// One value for each set of labels but `le`: interpolated within the bucket that the rank falls into.
fn quantiles(quantile: f64, samples: Vec<Sample>, nudge: f64) -> Vec<Sample> {
    let mut histograms: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for mut sample in samples {
        let bound = sample.labels.remove("le").expect("a bucket has le").parse().expect("le is a number");
        histograms.entry(nameless(sample.labels)).or_default().push((bound, sample.value));
    }
    let samples = histograms.into_iter().map(|(labels, mut buckets)| {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        Sample { labels, value: interpolated(quantile, &buckets, nudge) }
    });
    samples.collect()
}

fn interpolated(quantile: f64, buckets: &[(f64, f64)], nudge: f64) -> f64 {
    // Counts are extrapolated one by one, so that a larger bucket may come out a trifle smaller.
    let mut buckets = buckets.to_vec();
    let mut most: f64 = 0.0;
    for (_, count) in &mut buckets {
        most = most.max(*count);
        *count = most;
    }
    let Some((last, below)) = buckets.split_last() else { return f64::NAN };
    assert!(last.0 == f64::INFINITY, "{buckets:?}");
    if last.1 == 0.0 || below.is_empty() {
        return f64::NAN;
    }
    let rank = quantile * last.1 * (1.0 + nudge);
    let Some(at) = below.iter().position(|(_, count)| *count >= rank) else { return below[below.len() - 1].0 };
    let (start, before) = if at == 0 { (0.0, 0.0) } else { below[at - 1] };
    let (end, count) = below[at];
    start + (end - start) * (rank - before) / (count - before)
}

/// By least squares, per second.
fn slope(samples: &[(f64, f64)]) -> Option<f64> {
    if samples.len() < 2 {
        return None;
    }
    let origin = samples[0].0;
    let (x, y) = (mean(samples.iter().map(|(x, _)| x - origin)), mean(samples.iter().map(|(_, y)| *y)));
    let covariance: f64 = samples.iter().map(|(at, value)| (at - origin - x) * (value - y)).sum();
    let variance: f64 = samples.iter().map(|(at, _)| (at - origin - x).powi(2)).sum();
    Some(covariance / variance)
}

fn count(samples: &[(f64, f64)], is: impl Fn(f64, f64) -> bool) -> f64 {
    samples.windows(2).filter(|pair| is(pair[0].1, pair[1].1)).count() as f64
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = values.clone().count();
    values.sum::<f64>() / count as f64
}

fn nameless(mut labels: Labels) -> Labels {
    labels.remove("__name__");
    labels
}

/// The labels of a line of the page as Prometheus keeps them, without those of its target: the name is one, an empty one is none.
pub(super) fn stored_labels(sample: &metrics::Sample) -> Labels {
    let mut labels = sample.labels.clone();
    labels.retain(|_, value| !value.is_empty());
    labels.insert("__name__".to_owned(), sample.name.clone());
    normalize(&mut labels);
    labels
}

/// The answer to a query for raw values by their labels, without those of the target.
pub(super) fn by_labels(samples: Vec<Sample>) -> BTreeMap<Labels, f64> {
    let samples = samples.into_iter().map(|mut sample| {
        sample.labels.remove("instance");
        sample.labels.remove("job");
        normalize(&mut sample.labels);
        (sample.labels, sample.value)
    });
    samples.collect()
}

/// Bounds as numbers: one Prometheus keeps `1`, the next one writes `1.0`.
pub(super) fn normalize(labels: &mut Labels) {
    if let Some(bound) = labels.get_mut("le")
        && let Ok(number) = bound.parse::<f64>()
    {
        *bound = number.to_string();
    }
}

/// But for rounding.
pub(super) fn same(left: f64, right: f64) -> bool {
    left == right
        || (left.is_nan() && right.is_nan())
        || (left - right).abs() <= 1e-6 * left.abs().max(right.abs()).max(1e-4)
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|value| value.parse().ok()).or(value.as_f64()).expect("a number")
}
