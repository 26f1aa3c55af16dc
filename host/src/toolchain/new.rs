//! Lays down a new project: a handler that works, and the SDK that it is built with, in `.sandbus`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::language::Language;
use super::name::ProjectName;
use super::rust::lock;
use super::{sdk, template};

/// The folder of the SDK in a project. Projects are built with what they were made with.
const SDK: &str = ".sandbus";

/// Why no project was made.
#[derive(Debug, thiserror::Error)]
pub enum NewError {
    /// The place is taken.
    #[error("{path} is there already, and {what}; name another folder", path = .0.display(), what = .1)]
    Occupied(PathBuf, &'static str),
    /// A file or folder cannot be written.
    #[error("cannot write {path}: {error}", path = .0.display(), error = .1)]
    Write(PathBuf, io::Error),
}

/// Makes a project in `directory`, which must be missing or empty. Answers the files that are the user's own, by
/// their paths in it.
///
/// # Errors
/// Where the folder holds something, or cannot be written. Nothing that was there is touched.
pub fn create(name: &ProjectName, language: Language, directory: &Path) -> Result<Vec<String>, NewError> {
    let cannot = |error| NewError::Write(directory.to_owned(), error);
    match directory.read_dir().map(|mut entries| entries.next().is_some()) {
        Ok(true) => return Err(NewError::Occupied(directory.to_owned(), "not empty")),
        Ok(false) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(directory).map_err(cannot)?,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(NewError::Occupied(directory.to_owned(), "no folder"));
        }
        Err(error) => return Err(cannot(error)),
    }
    for (path, bytes) in sdk::files(language) {
        write(&directory.join(SDK).join(path), bytes)?;
    }
    match language {
        Language::Rust => {
            write(&directory.join("Cargo.lock"), lock::with_project(sdk::RUST_LOCK, name).as_bytes())?;
        }
        Language::Js | Language::Ts => {}
        // The SDK needs nothing but Go's own library.
        Language::Go => {}
        Language::C => {}
        Language::Python => {}
    }
    let mut own = Vec::new();
    for (path, text) in template::files(language, name) {
        write(&directory.join(&path), text.as_bytes())?;
        own.push(path);
    }
    Ok(own)
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), NewError> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, bytes))
        .map_err(|error| NewError::Write(file.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> ProjectName {
        ProjectName::new("order-log", Language::Rust).unwrap()
    }

    #[test]
    fn a_project_is_laid_down_with_its_sdk() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("deep/order-log");
        let own = create(&name(), Language::Rust, &folder).unwrap();
        assert!(own.iter().any(|file| file == "src/lib.rs") && own.iter().any(|file| file == ".gitignore"));
        let manifest: toml::Table = fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap();
        let sdk = folder.join(manifest["dependencies"]["sandbus-sdk"]["path"].as_str().unwrap());
        assert!(sdk.join("src/lib.rs").is_file());
        // Where the SDK looks for the contract.
        assert!(sdk.join("../../wit/handler.wit").is_file());
        assert!(fs::read_to_string(folder.join("Cargo.lock")).unwrap().contains("name = \"order-log\""));
    }

    #[test]
    fn an_empty_folder_will_do() {
        let folder = tempfile::tempdir().unwrap();
        create(&name(), Language::Rust, folder.path()).unwrap();
        assert!(folder.path().join("Cargo.toml").is_file());
    }

    #[test]
    fn what_is_there_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.txt");
        fs::write(&file, "mine").unwrap();
        let occupied = |place: &Path| create(&name(), Language::Rust, place).unwrap_err().to_string();
        assert!(occupied(folder.path()).ends_with("and not empty; name another folder"));
        assert!(occupied(&file).ends_with("and no folder; name another folder"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }
}
