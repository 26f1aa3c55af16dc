//! Puts a file in its place in one step, so that a host that watches the folder never sees half of it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `file`, and makes the folders on its way. Whether that changed anything: an equal file is left
/// alone, and nobody who watches it is woken.
///
/// # Errors
/// What the system says. The old file is unharmed then.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> io::Result<bool> {
    if fs::read(file).is_ok_and(|old| old == bytes) {
        return Ok(false);
    }
    let temporary = beside(file)?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let written = write(&temporary, bytes).and_then(|()| fs::rename(&temporary, file));
    if written.is_err() {
        // It may not even exist; the first error is the one that tells.
        let _ = fs::remove_file(&temporary);
    }
    written.map(|()| true)
}

/// On the same file system, for a rename; hidden, for no host takes it for a component.
fn beside(file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::IsADirectory, "this is a folder"))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}", std::process::id()));
    Ok(file.with_file_name(hidden))
}

fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut open = fs::File::create(file)?;
    open.write_all(bytes)?;
    // Else a crash of the machine could leave the new name with nothing behind it.
    open.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_made_with_its_folders_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/c.wasm");
        assert!(replace(&file, b"one").unwrap());
        assert!(replace(&file, b"two").unwrap());
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(names(file.parent().unwrap()), ["c.wasm"]);
    }

    #[test]
    fn an_equal_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.wasm");
        replace(&file, b"one").unwrap();
        let modified = || fs::metadata(&file).unwrap().modified().unwrap();
        let before = modified();
        assert!(!replace(&file, b"one").unwrap());
        assert_eq!(modified(), before);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.wasm");
        // A folder with something in it cannot be renamed over.
        fs::create_dir_all(file.join("occupied")).unwrap();
        replace(&file, b"one").unwrap_err();
        assert_eq!(names(folder.path()), ["c.wasm"]);
        replace(Path::new("/"), b"one").unwrap_err();
    }
}
