//! Looks for components in the handlers' folder.

use std::fs;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::key::Reading;
use super::{Fault, Found, Origin, paths};

/// Every `*.wasm` in the folder that is not among `named`, sorted.
pub(super) fn components(context: &Context, dir: &Reading<PathBuf>, named: &[PathBuf]) -> Vec<PathBuf> {
    let folder = context.resolve(&dir.value);
    let listing = fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<PathBuf>, _>>());
    let mut files = match listing {
        Ok(files) => files,
        Err(error) if is_absent(&error) && dir.origin == Origin::Default => Vec::new(),
        Err(error) => {
            context.add(Fault {
                path: dir.path.clone(),
                origin: dir.origin.clone(),
                found: Found::Value(paths::shown(&dir.value)),
                expected: "a folder that can be read".to_owned(),
                hint: Some(paths::problem(&folder, &error)),
            });
            Vec::new()
        }
    };
    files.sort();
    let named: Vec<PathBuf> = named.iter().map(|path| same(path)).collect();
    files.retain(|file| is_component(file) && !named.contains(&same(file)));
    files
}

fn is_absent(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

/// A file that a glob `*.wasm` would find. What cannot be looked at counts, so that it is not
/// silently left out.
pub fn is_component(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wasm")
        && !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
        && !path.is_dir()
}

/// One file has one such path, however it is named.
fn same(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
