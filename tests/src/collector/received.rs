//! What a collector was sent, out of OTLP's JSON.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names and values, as text.
pub type Attributes = BTreeMap<String, String>;

/// A span.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Hexadecimal.
    pub trace: String,
    /// Hexadecimal.
    pub id: String,
    /// Hexadecimal; empty for the first of a trace.
    pub parent: String,
    /// As shown.
    pub name: String,
    /// 4 sends, 5 consumes.
    pub kind: u64,
    /// When it began, in nanoseconds since 1970.
    pub start: u64,
    /// When it ended, likewise.
    pub end: u64,
    /// 0 is unset, 2 an error.
    pub status: u64,
    /// What is known of an error.
    pub message: String,
    /// Its own.
    pub attributes: Attributes,
    /// Of who sent it.
    pub resource: Attributes,
    /// What made it.
    pub scope: String,
}

/// One point of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Of the instrument.
    pub name: String,
    /// Of the instrument.
    pub unit: String,
    /// Of the instrument.
    pub description: String,
    /// `sum`, `gauge` or `histogram`.
    pub kind: String,
    /// 2 is cumulative.
    pub temporality: Option<u64>,
    /// Whether it only grows.
    pub monotonic: bool,
    /// The value; of a histogram, its sum.
    pub value: f64,
    /// Of a histogram.
    pub count: Option<u64>,
    /// Of a histogram.
    pub bounds: Vec<f64>,
    /// Its own.
    pub attributes: Attributes,
    /// Of who sent it.
    pub resource: Attributes,
}

/// A log line.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The message.
    pub body: String,
    /// `INFO` and the like.
    pub severity: String,
    /// Hexadecimal; empty where it belongs to none.
    pub trace: String,
    /// Hexadecimal; empty where it belongs to none.
    pub span: String,
    /// Its own.
    pub attributes: Attributes,
    /// Of who sent it.
    pub resource: Attributes,
}

/// Each thing of a request, with the attributes of who sent it and the name of what made it.
fn each<'a>(
    request: &'a Value,
    [resources, scopes, things]: [&'static str; 3],
) -> impl Iterator<Item = (Attributes, String, &'a Value)> {
    list(&request[resources]).iter().flat_map(move |of| {
        let resource = attributes(&of["resource"]["attributes"]);
        list(&of[scopes]).iter().flat_map(move |scope| {
            let (resource, name) = (resource.clone(), text(&scope["scope"]["name"]));
            list(&scope[things]).iter().map(move |thing| (resource.clone(), name.clone(), thing))
        })
    })
}

pub(super) fn spans(request: &Value) -> Vec<Span> {
    let spans = each(request, ["resourceSpans", "scopeSpans", "spans"]).map(|(resource, scope, span)| Span {
        trace: text(&span["traceId"]),
        id: text(&span["spanId"]),
        parent: text(&span["parentSpanId"]),
        name: text(&span["name"]),
        kind: whole(&span["kind"]).unwrap_or_default(),
        start: whole(&span["startTimeUnixNano"]).expect("a span has a start"),
        end: whole(&span["endTimeUnixNano"]).expect("a span has an end"),
        status: whole(&span["status"]["code"]).unwrap_or_default(),
        message: text(&span["status"]["message"]),
        attributes: attributes(&span["attributes"]),
        resource,
        scope,
    });
    spans.collect()
}

pub(super) fn series(request: &Value) -> Vec<Series> {
    let metrics = each(request, ["resourceMetrics", "scopeMetrics", "metrics"]);
    let series = metrics.flat_map(|(resource, _, metric)| {
        let kind = ["sum", "gauge", "histogram"].into_iter().find(|kind| metric.get(kind).is_some());
        let kind = kind.unwrap_or_else(|| panic!("neither sum nor gauge nor histogram: {metric}"));
        let data = &metric[kind];
        list(&data["dataPoints"]).iter().map(move |point| Series {
            name: text(&metric["name"]),
            unit: text(&metric["unit"]),
            description: text(&metric["description"]),
            kind: kind.to_owned(),
            temporality: whole(&data["aggregationTemporality"]),
            monotonic: data["isMonotonic"] == true,
            value: ["asInt", "asDouble", "sum"].iter().find_map(|name| number(&point[*name])).unwrap_or_default(),
            count: whole(&point["count"]),
            bounds: list(&point["explicitBounds"]).iter().filter_map(Value::as_f64).collect(),
            attributes: attributes(&point["attributes"]),
            resource: resource.clone(),
        })
    });
    series.collect()
}

pub(super) fn lines(request: &Value) -> Vec<Line> {
    let lines = each(request, ["resourceLogs", "scopeLogs", "logRecords"]).map(|(resource, _, line)| Line {
        body: scalar(&line["body"]),
        severity: text(&line["severityText"]),
        trace: text(&line["traceId"]),
        span: text(&line["spanId"]),
        attributes: attributes(&line["attributes"]),
        resource,
    });
    lines.collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// 64-bit numbers are text in protobuf's JSON, smaller ones are not.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn attributes(list_of: &Value) -> Attributes {
    list(list_of).iter().map(|attribute| (text(&attribute["key"]), scalar(&attribute["value"]))).collect()
}

/// A value by its kind: `{"stringValue": "a"}`.
fn scalar(value: &Value) -> String {
    let inner = value.as_object().and_then(|kinds| kinds.values().next());
    inner.map_or_else(String::new, |inner| inner.as_str().map_or_else(|| inner.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_span_is_read_with_who_sent_it() {
        let request = json!({ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "s" } }] },
            "scopeSpans": [{ "scope": { "name": "sandbus" }, "spans": [{
                "traceId": "0a", "spanId": "0b", "name": "process t", "kind": 5,
                "startTimeUnixNano": "17", "endTimeUnixNano": "18", "status": { "code": 2, "message": "no" },
                "attributes": [{ "key": "messaging.kafka.offset", "value": { "intValue": "42" } }],
            }] }],
        }] });
        let [span] = &*spans(&request) else { panic!("one span") };
        assert_eq!((&*span.trace, &*span.parent, span.kind, span.status, span.start), ("0a", "", 5, 2, 17));
        assert_eq!((&*span.resource["service.name"], &*span.attributes["messaging.kafka.offset"]), ("s", "42"));
    }

    #[test]
    fn a_series_has_the_kind_of_its_instrument() {
        let request = json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [
            { "name": "a", "unit": "1", "sum": {
                "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [{ "asInt": "7" }] } },
            { "name": "b", "unit": "ms", "histogram": {
                "aggregationTemporality": 2, "dataPoints": [{ "count": "2", "sum": 1.5, "explicitBounds": [0.5, 1] }] } },
        ] }] }] });
        let [sum, histogram] = &*series(&request) else { panic!("two series") };
        assert_eq!((&*sum.kind, sum.value, sum.monotonic, sum.temporality), ("sum", 7.0, true, Some(2)));
        assert_eq!((&*histogram.kind, histogram.value, histogram.count), ("histogram", 1.5, Some(2)));
        assert_eq!(histogram.bounds, [0.5, 1.0]);
    }
}
