//! What handlers log and count, on its way to the host's log and metrics. Everything here comes from a
//! guest: names, keys and numbers of them are bounded before any exporter sees them, for an ill-formed
//! key would make the whole of `/metrics` unreadable.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};

use super::Telemetry;
use super::instruments::DURATION_BOUNDS;
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
/// Labels that the host sets, or Prometheus.
const RESERVED: [&str; 6] = ["handler_name", "le", "quantile", "job", "instance", "otel_scope_name"];

/// The sink of one handler.
pub struct HandlerSink {
    name: Arc<str>,
    meter: Meter,
    refused: Counter<u64>,
    memory: UpDownCounter<i64>,
    spans: Arc<Spans>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    counters: HashMap<String, Counter<u64>>,
    histograms: HashMap<String, Histogram<f64>>,
    updowns: HashMap<String, UpDownCounter<i64>>,
    attribute_sets: HashSet<String>,
}

impl HandlerSink {
    /// For the handler of that name.
    pub fn new(name: Arc<str>, telemetry: &Telemetry) -> HandlerSink {
        let (refused, memory) = (telemetry.instruments().refused.clone(), telemetry.instruments().memory.clone());
        let (meter, spans) = (telemetry.meter().clone(), telemetry.spans().clone());
        let sink = HandlerSink { name, meter, refused, memory, spans, known: Mutex::default() };
        // It is there before the first instance.
        sink.memory(0);
        sink
    }

    fn record(&self, metric: &GuestMetric<'_>) -> Result<(), Refusal> {
        check(metric)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.admit(metric)?;
        let mut attributes = vec![KeyValue::new("handler.name", self.name.to_string())];
        attributes.extend(metric.attributes.iter().map(|(k, v)| KeyValue::new((*k).to_owned(), (*v).to_owned())));
        let name = |kind: &str| format!("sandbus.guest.{kind}.{}", metric.name);
        match metric.value {
            GuestValue::Counter(value) => {
                let counter = known.counters.entry(metric.name.into());
                counter.or_insert_with(|| self.meter.u64_counter(name("counter")).build()).add(value, &attributes);
            }
            GuestValue::Histogram(value) => {
                let histogram = known.histograms.entry(metric.name.into()).or_insert_with(|| {
                    let bounds = DURATION_BOUNDS.to_vec();
                    self.meter.f64_histogram(name("histogram")).with_boundaries(bounds).build()
                });
                histogram.record(value, &attributes);
            }
            GuestValue::UpDown(value) => {
                let updown = known.updowns.entry(metric.name.into());
                updown
                    .or_insert_with(|| self.meter.i64_up_down_counter(name("updown")).build())
                    .add(value, &attributes);
            }
        }
        Ok(())
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
                [KeyValue::new("handler.name", self.name.to_string()), KeyValue::new("error.type", refusal.code)];
            self.refused.add(1, &attributes);
        }
        recorded
    }

    fn memory(&self, bytes: i64) {
        // However many sinks a handler has had, with each of its generations: it is one sum.
        self.memory.add(bytes, &[KeyValue::new("handler.name", self.name.clone())]);
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
    /// Refuses what is one too many. A repeated measurement is none.
    fn admit(&mut self, metric: &GuestMetric<'_>) -> Result<(), Refusal> {
        let metrics = self.counters.len() + self.histograms.len() + self.updowns.len();
        let known = match metric.value {
            GuestValue::Counter(_) => self.counters.contains_key(metric.name),
            GuestValue::Histogram(_) => self.histograms.contains_key(metric.name),
            GuestValue::UpDown(_) => self.updowns.contains_key(metric.name),
        };
        if !known && metrics >= MAX_METRICS {
            return Err(refusal("bad_name", format!("a handler may have {MAX_METRICS} metrics")));
        }
        let mut attributes = metric.attributes.to_vec();
        attributes.sort_unstable();
        let set = format!("{:?} {} {attributes:?}", std::mem::discriminant(&metric.value), metric.name);
        if !self.attribute_sets.contains(&set) {
            if self.attribute_sets.len() >= MAX_ATTRIBUTE_SETS {
                let message = format!("a handler may have {MAX_ATTRIBUTE_SETS} sets of attributes");
                return Err(refusal("bad_attribute", message));
            }
            self.attribute_sets.insert(set);
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
        return Err(refusal("bad_name", message));
    }
    if metric.attributes.len() > MAX_ATTRIBUTES {
        return Err(refusal("bad_attribute", format!("a measurement may have {MAX_ATTRIBUTES} attributes")));
    }
    for (index, (key, value)) in metric.attributes.iter().enumerate() {
        let repeated = metric.attributes.iter().take(index).any(|(earlier, _)| earlier == key);
        if !is_name(key) || RESERVED.contains(key) || key.starts_with("__") || repeated {
            return Err(refusal("bad_attribute", format!("{:?} is ill-formed, repeated or reserved", excerpt(key))));
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(refusal(
                "bad_attribute",
                format!("the value of {key:?} is longer than {MAX_VALUE_BYTES} bytes"),
            ));
        }
    }
    match metric.value {
        GuestValue::Histogram(value) if !value.is_finite() => {
            Err(refusal("bad_value", format!("{value} is not finite")))
        }
        _ => Ok(()),
    }
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
        for key in ["", "A", "handler_name", "le", "a b", "x\"", "__name__"] {
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
