//! Paths in the configuration: relative to its file, and there when it is read.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use super::check::Text;
use super::document;

/// A path to a file.
pub(super) const FILE: Text<PathBuf> = Text { allowed: "a path to a file", parse: path };

/// A path to a folder.
pub(super) const FOLDER: Text<PathBuf> = Text { allowed: "a path to a folder", parse: path };

/// A path, as it is written.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') { Err(String::new()) } else { Ok(PathBuf::from(text)) }
}

/// Why there is no such file, if there is none.
pub(super) fn missing_file(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => None,
        Ok(_) => Some(format!("{} is not a file", path.display())),
        Err(error) => Some(problem(path, &error)),
    }
}

/// What an error with a file means.
pub(super) fn problem(path: &Path, error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("there is no {}", path.display()),
        _ => format!("{}: {error}", path.display()),
    }
}

/// A path as a fault shows it.
pub(super) fn shown(path: &Path) -> String {
    document::quote(&path.display().to_string())
}
