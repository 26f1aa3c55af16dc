//! From a project to a component in its place.

use std::io;
use std::path::{Path, PathBuf};

use super::cargo::Cargo;
use super::machine::ThisMachine;
use super::output;
use super::project::{self, Project, ProjectError};
use super::route::{self, NoCompiler, Route};
use crate::sandbox::component::componentize;

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing to build.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Nothing to build with.
    #[error(transparent)]
    NoCompiler(#[from] NoCompiler),
    /// Cargo does not start.
    #[error("cargo cannot be started: {0}")]
    Start(io::Error),
    /// Cargo has said why.
    #[error("cargo could not build {0}; its message is above")]
    Cargo(String),
    /// What cargo built is no handler's module.
    #[error("{name} was built, but it is no handler: {reason}", name = .0, reason = .1)]
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
/// `route` is the only way to a compiler that is tried; without it the first that is open is taken, and where there
/// is none, rustup or apt-get is asked to install one. `say` hears in single lines what is installed and which compiler
/// it is.
///
/// # Errors
/// Where there is no project or no compiler, cargo fails, or the result is no handler or cannot be written.
pub fn build(
    directory: &Path,
    output: Option<&Path>,
    route: Option<Route>,
    say: &dyn Fn(&str),
) -> Result<Built, BuildError> {
    let manifest = project::manifest(directory)?;
    let folder = manifest.parent().unwrap_or(directory);
    let compiler = route::choose(&ThisMachine(folder), route, say)?;
    let cargo = Cargo { compiler, folder };
    let project = Project::read(&cargo, &manifest)?;
    say(&format!("building {} with {}", project.name, cargo.describe()));
    let module = cargo
        .build(&project, &manifest)
        .map_err(BuildError::Start)?
        .ok_or_else(|| BuildError::Cargo(project.name.clone()))?;
    let bytes = std::fs::read(&module).map_err(|error| BuildError::File("cannot read", module, error))?;
    let bytes = componentize(bytes).map_err(|error| BuildError::NoHandler(project.name.clone(), error.to_string()))?;
    let component = match output {
        Some(output) => output.to_owned(),
        None => project.target_directory.join("components").join(format!("{}.wasm", project.name)),
    };
    match output::replace(&component, &bytes) {
        Ok(changed) => Ok(Built { name: project.name, component, bytes: bytes.len() as u64, changed }),
        Err(error) => Err(BuildError::File("cannot write", component, error)),
    }
}
