//! This machine, as the choice of a compiler sees it: runs `cargo`, `rustc` and `rustup` in the project's folder, where
//! a `rust-toolchain.toml` counts.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

/// The first line that a command prints. The error is its complaint, or `None` where there is no such program.
fn answer(command: &mut Command, folder: &Path) -> Result<String, Option<String>> {
    let output = command.current_dir(folder).stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => None,
        _ => Some(error.to_string()),
    })?;
    let first = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().trim().to_owned();
    if output.status.success() {
        Ok(first(&output.stdout))
    } else {
        let complaint = first(&output.stderr);
        Err(Some(if complaint.is_empty() { output.status.to_string() } else { complaint }))
    }
}

/// Runs a command with all that it prints on stderr. Whether it ended well.
pub(super) fn show(command: &mut Command) -> io::Result<bool> {
    Ok(command.stdin(Stdio::null()).stdout(io::stderr()).status()?.success())
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
    fn an_answer_is_the_first_line() {
        let mut echo = Command::new("sh");
        assert_eq!(answer(echo.args(["-c", "echo one; echo two"]), Path::new("/")), Ok("one".into()));
    }

    #[test]
    fn a_missing_program_differs_from_one_that_fails() {
        assert_eq!(answer(&mut Command::new("no-such-program"), Path::new("/")), Err(None));
        let fails = |script| answer(Command::new("sh").args(["-c", script]), Path::new("/"));
        assert_eq!(fails("echo why >&2; exit 3"), Err(Some("why".into())));
        assert_eq!(fails("exit 3"), Err(Some("exit status: 3".into())));
    }

    #[test]
    fn a_folder_without_libraries_is_no_standard_library() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!holds_libraries(&folder.path().join("missing")));
        assert!(!holds_libraries(folder.path()));
        std::fs::write(folder.path().join("libcore-1.rlib"), "").unwrap();
        assert!(holds_libraries(folder.path()));
    }
}
