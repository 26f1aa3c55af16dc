//! What handlers log and count, on its way to the host's log and metrics. Everything here comes from a
//! guest: names, keys and numbers of them are bounded before any exporter sees them, for an ill-formed
//! key would make the whole of `/metrics` unreadable.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{
    BoundCounter, BoundHistogram, BoundUpDownCounter, Counter, Histogram, Meter, UpDownCounter,
};

use super::Telemetry;
use super::instruments::DURATION_BOUNDS;
use super::labels::SHARED;
use super::log;
use super::spans::Spans;
use crate::delivery::ports::{Mark, Try};
use crate::sandbox::ports::{GuestMetric, GuestSink, GuestValue, LogLevel, Refusal, WebRequest};
use crate::sandbox::text::excerpt;

/// Metrics of one handler.
const MAX_METRICS: usize = 50;
/// Attribute sets of one handler, over all its metrics.
const MAX_ATTRIBUTE_SETS: usize = 500;
/// Attributes of one measurement.
const MAX_ATTRIBUTES: usize = 8;
/// Bytes of an attribute's value.
const MAX_VALUE_BYTES: usize = 128;
/// Labels that the host sets, or its exporters, or Prometheus.
const RESERVED: [&str; 6] = ["handler_name", "le", "quantile", "job", "instance", SHARED];
/// What the labels of a scope begin with.
const OF_SCOPES: &str = "otel_scope_";
/// Why a measurement is refused.
const REFUSALS: [&str; 3] = [BAD_NAME, BAD_ATTRIBUTE, BAD_VALUE];
const BAD_NAME: &str = "bad_name";
const BAD_ATTRIBUTE: &str = "bad_attribute";
const BAD_VALUE: &str = "bad_value";

/// The sink of one handler.
pub struct HandlerSink {
    name: Arc<str>,
    meter: Meter,
    refused: Counter<u64>,
    memory: BoundUpDownCounter<i64>,
    spans: Arc<Spans>,
    known: Mutex<Known>,
}

/// What the handler has counted. Kept whether anybody reads it or not: a handler does not behave otherwise where metrics
/// are off.
#[derive(Default)]
struct Known {
    counters: HashMap<String, Counter<u64>>,
    histograms: HashMap<String, Histogram<f64>>,
    updowns: HashMap<String, UpDownCounter<i64>>,
    series: HashMap<String, Series>,
    /// Of the measurement at hand: its room is used again.
    key: String,
}

/// One attribute set of one metric. Where metrics are off, what it records goes nowhere.
enum Series {
    Counter(BoundCounter<u64>),
    Histogram(BoundHistogram<f64>),
    UpDown(BoundUpDownCounter<i64>),
}

impl Series {
    fn record(&self, value: &GuestValue) {
        match (self, value) {
            (Series::Counter(counter), GuestValue::Counter(value)) => counter.add(*value),
            (Series::Histogram(histogram), GuestValue::Histogram(value)) => histogram.record(*value),
            (Series::UpDown(updown), GuestValue::UpDown(value)) => updown.add(*value),
            // The key begins with the kind.
            _ => {}
        }
    }
}

impl HandlerSink {
    /// For the handler of that name.
    pub fn new(name: Arc<str>, telemetry: &Telemetry) -> HandlerSink {
        let instruments = telemetry.instruments();
        let handler = KeyValue::new("handler.name", name.clone());
        for refusal in REFUSALS {
            instruments.refused.add(0, &[handler.clone(), KeyValue::new("error.type", refusal)]);
        }
        let (refused, memory) = (instruments.refused.clone(), instruments.memory.bind(&[handler]));
        let (meter, spans) = (telemetry.meter().clone(), telemetry.spans().clone());
        let sink = HandlerSink { name, meter, refused, memory, spans, known: Mutex::default() };
        // It is there before the first instance.
        sink.memory(0);
        sink
    }

    fn record(&self, metric: &GuestMetric<'_>) -> Result<(), Refusal> {
        check(metric)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = &mut *known;
        write_key(&mut known.key, metric);
        if let Some(series) = known.series.get(&known.key) {
            series.record(&metric.value);
            return Ok(());
        }
        known.admit(metric)?;
        let series = self.bind(known, metric);
        series.record(&metric.value);
        known.series.insert(known.key.clone(), series);
        Ok(())
    }

