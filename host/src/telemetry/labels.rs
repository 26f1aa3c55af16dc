//! Bounds label values that come from outside: the first ones keep their names, the rest share one, and are counted.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What all later values are called.
pub const OTHER: &str = "_other";

/// How many values keep their names.
const MAX_VALUES: usize = 200;

/// How many series an instrument may have. What comes then shares one, with `otel.metric.overflow="true"`: the SDK's
/// own way, and its own bound is lower than some handlers times all event types.
pub const MAX_SERIES: usize = 20_000;

/// The known values of one label.
#[derive(Debug, Default)]
pub struct Bounded {
    known: Mutex<HashSet<Arc<str>>>,
    overflowed: AtomicU64,
}

impl Bounded {
    /// The value itself, or [`OTHER`].
    pub fn value(&self, value: &str) -> Arc<str> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(value) {
            return known.clone();
        }
        if known.len() >= MAX_VALUES {
            self.overflowed.fetch_add(1, Ordering::Relaxed);
            return OTHER.into();
        }
        let value: Arc<str> = value.into();
        known.insert(value.clone());
        value
    }

    /// How often a value came to be called [`OTHER`].
    pub fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
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
            assert_eq!(&*bounded.value(&name), expected);
        }
        assert_eq!(&*bounded.value("7"), "7", "a known one stays known");
        assert_eq!(bounded.overflowed(), 10);
    }
}
