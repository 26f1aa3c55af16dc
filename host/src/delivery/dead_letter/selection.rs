//! Which dead letters are meant: by position, by what they say, by when.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::letter::Letter;
use crate::event::Position;

/// What has to hold of a dead letter. What is empty holds of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// It stands at one of these.
    pub positions: BTreeSet<Position>,
    /// One of these handlers failed.
    pub handlers: Vec<String>,
    /// It was for one of these reasons.
    pub reasons: Vec<String>,
    /// The last try ended in one of these.
    pub error_types: Vec<String>,
    /// It was given up then or later.
    pub since: Option<SystemTime>,
    /// It was given up before.
    pub until: Option<SystemTime>,
    /// The event has this key, to the byte.
    pub key: Option<Vec<u8>>,
}

impl Selection {
    /// Whether it leaves out nothing.
    pub fn is_everything(&self) -> bool {
        *self == Selection::default()
    }

    /// Whether the dead letter is meant.
    pub fn matches(&self, letter: &Letter) -> bool {
        let one_of = |wanted: &[String], found: &Option<String>| {
            wanted.is_empty() || found.as_ref().is_some_and(|found| wanted.contains(found))
        };
        (self.positions.is_empty() || self.positions.contains(&letter.position))
            && one_of(&self.handlers, &letter.handler)
            && one_of(&self.reasons, &letter.reason)
            && one_of(&self.error_types, &letter.error_type)
            && self.since.is_none_or(|since| letter.at.is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| letter.at.is_some_and(|at| at < until))
            && self.key.as_ref().is_none_or(|key| letter.key.as_ref() == Some(key))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{RecordBuilder, dlq};

    fn letter() -> Letter {
        let mut record = RecordBuilder::new("orders.dlq".into(), 1, 7, 0).timestamp(Some(60_000)).key(Some(b"k"));
        for (name, value) in [(dlq::HANDLER, "h"), (dlq::REASON, "rejected"), (dlq::ERROR_TYPE, "rejected")] {
            record.header(name.as_bytes(), Some(value.as_bytes()));
        }
        Letter::of(&record.build())
    }

    fn at(seconds: u64) -> Option<SystemTime> {
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn nothing_asked_for_is_everything() {
        assert!(Selection::default().is_everything());
        assert!(Selection::default().matches(&letter()));
    }

    #[test]
    fn each_condition_counts() {
        let all = Selection {
            positions: ["orders.dlq/1/7".parse().unwrap()].into(),
            handlers: vec!["other".into(), "h".into()],
            reasons: vec!["rejected".into()],
            error_types: vec!["rejected".into()],
            since: at(60),
            until: at(61),
            key: Some(b"k".to_vec()),
        };
        assert!(all.matches(&letter()));
        let but = |change: fn(&mut Selection)| {
            let mut selection = all.clone();
            change(&mut selection);
            assert!(!selection.is_everything());
            selection.matches(&letter())
        };
        assert!(!but(|s| s.positions = ["orders.dlq/1/8".parse().unwrap()].into()));
        assert!(!but(|s| s.handlers = vec!["other".into()]));
        assert!(!but(|s| s.reasons = vec!["max_retries_exceeded".into()]));
        assert!(!but(|s| s.error_types = vec!["trap".into()]));
        assert!(!but(|s| s.since = at(61)));
        assert!(!but(|s| s.until = at(60)));
        assert!(!but(|s| s.key = Some(b"".to_vec())));
    }

    #[test]
    fn what_a_letter_does_not_say_is_not_what_was_asked_for() {
        let silent = Letter::of(&RecordBuilder::new("orders.dlq".into(), 0, 0, 0).build());
        assert!(!Selection { handlers: vec!["h".into()], ..Selection::default() }.matches(&silent));
        assert!(!Selection { since: at(0), ..Selection::default() }.matches(&silent));
        assert!(!Selection { key: Some(Vec::new()), ..Selection::default() }.matches(&silent));
    }
}
