//! From a project to a component in its place.

use std::io;
use std::path::{Path, PathBuf};

use super::c;
use super::go;
use super::js;
use super::language::Language;
use super::output;
use super::project::{Module, ProjectError};
use super::python;
use super::rust::{self, NoCompiler, Route};
use crate::sandbox::component::componentize;

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing to build.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Nothing to build Rust with.
    #[error(transparent)]
    NoCompiler(#[from] NoCompiler),
    /// Nothing to build another language with: why, and what to do.
    #[error("{language} cannot be built here: {1}", language = .0.title())]
    NoTools(Language, String),
    /// A tool does not start.
    #[error("{0} cannot be started: {1}")]
    Start(&'static str, io::Error),
    /// A tool has said why.
    #[error("{0} could not build {1}; its message is above")]
    Tool(&'static str, String),
    /// A tool has said what is wrong, and this is what it means.
    #[error("{0} could not build {1}: {2}")]
    Explained(&'static str, String, String),
    /// What was built is no handler's module.
    #[error("{0} was built, but it is no handler: {1}")]
    NoHandler(String, String),
    /// A file cannot be read or written.
    #[error("{action} {path}: {error}", action = .0, path = .1.display(), error = .2)]
    File(&'static str, PathBuf, io::Error),
}

/// A component in its place.
#[derive(Debug)]
pub struct Built {
    /// The project's name.
    pub name: String,
    /// Where it is, absolute unless the caller named a relative place.
    pub component: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether it differs from the one that was there.
    pub changed: bool,
}

/// Builds the project in `directory` to `output`, or else to `components/NAME.wasm` in its target folder.
///
/// `route` is the only way to a Rust compiler that is tried; without it the first that is open is taken. Tools that are
/// missing are installed where that is possible. `say` hears in single lines what is installed and what it is built with.
///
/// # Errors
/// Where there is no project, nothing to build it with, the language's tools fail, or the result is no handler or cannot
/// be written.
pub fn build(
    directory: &Path,
    output: Option<&Path>,
    route: Option<Route>,
    say: &dyn Fn(&str),
) -> Result<Built, BuildError> {
    let language = Language::of_project(directory)?;
    let folder = directory.canonicalize().map_err(|_| ProjectError::NoFolder(directory.to_owned()))?;
    let Module { name, target_directory, bytes } = match language {
        Language::Rust => rust::build(&folder, route, say)?,
        Language::Js | Language::Ts => js::build(&folder, language, say)?,
        Language::Go => go::build(&folder, say)?,
        Language::C => c::build(&folder, say)?,
        Language::Python => python::build(&folder, say)?,
    };
    let bytes = componentize(bytes).map_err(|error| BuildError::NoHandler(name.clone(), error.to_string()))?;
    let component = match output {
        Some(output) => output.to_owned(),
        None => target_directory.join("components").join(format!("{name}.wasm")),
    };
    match output::replace(&component, &bytes) {
        Ok(changed) => Ok(Built { name, component, bytes: bytes.len() as u64, changed }),
        Err(error) => Err(BuildError::File("cannot write", component, error)),
    }
}
