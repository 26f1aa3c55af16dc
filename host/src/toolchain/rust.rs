//! Handlers in Rust: a compiler for WebAssembly is found, or rustup or apt-get is asked for one, and cargo builds the
//! crate with it.

mod cargo;
mod debian;
pub(super) mod lock;
mod machine;
mod project;
mod route;

use std::path::Path;

pub use project::CrateError;
pub use route::{NoCompiler, Route, UnknownRoute};

use super::build::BuildError;
use super::project::{Module, ProjectError};
use super::readiness::Readiness;
use cargo::Cargo;
use machine::ThisMachine;
use project::Project;

/// Builds the crate in `folder`, which is absolute.
pub(super) fn build(folder: &Path, route: Option<Route>, say: &dyn Fn(&str)) -> Result<Module, BuildError> {
    let manifest = folder.join("Cargo.toml");
    let compiler = route::choose(&ThisMachine(folder), route, say)?;
    let cargo = Cargo { compiler, folder };
    let project = Project::read(&cargo, &manifest).map_err(ProjectError::from)?;
    say(&format!("building {} with {}", project.name, cargo.describe()));
    let module = cargo
        .build(&project, &manifest)
        .map_err(|error| BuildError::Start("cargo", error))?
        .ok_or_else(|| BuildError::Tool("cargo", project.name.clone()))?;
    let bytes = std::fs::read(&module).map_err(|error| BuildError::File("cannot read", module, error))?;
    Ok(Module { name: project.name, target_directory: project.target_directory, bytes })
}

/// Which compiler a build would take now.
pub(super) fn readiness() -> Readiness {
    let here = Path::new(".");
    match route::look(&ThisMachine(here)) {
        Ok(compiler) => Readiness::Ready(Cargo { compiler, folder: here }.describe()),
        Err(closed) => closed,
    }
}
