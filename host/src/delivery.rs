//! From a record to its end: what is decided about deliveries, and the loop that carries it out.
//!
//! - [`partition`] decides about the records of one partition: order, retries, watermark.
//! - [`scheduler`] decides about a group: instances, commits, rebalances, the end. Both are plain code,
//!   driven through everything that can happen by a model, which also has to find bugs that are planted
//!   for it.
//! - [`breaker`] says when a handler is quarantined, [`trial`] when a generation is taken back.
//! - [`handler`] is what is known of a handler, and how that changes.
//! - [`buffer`] says how much may be held, and by which partition.
//! - [`retry`], [`verdict`], [`dead_letter`], [`incoming`] hold the rules that are used.
//! - [`ports`] are the doors to the broker and to the guests; neither is known here.
//! - [`engine`] is the loop of one group: it carries out what is decided.
//! - [`report`] is what can be said of a partition.

pub mod batch;
pub mod breaker;
pub mod buffer;
pub mod dead_letter;
pub mod engine;
pub mod handler;
pub mod incoming;
mod mutants;
pub mod partition;
pub mod ports;
pub mod report;
pub mod retry;
pub mod scheduler;
pub mod trial;
pub mod verdict;
