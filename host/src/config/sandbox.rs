//! `[sandbox]`: what all handlers of the process may take together, how they are compiled and where that is kept, and
//! what the host gives up.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use super::check::{Duration as Millis, OneOf, Positive, Size, Text};
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
    /// Bytes of all compiled code that is kept.
    pub cache_size: u64,
    /// CPU time for compiling one component.
    pub compile_time: Duration,
    /// Bytes of address space for compiling one component.
    pub compile_memory: u64,
    /// Whether the host gives up what it does not need.
    pub harden: Harden,
}

/// Whether a host gives up, before it reads anything, what it does not need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Harden {
    /// As far as the system can.
    #[default]
    Auto,
    /// All of it, or it does not start.
    On,
    /// Nothing.
    Off,
}

impl Harden {
    /// As it is written.
    pub const WORDS: &[(&'static str, Harden)] = &[("auto", Harden::Auto), ("on", Harden::On), ("off", Harden::Off)];
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
        cache_size: u64 = Size(1 << 20, 1 << 40), "\"2GiB\"",
            "All compiled components of that folder together. Those that were used least recently go first.";
        compile_time: Duration = Millis(1000, 3_600_000), "\"60s\"",
            "CPU time that compiling one component may take, in whole seconds. By the clock it may take five times as long, because it [stands back](security.md#compiling) behind events.";
        compile_memory: u64 = Size(256 << 20, 1 << 40), "\"2GiB\"",
            "Address space that compiling one component may take. As many are compiled at once as there are cores.";
        harden: Harden = OneOf::new(Harden::WORDS), "\"auto\"",
            "Whether `sandbus run` [gives up](security.md#hardening) what a host does not need: `auto`, as far as the system can; `on`, all of it, or it does not start. `--harden` goes before it.";
    }
}

impl SandboxKeys {
    /// The checked values, if all are good. `cache_home` is where the user's programs keep what may be lost.
    pub fn checked(&self, context: &Context, cache_home: Option<PathBuf>) -> Option<Sandbox> {
        let cache = match self.cache.if_set()? {
            Some(set) => set.as_deref().map(|folder| context.place(folder)),
            None => cache_home.map(|home| home.join("sandbus/compiled")),
        };
        Some(Sandbox {
            max_instances: *self.max_instances.value()?,
            max_memory: *self.max_memory.value()?,
            cache,
            cache_size: *self.cache_size.value()?,
            compile_time: *self.compile_time.value()?,
            compile_memory: *self.compile_memory.value()?,
            harden: *self.harden.value()?,
        })
    }
}

fn cache(text: &str) -> Result<Option<PathBuf>, String> {
    if text.is_empty() { Ok(None) } else { super::paths::path(text).map(Some) }
}
