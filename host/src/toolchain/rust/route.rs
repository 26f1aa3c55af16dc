//! Which compiler builds a handler: the one in PATH, the same once rustup has added the target, or Debian's.
//!
//! Decides only. What is on the machine, and what is done to it, goes through [`Machine`]. Without a compiler the
//! answer says of each way why it is closed, and what would open it.

use std::fmt;
use std::str::FromStr;

use super::super::readiness::Readiness;

/// What handlers are compiled for.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// A way to a compiler for WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The `cargo` and `rustc` in PATH as they are.
    Cargo,
    /// The same, after rustup has added the target.
    Rustup,
    /// Debian's packages, which build the standard library themselves.
    Debian,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Route::Cargo => "cargo",
            Route::Rustup => "rustup",
            Route::Debian => "debian",
        })
    }
}

/// A name that no [`Route`] has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no toolchain; write cargo, rustup or debian")]
pub struct UnknownRoute(String);

impl FromStr for Route {
    type Err = UnknownRoute;

    fn from_str(text: &str) -> Result<Self, UnknownRoute> {
        [Route::Cargo, Route::Rustup, Route::Debian]
            .into_iter()
            .find(|route| route.to_string() == text)
            .ok_or_else(|| UnknownRoute(text.to_owned()))
    }
}

/// Whose `cargo` and `rustc` are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compiler {
    InPath,
    Debian,
}

/// What is on this machine. Every refusal is a reason in words, without a full stop.
pub(super) trait Machine {
    /// Whether the `rustc` in PATH has a standard library for the target, and `cargo` is there.
    fn path_is_ready(&self) -> Result<(), String>;
    /// Whether rustup is in PATH.
    fn has_rustup(&self) -> bool;
    /// Has rustup add the target.
    fn add_target(&self) -> Result<(), String>;
    /// Whether everything of Debian's is there.
    fn debian_is_ready(&self) -> bool;
    /// Has apt-get install what is missing.
    fn install_debian(&self) -> Result<(), String>;
}

/// Why nothing here builds for WebAssembly: a line for each way that was tried.
#[derive(Debug, PartialEq, Eq)]
pub struct NoCompiler(Vec<(Route, String)>);

impl fmt::Display for NoCompiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no Rust here that builds for {TARGET}:")?;
        self.0.iter().try_for_each(|(route, reason)| write!(f, "\n  {route}: {reason}"))
    }
}

impl std::error::Error for NoCompiler {}

/// Finds a compiler, by `route` alone or by the first way that is open. `say` hears what is done to the machine.
///
/// What is there goes before what has to be installed: nobody waits for a network at every build.
pub(super) fn choose(machine: &dyn Machine, route: Option<Route>, say: &dyn Fn(&str)) -> Result<Compiler, NoCompiler> {
    let may = |way| route.is_none_or(|route| route == way);
    let mut closed = Vec::new();
    if may(Route::Cargo) {
        match machine.path_is_ready() {
            Ok(()) => return Ok(Compiler::InPath),
            Err(reason) => closed.push((Route::Cargo, reason)),
        }
    }
    if may(Route::Debian) && machine.debian_is_ready() {
        return Ok(Compiler::Debian);
    }
    if may(Route::Rustup) {
        match by_rustup(machine, say) {
            Ok(()) => return Ok(Compiler::InPath),
            Err(reason) => closed.push((Route::Rustup, reason)),
        }
    }
    if may(Route::Debian) {
        match by_debian(machine, say) {
            Ok(()) => return Ok(Compiler::Debian),
            Err(reason) => closed.push((Route::Debian, reason)),
        }
    }
    Err(NoCompiler(closed))
}

/// The compiler that [`choose`] would take without touching the machine, or else what it would do.
pub(super) fn look(machine: &dyn Machine) -> Result<Compiler, Readiness> {
    match machine.path_is_ready() {
        Ok(()) => Ok(Compiler::InPath),
        Err(_) if machine.debian_is_ready() => Ok(Compiler::Debian),
        Err(reason) if machine.has_rustup() => {
            Err(Readiness::Installs(format!("{reason}, else Debian's packages by apt-get")))
        }
        Err(reason) => Err(Readiness::Missing(format!("{reason}; or apt-get installs Debian's packages as root"))),
    }
}

fn by_rustup(machine: &dyn Machine, say: &dyn Fn(&str)) -> Result<(), String> {
    if !machine.has_rustup() {
        return Err("there is no rustup in PATH".into());
    }
    say(&format!("adding the target {TARGET} with rustup"));
    machine.add_target()?;
    machine.path_is_ready()
}

fn by_debian(machine: &dyn Machine, say: &dyn Fn(&str)) -> Result<(), String> {
    say("installing Debian's Rust for WebAssembly with apt-get");
    machine.install_debian()?;
    if machine.debian_is_ready() { Ok(()) } else { Err("apt-get ended well, but not everything is installed".into()) }
}

#[cfg(test)]
mod tests;
