//! `[sandbox]`: what all handlers of the process may take together, and where their compiled code is kept.

use std::num::NonZero;
use std::path::PathBuf;

use super::check::{Positive, Size, Text};
use super::context::Context;
use super::key::keys;

/// Bounds of the process, which the sum over all handlers is within, and a place for compiled code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// At least the sum of every handler's `concurrency`; at most 10,000.
    pub max_instances: NonZero<u32>,
    /// Bytes; at least the sum of every handler's `concurrency * memory`.
    pub max_memory: u64,
    /// Folder for compiled code, resolved. It may be missing. `None`: none is kept.
    pub cache: Option<PathBuf>,
}

keys! {
    /// `[sandbox]`, as it is read.
    SandboxKeys {
        max_instances: NonZero<u32> = Positive(10_000), "256",
            "Instances that may work at once, of all handlers together: at least the sum of their `concurrency`.";
        max_memory: u64 = Size(1 << 20, 1 << 40), "\"4GiB\"",
            "Linear memory of all instances together: at least the sum of every handler's `concurrency` × `memory`.";
        cache: Option<PathBuf> = Text {
            allowed: "a path to a folder, or nothing",
            parse: cache,
        }, "", "Folder for [compiled components](compiled-code.md), which the host makes; only its user may write there. Unless set, `$XDG_CACHE_HOME/sandbus/compiled`, else `$HOME/.cache/sandbus/compiled`. Empty: none are kept.";
    }
}

impl SandboxKeys {
    /// The checked values, if all are good. `cache_home` is where the user's programs keep what may be lost.
    pub fn checked(&self, context: &Context, cache_home: Option<PathBuf>) -> Option<Sandbox> {
        let cache = match self.cache.if_set()? {
            Some(set) => set.as_deref().map(|folder| context.resolve(folder)),
            None => cache_home.map(|home| home.join("sandbus/compiled")),
        };
        Some(Sandbox { max_instances: *self.max_instances.value()?, max_memory: *self.max_memory.value()?, cache })
    }
}

fn cache(text: &str) -> Result<Option<PathBuf>, String> {
    if text.is_empty() { Ok(None) } else { super::paths::path(text).map(Some) }
}
