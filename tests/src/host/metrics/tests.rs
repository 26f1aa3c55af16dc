//! Good pages, and each kind of bad line.

use super::*;

const PAGE: &str = r#"# HELP events_total Events.
# TYPE events_total counter
events_total{handler_name="a",topic="t"} 3
events_total{handler_name="b",topic="t"} 4 1700000000000

# TYPE up gauge
up 1
# TYPE took histogram
took_bucket{le="0.5",text="a \"b\" \\ \n , } ="} 2
took_bucket{le="+Inf",} 5
took_sum 1.25e1
took_count 5
"#;

#[test]
fn samples_are_summed_by_name_and_labels() {
    let metrics = Metrics::parse(PAGE).unwrap();
    assert_eq!(metrics.sum("events_total", &[]), Some(7.0));
    assert_eq!(metrics.sum("events_total", &[("handler_name", "b")]), Some(4.0));
    assert_eq!(metrics.sum("events_total", &[("handler_name", "c")]), None);
    assert_eq!(metrics.sum("up", &[]), Some(1.0));
    assert_eq!(metrics.sum("took_sum", &[]), Some(12.5));
    assert_eq!(metrics.kind("took"), Some("histogram"));
}

#[test]
fn label_values_are_unescaped() {
    let metrics = Metrics::parse(PAGE).unwrap();
    let samples = metrics.named("took_bucket");
    assert_eq!(samples[0].labels["text"], "a \"b\" \\ \n , } =");
    assert_eq!(samples[1].labels["le"], "+Inf");
}

#[test]
fn bad_lines_are_errors() {
    let table = [
        ("x 1", "no TYPE before it"),
        ("# TYPE x", "a TYPE without a kind"),
        ("# TYPE x counter\n# TYPE x gauge", "a second TYPE"),
        ("# TYPE x counter\nx_count 1", "no TYPE before it"),
        ("# TYPE x counter\nx", "no value"),
        ("# TYPE x counter\nx{} ", "no value"),
        ("# TYPE x counter\nx 1 2 3", "more than a value"),
        ("# TYPE x counter\nx 1\nx 1", "twice"),
        ("# TYPE x counter\nx one", "is no number"),
        ("# TYPE x counter\nx.y 1", "is no metric name"),
        ("# TYPE x counter\nx{a=\"1\" 1", "no comma"),
        ("# TYPE x counter\nx{a=\"1} 1", "without its end"),
        ("# TYPE x counter\nx{a=\"\\q\"} 1", "bad escape"),
        ("# TYPE x counter\nx{a=\"1\",a=\"2\"} 1", "label a twice"),
        ("# TYPE x counter\nx{a} 1", "a label without a value"),
    ];
    for (page, expected) in table {
        let error = Metrics::parse(page).unwrap_err();
        assert!(error.contains(expected), "{page:?} gave {error:?}");
    }
}
