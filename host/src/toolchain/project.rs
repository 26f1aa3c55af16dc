//! What a project is to every language: a folder with a name, built to a module or a component.

use std::path::PathBuf;

use super::language::Language;

/// Why a folder is no project that can be built.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// There is no such folder.
    #[error("there is no folder {path}", path = .0.display())]
    NoFolder(PathBuf),
    /// It holds no project of any language.
    #[error(
        "there is no {markers} in {path}; \
         name the folder of a handler's project, or make one: sandbus new NAME --lang {languages}",
        path = .0.display(),
        markers = joined(Language::marker, " or "),
        languages = joined(Language::name, "|")
    )]
    NoProject(PathBuf),
    /// The language's own word on it.
    #[error(transparent)]
    Crate(#[from] super::rust::CrateError),
    /// Its manifest says nothing that can be used.
    #[error("{path}: {reason}", path = .0.display(), reason = .1)]
    BadManifest(PathBuf, String),
}

/// What each language has, without repeats.
fn joined(what: fn(Language) -> &'static str, between: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in Language::ALL.iter().map(|language| what(*language)) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(between)
}

/// What a language's tools made of a project.
#[derive(Debug)]
pub(super) struct Module {
    /// The project's name.
    pub name: String,
    /// Where what is built of this project goes; absolute.
    pub target_directory: PathBuf,
    /// A component, or a core module that carries its interface.
    pub bytes: Vec<u8>,
}
