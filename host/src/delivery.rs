//! From a record to its end: what is decided about deliveries, and the loop that carries it out.
//!
//! - [`partition`] decides: order, retries, watermark. Plain code, tested by a model.
//! - [`retry`], [`verdict`], [`dead_letter`], [`incoming`] hold the rules it uses.
//! - [`ports`] are the doors to the broker and to the guests; neither is known here.
//! - [`engine`] is the loop of one consumer group: it carries out what the partitions decide.

pub mod dead_letter;
pub mod engine;
pub mod incoming;
pub mod partition;
pub mod ports;
pub mod retry;
pub mod verdict;
