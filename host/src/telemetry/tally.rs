//! Histograms that record a value many times at once.
//!
//! What happens to a batch happens alike to each of its events: a hundred durations that are one number. The SDK's
//! histograms take each of them by itself, some 20 ns, of which three for each event would be a tenth of what the
//! event costs. So the counts that `/metrics` shows are kept here. Where metrics leave by OTLP as well, the SDK is told
//! each value too, as often as it occurred: what it would do with a number of times, it does not offer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundHistogram, Histogram, Meter};
use prometheus::proto;

use super::definitions::Definition;
use super::labels::{Crowd, MAX_SERIES, SHARED};

/// The labels of one series, sorted.
type Labels = Vec<(String, String)>;

/// Makes histograms, and shows them.
#[derive(Default)]
pub struct Tallies {
    on: bool,
    crowd: Arc<Crowd>,
    families: Mutex<Vec<Arc<Shared>>>,
}

/// All series of one instrument.
#[derive(Clone)]
pub struct Family {
    shared: Arc<Shared>,
    sdk: Option<Histogram<f64>>,
}

struct Shared {
    on: bool,
    definition: Definition,
    bounds: &'static [f64],
    crowd: Arc<Crowd>,
    series: Mutex<BTreeMap<Labels, Arc<Mutex<Counts>>>>,
}

/// One series.
#[derive(Clone)]
pub struct Tally {
    bounds: &'static [f64],
    counts: Option<Arc<Mutex<Counts>>>,
    sdk: Option<Arc<BoundHistogram<f64>>>,
}

/// What a series has counted.
#[derive(Clone)]
struct Counts {
    /// Of each bucket, the one beyond all bounds last. Not cumulative.
    buckets: Vec<u64>,
    sum: f64,
}

impl Tallies {
    /// Histograms that count, or do not.
    pub fn new(on: bool) -> Tallies {
        Tallies { on, crowd: Arc::default(), families: Mutex::default() }
    }

    /// Whether they count.
    pub fn on(&self) -> bool {
        self.on
    }

    /// Counts the attribute sets that found no room, in any instrument.
    pub fn crowd(&self) -> &Arc<Crowd> {
        &self.crowd
    }

    /// The histograms of this definition, whose buckets end at `bounds`. `sdk` is told too.
    pub fn family(&self, definition: &Definition, bounds: &'static [f64], sdk: Option<&Meter>) -> Family {
        let sdk = sdk.filter(|_| self.on).map(|meter| {
            let histogram = meter.f64_histogram(definition.name).with_unit(definition.unit);
            histogram.with_description(definition.description).with_boundaries(bounds.to_vec()).build()
        });
        let (crowd, series) = (self.crowd.clone(), Mutex::default());
        let shared = Arc::new(Shared { on: self.on, definition: *definition, bounds, crowd, series });
        self.families.lock().unwrap_or_else(PoisonError::into_inner).push(shared.clone());
        Family { shared, sdk }
    }

    /// Puts all of them in the place of what the SDK shows of them.
    pub fn put_into(&self, families: &mut Vec<proto::MetricFamily>) {
        let own = self.families.lock().unwrap_or_else(PoisonError::into_inner);
        families.retain(|family| own.iter().all(|own| own.definition.prometheus_name() != family.name()));
        self.crowd.look(families.iter());
        families.extend(own.iter().filter_map(|family| family.collect()));
        families.sort_by(|one, other| one.name().cmp(other.name()));
    }
}

impl Family {
    /// The series with these attributes.
    pub fn bind(&self, attributes: &[KeyValue]) -> Tally {
        let bounds = self.shared.bounds;
        if !self.shared.on {
            return Tally { bounds, counts: None, sdk: None };
        }
        let mut labels: Labels = attributes.iter().map(label).collect();
        labels.sort();
        let mut series = self.shared.series.lock().unwrap_or_else(PoisonError::into_inner);
        if series.len() >= MAX_SERIES && !series.contains_key(&labels) {
            // As the SDK does.
            labels = vec![(SHARED.into(), "true".into())];
            self.shared.crowd.add();
        }
        let none = || Arc::new(Mutex::new(Counts { buckets: vec![0; bounds.len() + 1], sum: 0.0 }));
        let counts = series.entry(labels).or_insert_with(none).clone();
        Tally { bounds, counts: Some(counts), sdk: self.sdk.as_ref().map(|sdk| Arc::new(sdk.bind(attributes))) }
    }
}

