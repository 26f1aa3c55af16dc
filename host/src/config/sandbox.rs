//! `[sandbox]`: what all handlers of the process may take together.

use std::num::NonZero;

use super::check::{Positive, Size};
use super::key::keys;

/// Bounds of the process. The sum over all handlers is within both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// At least the sum of every handler's `concurrency`; at most 10,000.
    pub max_instances: NonZero<u32>,
    /// Bytes; at least the sum of every handler's `concurrency * memory`.
    pub max_memory: u64,
}

keys! {
    /// `[sandbox]`, as it is read.
    SandboxKeys {
        max_instances: NonZero<u32> = Positive(10_000), "256",
            "Instances that may work at once, of all handlers together: at least the sum of their `concurrency`.";
        max_memory: u64 = Size(1 << 20, 1 << 40), "\"4GiB\"",
            "Linear memory of all instances together: at least the sum of every handler's `concurrency` × `memory`.";
    }
}

impl SandboxKeys {
    /// The checked values, if all are good.
    pub fn checked(&self) -> Option<Sandbox> {
        Some(Sandbox { max_instances: *self.max_instances.value()?, max_memory: *self.max_memory.value()? })
    }
}
