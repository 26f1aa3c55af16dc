//! A component's code: what this process has, else what the cache has, else what is compiled now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use wasmtime::Engine;
use wasmtime::component::Component as Code;

use super::Sandbox;
use super::cache::Digest;
use super::component::{LoadError, Way};

/// Where code came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Another handler of this process has the same component.
    Shared,
    /// It was compiled before.
    Cached,
    /// It was compiled now.
    Compiled,
}

impl Source {
    /// As it is logged.
    pub fn name(self) -> &'static str {
        match self {
            Source::Shared => "shared",
            Source::Cached => "cached",
            Source::Compiled => "compiled",
        }
    }
}

/// Code that this process has, as long as somebody uses it. One at a time loads a content; others wait for it.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<Digest, Place>>);

/// Where the code of one content is.
pub(super) type Place = Arc<tokio::sync::Mutex<Weak<Way>>>;

impl Known {
    /// Where code with this content is, or is to be put.
    pub fn place(&self, content: &Digest) -> Place {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What nobody uses or waits for.
        places.retain(|_, place| {
            Arc::strong_count(place) > 1 || place.try_lock().is_ok_and(|way| way.strong_count() > 0)
        });
        places.entry(*content).or_default().clone()
    }
}

impl Sandbox {
    /// Code of a file with this content. Takes as long as compiling takes.
    ///
    /// # Errors
    /// Where the file cannot be compiled.
    pub(super) fn code(&self, content: &Digest, bytes: Vec<u8>) -> Result<(Code, Source), LoadError> {
        if let Some(cache) = &self.cache
            && let Some(native) = cache.get(content)
        {
            // SAFETY: it is whole, and of a folder that nobody but our user can write to: made by a compiler of ours.
            match unsafe { ready(&self.engine, &native) } {
                Ok(code) => return Ok((code, Source::Cached)),
                Err(error) => cache.discard(content, &format_args!("{error:#}")),
            }
        }
        let native = self.compiler.compile(&self.engine, bytes)?;
        // SAFETY: it was compiled just now.
        let code = unsafe { ready(&self.engine, &native) }.map_err(|error| refused(&error))?;
        if let Some(cache) = &self.cache {
            cache.put(content, &native);
        }
        Ok((code, Source::Compiled))
    }
}

fn refused(error: &wasmtime::Error) -> LoadError {
    LoadError::Compile(format!("{error:#}"))
}

/// Native code, ready to be run.
///
/// # Safety
/// `native` is what a [`Compiler`](super::compile::Compiler) made.
unsafe fn ready(engine: &Engine, native: &[u8]) -> wasmtime::Result<Code> {
    // SAFETY: by this function's contract. Code for another engine is refused.
    let code = unsafe { Code::deserialize(engine, native) }?;
    // Pays for the image of its initial memory now rather than at the first event.
    code.initialize_copy_on_write_image()?;
    Ok(code)
}

#[cfg(test)]
mod tests;
