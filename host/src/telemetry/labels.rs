//! Bounds label values that come from outside: the first ones keep their names, the rest share one, and are counted.
//! So are series, where even bounded values make too many of them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use prometheus::proto;

use super::definitions::TELEMETRY_OVERFLOW;

/// What all later values are called.
pub const OTHER: &str = "_other";

/// How many values keep their names.
const MAX_VALUES: usize = 200;

/// How many series an instrument may have. What comes then shares one, with [`SHARED`] as its only label: the SDK's
/// own way, and its own bound is lower than some handlers times all event types.
pub const MAX_SERIES: usize = 20_000;

/// The label of the series that is shared, with `true`, as `/metrics` has it.
pub const SHARED: &str = "otel_metric_overflow";

/// The bounded labels of the whole process.
#[derive(Debug, Default)]
pub struct Labels {
    /// `event.type`.
    pub event_types: Bounded,
    /// `error.type`.
    pub error_types: Bounded,
    /// `messaging.destination` of what is published. What is read is bounded by the configuration.
    pub destinations: Bounded,
}

impl Labels {
    /// None yet. What overflows is counted with `meter`.
    pub fn new(meter: &Meter, crowd: &Arc<Crowd>) -> Arc<Labels> {
        let labels = Arc::new(Labels::default());
        let (of, crowd) = (labels.clone(), crowd.clone());
        let counter = meter.u64_observable_counter(TELEMETRY_OVERFLOW.name).with_unit(TELEMETRY_OVERFLOW.unit);
        counter
            .with_description(TELEMETRY_OVERFLOW.description)
            .with_callback(move |observer| {
                for (label, count) in [
                    ("event.type", of.event_types.overflowed()),
                    ("error.type", of.error_types.overflowed()),
                    ("messaging.destination", of.destinations.overflowed()),
                    ("series", crowd.count()),
                ] {
                    observer.observe(count, &[KeyValue::new("label", label)]);
                }
            })
            .build();
        labels
    }
}

/// The known values of one label.
#[derive(Debug)]
pub struct Bounded {
    known: Mutex<HashSet<Arc<str>>>,
    other: Arc<str>,
    overflowed: AtomicU64,
}

impl Default for Bounded {
    fn default() -> Bounded {
        Bounded { known: Mutex::default(), other: OTHER.into(), overflowed: AtomicU64::new(0) }
    }
}

impl Bounded {
    /// The value itself, which is known from now on, or [`OTHER`].
    pub fn value(&self, value: &str) -> Arc<str> {
        // It has a name already, and takes nobody's place.
        if value == OTHER {
            return self.other.clone();
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(value) {
            return known.clone();
        }
        if known.len() >= MAX_VALUES {
            return self.other.clone();
        }
        let value: Arc<str> = value.into();
        known.insert(value.clone());
        value
    }

    /// The same of so many things that came with it. A thing is counted under several instruments, but here once: this
    /// is for the first of them, and [`Self::value`] for the others.
    pub fn counted(&self, value: &str, times: u64) -> Arc<str> {
        let bounded = self.value(value);
        if *bounded != *value {
            self.overflowed.fetch_add(times, Ordering::Relaxed);
        }
        bounded
    }

    /// How many things came whose value is called [`OTHER`] because there are too many others.
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }
}

/// What shares a series because its instrument has [`MAX_SERIES`] others.
#[derive(Debug, Default)]
pub struct Crowd {
    count: AtomicU64,
    /// What shared series had counted when they were last looked at, by the name of the instrument.
    seen: Mutex<HashMap<String, f64>>,
}

impl Crowd {
    /// An attribute set found no room.
    pub fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Looks for shared series that the SDK has made, which tells nobody. Each that has changed since the last look is
    /// one more: the SDK does not say of how many sets it is.
    pub fn look<'a>(&self, families: impl Iterator<Item = &'a proto::MetricFamily>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for family in families {
            let mut metrics = family.get_metric().iter();
            let Some(shared) = metrics.find(|metric| metric.get_label().iter().any(|label| label.name() == SHARED))
            else {
                continue;
            };
            let counted = match family.get_field_type() {
                proto::MetricType::HISTOGRAM => shared.get_histogram().get_sample_count() as f64,
                proto::MetricType::COUNTER => shared.get_counter().get_value(),
                _ => shared.get_gauge().get_value(),
            };
            if seen.get(family.name()) != Some(&counted) {
                seen.insert(family.name().to_owned(), counted);
                self.add();
            }
        }
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_keep_their_names() {
        let bounded = Bounded::default();
        for n in 0..MAX_VALUES + 10 {
            let name = n.to_string();
            let expected = if n < MAX_VALUES { &name } else { OTHER };
            assert_eq!(&*bounded.counted(&name, 3), expected);
            assert_eq!(&*bounded.value(&name), expected, "and is not counted again");
        }
        assert_eq!(&*bounded.value("7"), "7", "a known one stays known");
        assert_eq!(bounded.overflowed(), 30);
    }

    #[test]
    fn what_has_no_name_of_its_own_takes_no_place_and_is_not_counted() {
        let bounded = Bounded::default();
        assert_eq!(&*bounded.counted(OTHER, 1), OTHER);
        for n in 0..MAX_VALUES {
            assert_eq!(&*bounded.counted(&n.to_string(), 1), n.to_string());
        }
        assert_eq!((&*bounded.counted(OTHER, 1), bounded.overflowed()), (OTHER, 0));
    }

    #[test]
    fn series_that_share_one_are_counted() {
        let telemetry = crate::telemetry::page_alone();
        let overflow = || {
            // What a reading finds stands on the next page.
            telemetry.prometheus().unwrap();
            let page = telemetry.prometheus().unwrap();
            let line = page.lines().find(|line| line.contains("overflow_total{label=\"series\"}")).map(str::to_owned);
            line.and_then(|line| line.rsplit_once(' ').map(|(_, count)| count.to_owned()))
        };
        let errors = |numbers: std::ops::Range<usize>| {
            for number in numbers {
                telemetry.instruments().errors.add(1, &[KeyValue::new("error.type", number.to_string())]);
            }
        };
        errors(0..MAX_SERIES);
        assert_eq!(overflow().as_deref(), Some("0"));
        errors(MAX_SERIES..MAX_SERIES + 5);
        assert_eq!(overflow().as_deref(), Some("1"), "five of one instrument of the SDK, between two looks");
        assert_eq!(overflow().as_deref(), Some("1"), "nothing came");
        errors(MAX_SERIES..MAX_SERIES + 1);
        assert_eq!(overflow().as_deref(), Some("2"));
        let wait = &telemetry.instruments().queue_wait;
        for number in 0..MAX_SERIES + 3 {
            wait.bind(&[KeyValue::new("handler.name", number.to_string())]);
        }
        assert_eq!(overflow().as_deref(), Some("5"), "each set of our own histograms");
    }
}
