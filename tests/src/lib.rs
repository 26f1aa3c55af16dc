//! The harness of the end-to-end tests: real Apache Kafka, and the built `sandbus` as a process.
//!
//! - [`kafka`] starts, stops and restarts a broker or three, and says how to connect to one.
//! - [`proxy`] stands between clients and a broker, and loses, holds up or refuses what they say.
//! - [`topic`] creates topics and writes and reads records down to the last byte of a header name.
//! - [`group`] looks at what a consumer group has committed.
//! - [`host`] deploys a configuration, runs the host on it, and watches its log, health and metrics.
//! - [`chaos`] harms hosts, brokers and the network while events flow, and compares everything afterwards.
//! - [`hostile`] has components that mean harm.
//! - [`contracts`] keeps the released versions of the contract with guests.
//! - [`languages`] names the languages that handlers are written in.
//! - [`document`] keeps parts of documents as tests write them.
//! - [`collector`] is an OpenTelemetry Collector, and what it was sent.
//! - [`prometheus`] runs a real Prometheus on hosts, and asks it.
//! - [`python`] runs programs that use eventsource-py.
//! - [`process`] is what these and `with-kafka` share: children that never outlive their parent.
//!
//! Every wait has a deadline. One that passes panics and says what was awaited and what was seen last.

mod cache;
pub mod chaos;
pub mod collector;
pub mod contracts;
pub mod document;
pub mod eventually;
pub mod group;
pub mod host;
pub mod hostile;
pub mod kafka;
pub mod languages;
pub mod names;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod python;
pub mod topic;

pub use collector::Collector;
pub use eventually::eventually;
pub use group::Group;
pub use host::{Deployment, Host, Question};
pub use kafka::{Cluster, Connection, Kafka};
pub use languages::LANGUAGES;
pub use prometheus::Prometheus;
pub use proxy::Proxy;
pub use topic::{End, Record, StoredRecord, Topic};
