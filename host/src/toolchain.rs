//! New handler projects, and building them to components.
//!
//! A project is a crate with the SDK beside it, both laid down by [`create`] from what is embedded here. [`build()`]
//! finds a compiler for WebAssembly, lets cargo build the crate with it, and makes a component of the module. Cargo,
//! rustup and apt-get show their own output on stderr; results are values, and printing them is the caller's.

mod build;
mod cargo;
mod debian;
mod lock;
mod machine;
mod name;
mod new;
mod output;
mod project;
mod route;
mod sdk;
mod template;

pub use build::{BuildError, Built, build};
pub use name::{BadProjectName, ProjectName};
pub use new::{NewError, create};
pub use project::ProjectError;
pub use route::{NoCompiler, Route, UnknownRoute};
