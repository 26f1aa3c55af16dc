//! Tells health and metrics what becomes of groups and connections.

use std::sync::Arc;

use opentelemetry::KeyValue;

use crate::admin::Health;
use crate::kafka::connections::ConnectionWatch;
use crate::kafka::consumer::Membership;
use crate::telemetry::Telemetry;

/// Hears of one group's membership.
pub struct GroupWatch {
    /// The group.
    pub group: String,
    /// Told of assignments.
    pub health: Arc<Health>,
    /// Told of rebalances.
    pub telemetry: Arc<Telemetry>,
}

impl Membership for GroupWatch {
    fn assigned(&self) {
        self.health.assigned(&self.group);
    }

    fn revoked(&self) {
        let group = KeyValue::new("messaging.kafka.consumer_group", self.group.clone());
        self.telemetry.instruments().rebalances.add(1, &[group]);
    }
}

/// Hears of every client's connections.
pub struct BrokerWatch(pub Arc<Telemetry>);

impl ConnectionWatch for BrokerWatch {
    fn may_fail(&self, error_type: &str) {
        let error_type = KeyValue::new("error.type", error_type.to_owned());
        self.0.instruments().connection_errors.add(0, &[error_type]);
    }

    fn failed(&self, error_type: &str) {
        // librdkafka's own words: there are some hundred.
        let error_type = KeyValue::new("error.type", error_type.to_owned());
        self.0.instruments().connection_errors.add(1, &[error_type]);
    }

    fn reconnected(&self, attempts: u64) {
        self.0.instruments().reconnections.add(attempts, &[]);
    }

    fn connected(&self, group: &str, connected: bool) {
        self.0.groups().connected(group, connected);
    }
}