impl Tally {
    /// The value occurred so many times.
    pub fn record(&self, value: f64, times: u64) {
        let Some(counts) = self.counts.as_ref().filter(|_| value.is_finite()) else { return };
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = counts.buckets.get_mut(bucket) {
            *bucket += times;
        }
        counts.sum += value * times as f64;
        drop(counts);
        if let Some(sdk) = &self.sdk {
            (0..times).for_each(|_| sdk.record(value));
        }
    }
}

impl Shared {
    fn collect(&self) -> Option<proto::MetricFamily> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics: Vec<_> = series
            .iter()
            .map(|(labels, counts)| {
                let counts = counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
                metric(labels, self.bounds, &counts)
            })
            .collect();
        if metrics.is_empty() {
            return None;
        }
        let mut family = proto::MetricFamily::default();
        family.set_name(self.definition.prometheus_name());
        family.set_help(self.definition.description.to_owned());
        family.set_field_type(proto::MetricType::HISTOGRAM);
        family.set_metric(metrics);
        Some(family)
    }
}

fn metric(labels: &Labels, bounds: &[f64], counts: &Counts) -> proto::Metric {
    let mut below = 0;
    let buckets = bounds.iter().zip(&counts.buckets).map(|(bound, count)| {
        below += count;
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut histogram = proto::Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(counts.buckets.iter().sum());
    histogram.set_sample_sum(counts.sum);
    let labels = labels.iter().map(|(name, value)| {
        let mut label = proto::LabelPair::default();
        label.set_name(name.clone());
        label.set_value(value.clone());
        label
    });
    let mut metric = proto::Metric::default();
    metric.set_label(labels.collect());
    metric.set_histogram(histogram);
    metric
}

fn label(attribute: &KeyValue) -> (String, String) {
    (attribute.key.as_str().replace('.', "_"), attribute.value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::definitions::HANDLER_DURATION;

    const BOUNDS: [f64; 3] = [1.0, 10.0, 100.0];

    fn shown(tallies: &Tallies) -> String {
        let mut families = Vec::new();
        tallies.put_into(&mut families);
        prometheus::TextEncoder::new().encode_to_string(&families).unwrap()
    }

    #[test]
    fn a_value_counts_as_often_as_it_is_said_to() {
        let tallies = Tallies::new(true);
        let family = tallies.family(&HANDLER_DURATION, &BOUNDS, None);
        assert_eq!(shown(&tallies), "", "a family without series is not shown");
        let tally = family.bind(&[KeyValue::new("handler.name", "h"), KeyValue::new("event.type", "t")]);
        tally.record(1.0, 3);
        tally.record(1.5, 2);
        tally.record(1000.0, 1);
        tally.record(f64::NAN, 1);
        family.bind(&[KeyValue::new("event.type", "t"), KeyValue::new("handler.name", "h")]).record(0.0, 1);
        let text = shown(&tallies);
        let line = |le: &str, count: u64| {
            format!(
                "kafka_eventbus_handler_duration_bucket{{event_type=\"t\",handler_name=\"h\",le=\"{le}\"}} {count}\n"
            )
        };
        for expected in [line("1", 4), line("10", 6), line("100", 6), line("+Inf", 7)] {
            assert!(text.contains(&expected), "{expected} is not in\n{text}");
        }
        assert!(text.contains("_sum{event_type=\"t\",handler_name=\"h\"} 1006\n"), "{text}");
        assert!(text.contains("_count{event_type=\"t\",handler_name=\"h\"} 7\n"), "{text}");
    }

    #[test]
    fn the_number_of_series_is_bounded() {
        let tallies = Tallies::new(true);
        let family = tallies.family(&HANDLER_DURATION, &BOUNDS, None);
        for number in 0..MAX_SERIES + 5 {
            family.bind(&[KeyValue::new("event.type", number.to_string())]).record(1.0, 1);
        }
        let text = shown(&tallies);
        assert_eq!(text.matches("_count{").count(), MAX_SERIES + 1);
        assert!(text.contains("_count{otel_metric_overflow=\"true\"} 5\n"), "{text}");
    }

    #[test]
    fn nothing_is_counted_where_metrics_are_off() {
        let tallies = Tallies::new(false);
        tallies.family(&HANDLER_DURATION, &BOUNDS, None).bind(&[]).record(1.0, 1);
        assert_eq!(shown(&tallies), "");
    }
}
