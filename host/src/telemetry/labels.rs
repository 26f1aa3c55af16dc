//! Bounds label values that come from outside: the first ones keep their names, the rest share one.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What all later values are called.
pub const OTHER: &str = "_other";

/// How many values keep their names.
const MAX_VALUES: usize = 200;

/// The known values of one label.
#[derive(Debug, Default)]
pub struct Bounded(Mutex<HashSet<Arc<str>>>);

impl Bounded {
    /// The value itself, or [`OTHER`].
    pub fn value(&self, value: &str) -> Arc<str> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(value) {
            return known.clone();
        }
        if known.len() >= MAX_VALUES {
            return OTHER.into();
        }
        let value: Arc<str> = value.into();
        known.insert(value.clone());
        value
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
    }
}