    fn bind(&self, known: &mut Known, metric: &GuestMetric<'_>) -> Series {
        let mut attributes = vec![KeyValue::new("handler.name", self.name.clone())];
        attributes.extend(metric.attributes.iter().map(|(k, v)| KeyValue::new((*k).to_owned(), (*v).to_owned())));
        let name = |kind: &str| format!("sandbus.guest.{kind}.{}", metric.name);
        match metric.value {
            GuestValue::Counter(_) => {
                let counter = known.counters.entry(metric.name.into());
                let counter = counter.or_insert_with(|| self.meter.u64_counter(name("counter")).build());
                Series::Counter(counter.bind(&attributes))
            }
            GuestValue::Histogram(_) => {
                let histogram = known.histograms.entry(metric.name.into()).or_insert_with(|| {
                    let bounds = DURATION_BOUNDS.to_vec();
                    self.meter.f64_histogram(name("histogram")).with_boundaries(bounds).build()
                });
                Series::Histogram(histogram.bind(&attributes))
            }
            GuestValue::UpDown(_) => {
                let updown = known.updowns.entry(metric.name.into());
                let updown = updown.or_insert_with(|| self.meter.i64_up_down_counter(name("updown")).build());
                Series::UpDown(updown.bind(&attributes))
            }
        }
    }
}

/// What tells a series from every other: kind, name and attributes in their order. Of a measurement that is well formed.
fn write_key(key: &mut String, metric: &GuestMetric<'_>) {
    key.clear();
    key.push(match metric.value {
        GuestValue::Counter(_) => 'c',
        GuestValue::Histogram(_) => 'h',
        GuestValue::UpDown(_) => 'u',
    });
    key.push_str(metric.name);
    let mut sorted = [("", ""); MAX_ATTRIBUTES];
    let sorted = sorted.get_mut(..metric.attributes.len()).unwrap_or_default();
    sorted.copy_from_slice(metric.attributes);
    sorted.sort_unstable();
    for (name, value) in sorted {
        // Names have none of these signs. A value may have any, so its length stands before it.
        key.push(',');
        key.push_str(name);
        key.push('=');
        key.push(u8::try_from(value.len()).map_or(char::MAX, char::from));
        key.push_str(value);
    }
}

impl GuestSink for HandlerSink {
    fn log(&self, of: Option<&Try>, level: LogLevel, line: &str) {
        let handler = &*self.name;
        let span = of.and_then(|run| self.spans.attempt(handler, run).shown());
        let (trace_id, span_id) = span.map(|span| (hexadecimal(span.trace), hexadecimal(span.span))).unzip();
        let _belongs_to_it = span.and_then(log::belongs_to);
        macro_rules! say {
            ($level:ident) => {
                match of {
                    Some(run) => {
                        let (record, attempt) = (&run.event.record, run.attempt);
                        let (topic, partition, offset) = (&**record.topic(), record.partition(), record.offset());
                        tracing::$level!(target: "guest", handler, topic, partition, offset, attempt, trace_id, span_id, "{line}");
                    }
                    None => tracing::$level!(target: "guest", handler, "{line}"),
                }
            };
        }
        match level {
            LogLevel::Trace => say!(trace),
            LogLevel::Debug => say!(debug),
            LogLevel::Info => say!(info),
            LogLevel::Warn => say!(warn),
            LogLevel::Error => say!(error),
        }
    }

    fn metric(&self, metric: &GuestMetric<'_>) -> Result<(), Refusal> {
        let recorded = self.record(metric);
        if let Err(refusal) = &recorded {
            let attributes =
                [KeyValue::new("handler.name", self.name.clone()), KeyValue::new("error.type", refusal.code)];
            self.refused.add(1, &attributes);
        }
        recorded
    }

    fn memory(&self, bytes: i64) {
        // However many sinks a handler has had, with each of its generations: it is one sum.
        self.memory.add(bytes);
    }

    fn requests(&self, of: &Try) -> (Option<String>, Option<Mark>) {
        let (parent, mark) = self.spans.requests(&self.name, of);
        (parent.map(|parent| parent.to_string()), mark)
    }

    fn answered(&self, mark: Mark, request: &WebRequest<'_>) {
        self.spans.answered(&self.name, mark, request);
    }
}

/// As many digits as its bits need.
fn hexadecimal<N: std::fmt::LowerHex>(number: N) -> String {
    format!("{number:0width$x}", width = 2 * size_of::<N>())
}

