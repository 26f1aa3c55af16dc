//! New handler projects, and building them to components, in every language that has an SDK.
//!
//! A project is a folder with the SDK beside it, both laid down by [`create`] from what is embedded here. [`build()`]
//! finds the language's tools, or has its own package manager install them, lets them build the project, and makes a
//! component of what comes out. What the tools print goes to stderr; results are values, and printing them is the
//! caller's. Each language has a module of its own; the rest is common to all.

mod apt;
mod build;
mod c;
mod command;
mod go;
mod interface;
mod js;
mod language;
mod name;
mod new;
mod output;
mod pip;
mod project;
mod python;
mod readiness;
mod rust;
mod sdk;
mod template;
mod tools;

pub use build::{BuildError, Built, build};
pub use language::Language;
pub use name::{BadProjectName, ProjectName};
pub use new::{NewError, create};
pub use project::ProjectError;
pub use readiness::{Readiness, readiness};
pub use rust::{CrateError, NoCompiler, Route, UnknownRoute};
