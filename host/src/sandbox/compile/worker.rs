//! The child's side: reads a file's bytes from stdin, writes native code to stdout, and what is wrong to stderr.

use std::io::{self, Read as _, Write as _};

use wasmtime::Engine;

use super::compile;
use crate::confine::worker::{Bounds, confine};
use crate::sandbox::component::{LoadError, MAX_FILE_BYTES};
use crate::sandbox::settings;

/// What the status of the child says. A panic has Rust's own.
pub(super) mod status {
    /// Everything was written to stdout.
    pub const DONE: i32 = 0;
    /// stderr says what does not compile.
    pub const COMPILE: i32 = 65;
    /// stderr says why a core module could not be wrapped.
    pub const WRAP: i32 = 66;
    /// stderr says what there is too much of.
    pub const TOO_MUCH: i32 = 67;
    /// stderr says what hindered the child, whatever the bytes.
    pub const HINDERED: i32 = 71;
}

/// Compiles one component, within these bounds. Returns the status to end with.
///
/// To be called by a process that does nothing else, and has done nothing before.
pub fn run(bounds: Bounds) -> u8 {
    let (status, message) = match work(bounds) {
        Ok(()) => (status::DONE, String::new()),
        Err(Failure::Refused(LoadError::Compile(message))) => (status::COMPILE, message),
        Err(Failure::Refused(LoadError::Wrap(message))) => (status::WRAP, message),
        Err(Failure::Refused(LoadError::TooMuch(message))) => (status::TOO_MUCH, message),
        Err(Failure::Refused(other)) => (status::COMPILE, other.to_string()),
        Err(Failure::Hindered(message)) => (status::HINDERED, message),
    };
    // Nobody may be reading any more.
    let _ = io::stderr().write_all(message.as_bytes());
    u8::try_from(status).unwrap_or(u8::MAX)
}

enum Failure {
    Refused(LoadError),
    Hindered(String),
}

fn work(bounds: Bounds) -> Result<(), Failure> {
    confine(bounds).map_err(Failure::Hindered)?;
    let engine = Engine::new(&settings()).map_err(|error| Failure::Hindered(format!("{error:#}")))?;
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MAX_FILE_BYTES).read_to_end(&mut bytes);
    read.map_err(|error| Failure::Hindered(format!("cannot read the component: {error}")))?;
    let code = compile(&engine, bytes).map_err(Failure::Refused)?;
    let mut out = io::stdout().lock();
    let written = out.write_all(&code).and_then(|()| out.flush());
    written.map_err(|error| Failure::Hindered(format!("cannot write the code: {error}")))
}
