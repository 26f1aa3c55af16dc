//! The adapter for core modules that want WASI preview 1 (`wasi_snapshot_preview1`), as Go's compiler, TinyGo and
//! wasi-libc build them. It is part of the component that is made of such a module.
//!
//! | functions | |
//! |---|---|
//! | `clock_time_get`, `clock_res_get` | real: `wasi:clocks` |
//! | `poll_oneoff` | clocks real, so that sleeping works; files are answered at once, `badf` |
//! | `random_get` | real: `wasi:random` |
//! | `fd_write` to 1 and 2 | log lines, at level info and warn, by `sandbus:handler/logging` |
//! | `fd_read` of 0 | at its end |
//! | `args_*`, `environ_*` | there are none |
//! | `sched_yield` | goes on |
//! | `proc_exit` | traps |
//! | all others on files, folders and sockets | `badf`: there are none |
//!
//! The official adapter would not do: it grants no less than all of WASI 0.2, and while it is instantiated it calls the
//! module's `cabi_realloc`, which in Go traps because the runtime is not up. This one never calls the module.
//!
//! An output line of a frame of events belongs to the event that `batch.at` named last, which may be an earlier one: an
//! SDK's own logging is exact.

use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The name that modules import it by.
pub const NAME: &str = "wasi_snapshot_preview1";

const TEXT: &str = include_str!("preview1/adapter.wat");
const WORLD: &str = include_str!("preview1/adapter.wit");

/// The adapter's module, with what it imports.
///
/// # Errors
/// Never, as long as the texts beside this file are right, which the tests prove.
pub fn module() -> anyhow::Result<Vec<u8>> {
    let mut module = wat::parse_str(TEXT)?;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("adapter.wit", WORLD)?;
    let world = resolve.select_world(&[package], None)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    Ok(module)
}
