//! What librdkafka tells once a second of a client's connections, and who wants to know.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use rdkafka::config::ClientConfig;
use serde::Deserialize;

/// The name under which librdkafka lists a group's coordinator beside the brokers.
const COORDINATOR: &str = "GroupCoordinator";

/// How often librdkafka tells, in milliseconds.
const INTERVAL_MS: &str = "1000";

/// Hears of connections.
pub trait ConnectionWatch: Send + Sync {
    /// A client may come to have errors of this type: it is counted from now on.
    fn may_fail(&self, error_type: &str);
    /// A client has had this error.
    fn failed(&self, error_type: &str);
    /// So many times a client has tried to connect again.
    fn reconnected(&self, attempts: u64);
    /// Whether a group's member can reach a broker and its coordinator.
    fn connected(&self, group: &str, connected: bool);
}

/// How often librdkafka tells, in milliseconds.
pub(super) const STATISTICS: &str = "statistics.interval.ms";

/// Has librdkafka tell.
pub(super) fn tell(config: &mut ClientConfig) {
    config.set(STATISTICS, INTERVAL_MS);
}

/// The part of librdkafka's statistics that is about connections.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    #[serde(default)]
    brokers: HashMap<String, Broker>,
    cgrp: Option<Group>,
}

#[derive(Debug, Deserialize)]
struct Broker {
    state: String,
    /// Attempts, with those that failed.
    #[serde(default)]
    connects: u64,
}

#[derive(Debug, Deserialize)]
struct Group {
    state: String,
}

impl Broker {
    fn is_up(&self) -> bool {
        self.state == "UP"
    }
}

impl Told {
    /// `None` where it cannot be read.
    pub fn read(statistics: &[u8]) -> Option<Told> {
        match serde_json::from_slice(statistics) {
            Ok(told) => Some(told),
            Err(error) => {
                tracing::debug!(%error, "librdkafka's statistics cannot be read");
                None
            }
        }
    }

    /// Whether a member can reach a broker and its coordinator. `None`: the client is no member.
    pub fn member_is_connected(&self) -> Option<bool> {
        let group = self.cgrp.as_ref()?;
        let a_broker = self.brokers.iter().any(|(name, broker)| name != COORDINATOR && broker.is_up());
        Some(a_broker && group.state == "up" && self.brokers.get(COORDINATOR).is_none_or(Broker::is_up))
    }
}

/// How often one client has tried to connect to each broker.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<String, u64>>);

impl Attempts {
    /// Attempts since the last time, but for the first one of each broker.
    pub fn again(&self, told: &Told) -> u64 {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut again = 0;
        for (name, broker) in &told.brokers {
            let before = known.insert(name.clone(), broker.connects).unwrap_or_default();
            // A broker that librdkafka has forgotten meanwhile counts anew.
            let before = if before > broker.connects { 0 } else { before };
            again += broker.connects.saturating_sub(1) - before.saturating_sub(1);
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(brokers: &str, group: &str) -> Told {
        Told::read(format!(r#"{{"name":"rdkafka#consumer-1","brokers":{{{brokers}}}{group}}}"#).as_bytes()).unwrap()
    }

    fn broker(name: &str, state: &str, connects: u64) -> String {
        format!(r#""{name}":{{"name":"{name}","nodeid":1,"state":"{state}","connects":{connects},"disconnects":0}}"#)
    }

    #[test]
    fn a_member_needs_a_broker_and_its_coordinator() {
        let up = r#","cgrp":{"state":"up","stateage":1}"#;
        let both = |one: &str, coordinator: &str| {
            told(&[broker("b:9092/1", one, 1), broker("GroupCoordinator", coordinator, 1)].join(","), up)
        };
        assert_eq!(both("UP", "UP").member_is_connected(), Some(true));
        assert_eq!(both("UP", "CONNECT").member_is_connected(), Some(false));
        assert_eq!(both("TRY_CONNECT", "UP").member_is_connected(), Some(false));
        let asking = r#","cgrp":{"state":"query-coord"}"#;
        assert_eq!(told(&broker("b:9092/1", "UP", 1), asking).member_is_connected(), Some(false));
        assert_eq!(told(&broker("b:9092/1", "UP", 1), "").member_is_connected(), None, "no member");
    }

    #[test]
    fn the_first_attempt_of_each_broker_is_no_reconnection() {
        let attempts = Attempts::default();
        assert_eq!(attempts.again(&told(&broker("a", "UP", 1), "")), 0);
        assert_eq!(attempts.again(&told(&broker("a", "UP", 1), "")), 0);
        assert_eq!(attempts.again(&told(&[broker("a", "UP", 4), broker("b", "UP", 2)].join(","), "")), 4);
        assert_eq!(attempts.again(&told(&broker("a", "UP", 2), "")), 1, "counted anew");
    }
}
