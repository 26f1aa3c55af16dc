//! Which fault an error of wasmtime is.
//!
//! Many are no traps: a limit that the host enforces, an answer that cannot be lifted. What the host
//! raises itself carries its kind ([`Stop`]); the rest is told apart here.

use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::text::{excerpt, message};
use crate::delivery::verdict::FaultKind;

/// Raised by host functions and limiters to end a try with a certain fault.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Stop {
    /// The fault.
    pub kind: FaultKind,
    /// What a person is told.
    pub message: String,
}

impl Stop {
    /// An error for wasmtime.
    pub fn error(kind: FaultKind, message: impl Into<String>) -> wasmtime::Error {
        wasmtime::Error::new(Stop { kind, message: message.into() })
    }
}

/// The fault and its message, for people: without addresses, and no longer than messages are.
pub fn classify(error: &wasmtime::Error) -> (FaultKind, String) {
    let (kind, text) = named(error);
    (kind, message(text))
}

fn named(error: &wasmtime::Error) -> (FaultKind, String) {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return (stop.kind, stop.message.clone());
    }
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return (FaultKind::Exit, format!("the handler called exit({})", exit.0));
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        let kind = match trap {
            Trap::StackOverflow => FaultKind::StackOverflow,
            Trap::Interrupt => FaultKind::CpuTime,
            _ => FaultKind::Trap,
        };
        return (kind, with_frames(trap.to_string(), error));
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref::<ResourceTableError>() {
        return (FaultKind::Handles, "more handles than limits.handles allows".into());
    }
    let cause = error.root_cause().to_string();
    // Wasmtime gives these two no type of their own.
    if cause.contains("fuel allocated for hostcalls has been exhausted") {
        // An answer is lifted when the guest has returned: then no frame of it is left.
        let in_guest = error.downcast_ref::<WasmBacktrace>().is_some();
        return if in_guest {
            (FaultKind::HostcallBytes, "more bytes than may pass in one call".into())
        } else {
            (FaultKind::ResultSize, "an answer of more bytes than may pass in one call".into())
        };
    }
    if cause.contains("store handle limit exceeded") {
        return (FaultKind::Handles, cause);
    }
    (FaultKind::BadResult, cause)
}

/// The innermost functions by name, where the component has kept them: texts of its own, as long as it likes.
fn with_frames(message: String, error: &wasmtime::Error) -> String {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return message };
    let names: Vec<_> = backtrace.frames().iter().filter_map(|frame| frame.func_name()).take(4).map(excerpt).collect();
    if names.is_empty() { message } else { format!("{message} in {}", names.join(" < ")) }
}