impl Known {
    /// Refuses what is one too many, of a series that is not known yet.
    fn admit(&self, metric: &GuestMetric<'_>) -> Result<(), Refusal> {
        let metrics = self.counters.len() + self.histograms.len() + self.updowns.len();
        let known = match metric.value {
            GuestValue::Counter(_) => self.counters.contains_key(metric.name),
            GuestValue::Histogram(_) => self.histograms.contains_key(metric.name),
            GuestValue::UpDown(_) => self.updowns.contains_key(metric.name),
        };
        if !known && metrics >= MAX_METRICS {
            return Err(refusal(BAD_NAME, format!("a handler may have {MAX_METRICS} metrics")));
        }
        if self.series.len() >= MAX_ATTRIBUTE_SETS {
            let message = format!("a handler may have {MAX_ATTRIBUTE_SETS} sets of attributes");
            return Err(refusal(BAD_ATTRIBUTE, message));
        }
        Ok(())
    }
}

/// Whether a measurement is well formed.
///
/// # Errors
/// What is wrong with it.
pub fn check(metric: &GuestMetric<'_>) -> Result<(), Refusal> {
    if !is_name(metric.name) {
        let name = excerpt(metric.name);
        let message = format!("{name:?} is no name: [a-z][a-z0-9_]{{0,63}}, not ending in _total");
        return Err(refusal(BAD_NAME, message));
    }
    if metric.attributes.len() > MAX_ATTRIBUTES {
        return Err(refusal(BAD_ATTRIBUTE, format!("a measurement may have {MAX_ATTRIBUTES} attributes")));
    }
    for (index, (key, value)) in metric.attributes.iter().enumerate() {
        let repeated = metric.attributes.iter().take(index).any(|(earlier, _)| earlier == key);
        if !is_name(key) || is_reserved(key) || repeated {
            return Err(refusal(BAD_ATTRIBUTE, format!("{:?} is ill-formed, repeated or reserved", excerpt(key))));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(refusal(BAD_ATTRIBUTE, format!("the value of {key:?} is longer than {MAX_VALUE_BYTES} bytes")));
        }
    }
    match metric.value {
        GuestValue::Histogram(value) if !value.is_finite() => Err(refusal(BAD_VALUE, format!("{value} is not finite"))),
        _ => Ok(()),
    }
}

fn is_reserved(key: &str) -> bool {
    RESERVED.contains(&key) || key.starts_with("__") || key.starts_with(OF_SCOPES)
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 64
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.ends_with("_total")
}

