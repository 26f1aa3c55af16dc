//! Whether the process is ready, and what it waits for if it is not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Told by the parts, asked by `/readyz`.
#[derive(Debug, Default)]
pub struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    loaded: bool,
    draining: bool,
    missing: Vec<String>,
    /// Groups, and whether an assignment has arrived. An empty one counts.
    groups: BTreeMap<String, bool>,
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every handler is loaded; these groups are to be joined.
    pub fn loaded(&self, groups: impl IntoIterator<Item = String>) {
        let mut state = self.state();
        state.loaded = true;
        state.groups = groups.into_iter().map(|group| (group, false)).collect();
    }

    /// One more group is to be joined.
    pub fn joins(&self, group: &str) {
        self.state().groups.entry(group.to_owned()).or_insert(false);
    }

    /// A group is left.
    pub fn leaves(&self, group: &str) {
        self.state().groups.remove(group);
    }

    /// An assignment of a group has arrived.
    pub fn assigned(&self, group: &str) {
        // One that was left may still say so.
        if let Some(assigned) = self.state().groups.get_mut(group) {
            *assigned = true;
        }
    }

    /// Source topics that are not there.
    pub fn missing(&self, topics: Vec<String>) {
        self.state().missing = topics;
    }

    /// The process is ending.
    pub fn draining(&self) {
        self.state().draining = true;
    }

    /// Ready, or why not.
    ///
    /// # Errors
    /// What is waited for.
    pub fn ready(&self) -> Result<(), String> {
        let state = self.state();
        if state.draining {
            return Err("draining".into());
        }
        if !state.loaded {
            return Err("loading handlers".into());
        }
        if !state.missing.is_empty() {
            return Err(format!("waiting for topics: {}", state.missing.join(", ")));
        }
        let waiting: Vec<_> =
            state.groups.iter().filter(|(_, assigned)| !**assigned).map(|(g, _)| g.as_str()).collect();
        if waiting.is_empty() { Ok(()) } else { Err(format!("waiting for an assignment of: {}", waiting.join(", "))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_it_waits_for() {
        let health = Health::default();
        assert_eq!(health.ready(), Err("loading handlers".into()));
        health.loaded(["g".into(), "g.own".into()]);
        health.assigned("g");
        assert_eq!(health.ready(), Err("waiting for an assignment of: g.own".into()));
        health.assigned("g.own");
        assert_eq!(health.ready(), Ok(()));
        health.missing(vec!["orders".into()]);
        assert_eq!(health.ready(), Err("waiting for topics: orders".into()));
        health.missing(vec![]);
        health.draining();
        assert_eq!(health.ready(), Err("draining".into()));
    }
}
