//! From a file's bytes to native code: by a process of its own ([`apart`]), or by this one.
//!
//! What compiles reads a stranger's bytes with half a million lines of compiler, for as long and with as much memory as
//! these bytes make it take. So the host has it done by a child, which is bounded, confined ([`crate::confine::worker`])
//! and may die. In this process it is done for tests and measurements, whose components are their own.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use wasmtime::Engine;

use super::component::LoadError;
use super::core_module::componentize;
use super::foreign;

pub mod apart;
mod guard;
pub mod worker;

use apart::Apart;

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// This process.
    Here,
    /// A child of it.
    Apart(Apart),
}

impl Compiler {
    /// From a file to native code for this engine. Takes as long as compiling takes.
    ///
    /// # Errors
    /// Where the bytes are no component, do not compile, or take more than compiling may.
    pub(super) fn compile(&self, engine: &Engine, bytes: Vec<u8>) -> Result<Vec<u8>, LoadError> {
        foreign::check(&bytes, Path::new(""))?;
        match self {
            Compiler::Here => compile(engine, bytes),
            Compiler::Apart(apart) => apart.compile(&bytes),
        }
    }
}

/// The same, by this process.
pub(super) fn compile(engine: &Engine, bytes: Vec<u8>) -> Result<Vec<u8>, LoadError> {
    let compile = || {
        guard::check(&bytes)?;
        let compiled = engine.precompile_component(&componentize(bytes)?);
        compiled.map_err(|error| LoadError::Compile(format!("{error:#}")))
    };
    // A compiler that panics on a file must not take this process with it.
    std::panic::catch_unwind(AssertUnwindSafe(compile))
        .unwrap_or_else(|_| Err(LoadError::Compile("the compiler panicked; see the lines above".into())))
}
