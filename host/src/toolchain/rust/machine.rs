//! This machine, as the choice of a compiler sees it: runs `cargo`, `rustc` and `rustup` in the project's folder, where
//! a `rust-toolchain.toml` counts.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::command::{answer, show};
use super::debian;
use super::route::{Machine, TARGET};

/// The machine, seen from this folder.
pub(super) struct ThisMachine<'a>(pub &'a Path);

impl Machine for ThisMachine<'_> {
    fn path_is_ready(&self) -> Result<(), String> {
        answer(Command::new("cargo").arg("--version"), self.0).map_err(|complaint| no("cargo", complaint))?;
        // As cargo does.
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
        let mut rustc = Command::new(rustc);
        rustc.args(["--print", "target-libdir", "--target", TARGET]);
        let folder = answer(&mut rustc, self.0).map_err(|complaint| no("rustc", complaint))?;
        if holds_libraries(&PathBuf::from(folder)) {
            Ok(())
        } else {
            Err(format!("the rustc in PATH has no standard library for {TARGET}; `rustup target add {TARGET}` gets it"))
        }
    }

    fn has_rustup(&self) -> bool {
        answer(Command::new("rustup").arg("--version"), self.0).is_ok()
    }

    fn add_target(&self) -> Result<(), String> {
        let mut rustup = Command::new("rustup");
        // What stands on rustup's stack when there is no network helps nobody.
        rustup.args(["target", "add", TARGET]).current_dir(self.0).env("RUST_BACKTRACE", "0");
        match show(&mut rustup) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("`rustup target add {TARGET}` failed; its message is above")),
            Err(error) => Err(format!("rustup cannot be started: {error}")),
        }
    }

    fn debian_is_ready(&self) -> bool {
        debian::is_installed(Path::new("/"))
    }

    fn install_debian(&self) -> Result<(), String> {
        debian::install()
    }
}

/// In words, that a program of Rust's does not run.
fn no(program: &str, complaint: Option<String>) -> String {
    match complaint {
        None => format!("there is no {program} in PATH; Rust comes from https://rustup.rs"),
        Some(complaint) => format!("the {program} in PATH does not run: {complaint}"),
    }
}

/// An uninstalled target has no folder, or an empty one.
fn holds_libraries(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else { return false };
    entries.flatten().any(|entry| entry.path().extension().is_some_and(|extension| extension == "rlib"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_libraries_is_no_standard_library() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!holds_libraries(&folder.path().join("missing")));
        assert!(!holds_libraries(folder.path()));
        std::fs::write(folder.path().join("libcore-1.rlib"), "").unwrap();
        assert!(holds_libraries(folder.path()));
    }
}
