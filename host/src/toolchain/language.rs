//! The languages that `sandbus new` and `sandbus build` know, and by which file a project is told to be of one.

use std::path::Path;

use super::project::ProjectError;

/// A language that handlers are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, by cargo.
    Rust,
    /// JavaScript, on QuickJS.
    Js,
    /// TypeScript, on QuickJS.
    Ts,
    /// Python, by componentize-py.
    Python,
    /// Go, by its own compiler.
    Go,
    /// C, by zig or another compiler.
    C,
}

impl Language {
    /// Each of them, in the order in which people are told.
    pub const ALL: &'static [Language] =
        &[Language::Rust, Language::Js, Language::Ts, Language::Python, Language::Go, Language::C];

    /// As it is typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::Js => "js",
            Language::Ts => "ts",
            Language::Python => "python",
            Language::Go => "go",
            Language::C => "c",
        }
    }

    /// As people write it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Language::Rust => "Rust",
            Language::Js => "JavaScript",
            Language::Ts => "TypeScript",
            Language::Python => "Python",
            Language::Go => "Go",
            Language::C => "C",
        }
    }

    /// The file that every project of this language has in its folder. Where a folder has that of several, the first of
    /// [`Language::ALL`] counts, but that of TypeScript goes before JavaScript's, which its projects have too.
    #[must_use]
    pub fn marker(self) -> &'static str {
        match self {
            Language::Rust => "Cargo.toml",
            Language::Js => "package.json",
            Language::Ts => "tsconfig.json",
            Language::Python => "pyproject.toml",
            Language::Go => "go.mod",
            Language::C => "handler.c",
        }
    }

    /// That of the project in this folder.
    ///
    /// # Errors
    /// Where there is no such folder, or it is the project of no language.
    pub fn of_project(folder: &Path) -> Result<Language, ProjectError> {
        if !folder.is_dir() {
            return Err(ProjectError::NoFolder(folder.to_owned()));
        }
        let is_of = |language: &&Language| folder.join(language.marker()).is_file();
        match Self::ALL.iter().find(is_of).copied() {
            Some(Language::Js) if is_of(&&Language::Ts) => Ok(Language::Ts),
            Some(language) => Ok(language),
            None => Err(ProjectError::NoProject(folder.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_known_by_its_file() {
        for language in Language::ALL {
            let folder = tempfile::tempdir().unwrap();
            assert!(matches!(Language::of_project(folder.path()), Err(ProjectError::NoProject(_))));
            std::fs::write(folder.path().join(language.marker()), "").unwrap();
            assert_eq!(Language::of_project(folder.path()).unwrap(), *language);
            let file = folder.path().join(language.marker());
            assert!(matches!(Language::of_project(&file), Err(ProjectError::NoFolder(_))));
        }
    }

    #[test]
    fn a_package_with_a_configuration_of_types_is_typescript() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["package.json", "tsconfig.json"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        assert_eq!(Language::of_project(folder.path()).unwrap(), Language::Ts);
    }
}