fn refusal(code: &'static str, message: String) -> Refusal {
    Refusal { code, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sink() -> HandlerSink {
        HandlerSink::new("h".into(), &crate::telemetry::page_alone())
    }

    fn count(sink: &HandlerSink, name: &str, attributes: &[(&str, &str)]) -> Result<(), &'static str> {
        let metric = GuestMetric { name, value: GuestValue::Counter(1), attributes };
        sink.metric(&metric).map_err(|refusal| refusal.code)
    }

    #[test]
    fn ill_formed_names_and_attributes_are_refused() {
        let sink = sink();
        assert_eq!(count(&sink, "orders", &[("region", "eu")]), Ok(()));
        for name in ["", "Orders", "1a", "a-b", "a.b", "a\n", "orders_total", &"a".repeat(65)] {
            assert_eq!(count(&sink, name, &[]), Err("bad_name"), "{name:?}");
        }
        let reserved =
            ["handler_name", "le", "__name__", "otel_metric_overflow", "otel_scope_name", "otel_scope_version"];
        for key in ["", "A", "a b", "x\""].into_iter().chain(reserved) {
            assert_eq!(count(&sink, "a", &[(key, "v")]), Err("bad_attribute"), "{key:?}");
        }
        assert_eq!(count(&sink, "a", &[("k", "1"), ("k", "2")]), Err("bad_attribute"));
        assert_eq!(count(&sink, "a", &[("k", &"v".repeat(129))]), Err("bad_attribute"));
        let value = GuestValue::Histogram(f64::NAN);
        let refused = sink.metric(&GuestMetric { name: "a", value, attributes: &[] });
        assert_eq!(refused.unwrap_err().code, "bad_value");
    }

    #[test]
    fn what_is_said_of_a_long_name_is_short() {
        let (long, sink) = ("\u{1}".repeat(1 << 20), sink());
        for (name, key) in [(&*long, "k"), ("a", &*long)] {
            let metric = GuestMetric { name, value: GuestValue::Counter(1), attributes: &[(key, "v")] };
            let refusal = sink.metric(&metric).unwrap_err();
            assert!(refusal.message.len() < 1000, "{} bytes", refusal.message.len());
        }
    }

    /// No telemetry: nobody reads what is counted.
    fn sink_to_nowhere() -> (HandlerSink, Telemetry) {
        let config = crate::config::Telemetry {
            enable_metrics: false,
            enable_tracing: false,
            otlp_endpoint: None,
            otlp_protocol: None,
            export_logs: false,
        };
        let telemetry = Telemetry::start(&config).unwrap();
        (HandlerSink::new("h".into(), &telemetry), telemetry)
    }

    #[test]
    fn a_handler_is_refused_the_same_where_metrics_are_off_and_leaves_nothing() {
        let ((sink, telemetry), counting) = (sink_to_nowhere(), sink());
        let keys: Vec<String> = (0..=MAX_ATTRIBUTE_SETS).map(|n| n.to_string()).collect();
        let names: Vec<String> = (0..=MAX_METRICS).map(|n| format!("m{n}")).collect();
        let measurements = names.iter().map(|name| (&**name, "k")).chain(keys.iter().map(|_| ("m0", "k")));
        for ((name, key), value) in measurements.zip(names.iter().chain(&keys)) {
            let attributes = [(key, &**value)];
            assert_eq!(count(&sink, name, &attributes), count(&counting, name, &attributes), "{name} {value}");
        }
        assert_eq!(count(&sink, "m0", &[("k", "one more")]), Err("bad_attribute"));
        assert_eq!(telemetry.prometheus().unwrap(), "");
    }

    #[test]
    fn attributes_in_another_order_are_the_same_series_and_others_are_not() {
        let telemetry = crate::telemetry::page_alone();
        let sink = HandlerSink::new("h".into(), &telemetry);
        for attributes in
            [&[("a", "1"), ("b", "2")][..], &[("b", "2"), ("a", "1")], &[("a", "1,b=\u{1}2")], &[("a", "1")], &[]]
        {
            assert_eq!(count(&sink, "orders", attributes), Ok(()));
        }
        let page = telemetry.prometheus().unwrap();
        let of = |labels: &str| format!("sandbus_guest_counter_orders_total{{{labels}handler_name=\"h\"}} ");
        assert!(page.contains(&format!("{}2\n", of("a=\"1\",b=\"2\","))), "{page}");
        assert!(page.contains(&format!("{}1\n", of("a=\"1\","))) && page.contains(&format!("{}1\n", of(""))), "{page}");
        assert_eq!(page.matches("sandbus_guest_counter_orders_total{").count(), 4, "{page}");
    }

    #[test]
    fn refusals_stand_at_0_before_the_first() {
        let telemetry = crate::telemetry::page_alone();
        let sink = HandlerSink::new("h".into(), &telemetry);
        let line = |code: &str, count: u64| {
            format!("sandbus_telemetry_refused_total{{error_type=\"{code}\",handler_name=\"h\"}} {count}\n")
        };
        let page = telemetry.prometheus().unwrap();
        assert!(REFUSALS.iter().all(|code| page.contains(&line(code, 0))), "{page}");
        assert_eq!(count(&sink, "Orders", &[]), Err("bad_name"));
        let page = telemetry.prometheus().unwrap();
        assert!(page.contains(&line("bad_name", 1)), "{page}");
    }

    #[test]
    fn names_and_attribute_sets_are_bounded() {
        let sink = sink();
        for n in 0..MAX_METRICS {
            assert_eq!(count(&sink, &format!("m{n}"), &[]), Ok(()));
        }
        assert_eq!(count(&sink, "one_more", &[]), Err("bad_name"));
        for n in MAX_METRICS..MAX_ATTRIBUTE_SETS {
            assert_eq!(count(&sink, "m0", &[("k", &n.to_string())]), Ok(()));
        }
        assert_eq!(count(&sink, "m0", &[("k", "one more")]), Err("bad_attribute"));
        assert_eq!(count(&sink, "m0", &[]), Ok(()), "a known set goes on");
    }
}
