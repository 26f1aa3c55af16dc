//! `[sandbox]`, checked: what all handlers of the process may take together.

use std::num::NonZero;

/// Bounds of the process. The sum over all handlers is within both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// At least the sum of every handler's `concurrency`; at most 10,000.
    pub max_instances: NonZero<u32>,
    /// Bytes; at least the sum of every handler's `concurrency * memory`.
    pub max_memory: u64,
}
