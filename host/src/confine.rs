//! What a process gives up before it touches what a stranger wrote: privileges, files, system calls.
//!
//! Two processes confine themselves: the one that compiles ([`worker`]) always, the host ([`host`]) unless it is told
//! not to. What is given up cannot be had again, neither by the process nor by those that it starts. Files and system
//! calls are given up by the calling thread and the threads that it starts later, so this comes before all others.
//!
//! A system may lack a measure. What became of each is told as a [`Measure`]; whether one may be missing is the
//! caller's to say.

use std::fmt;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

mod calls;
mod files;
pub mod host;
pub mod worker;

/// What is given up, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    /// What it is about: `privileges`, `dumps`, `files`, `calls`.
    pub name: &'static str,
    /// What became of it.
    pub state: State,
}

/// What became of a measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It holds.
    On,
    /// It holds but for what this system does not know.
    Partly(String),
    /// It does not hold, and why.
    Off(String),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::On => f.write_str("on"),
            State::Partly(what) => write!(f, "partly: {what}"),
            State::Off(why) => write!(f, "off: {why}"),
        }
    }
}

impl<E: fmt::Display> From<Result<(), E>> for State {
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => State::On,
            Err(error) => State::Off(error.to_string()),
        }
    }
}

/// No program that is started later gains privileges, as by its set-user-ID bit.
fn drop_privileges() -> Measure {
    // SAFETY: sets a flag of this thread, and touches no memory.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    let result = if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) };
    Measure { name: "privileges", state: result.into() }
}

/// Leaves no core dump, and lets no process of the same user trace this one or read its memory.
fn leave_no_dumps() -> Measure {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let result = setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    Measure { name: "dumps", state: result.into() }
}

#[cfg(test)]
mod tests;
