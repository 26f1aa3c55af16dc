//! Packages of PyPI in a folder of their own, by the pip of this machine's Python, or by one in an environment that it makes.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::command;
use super::tools::could_not_install;

/// The file with the pinned versions, which pip reads.
pub(super) const REQUIREMENTS: &str = "requirements.txt";

/// The folder, in that of the tools, which pip fills.
pub(super) const SITE: &str = "site";

/// The variable that names a mirror of PyPI.
pub(super) const MIRROR: &str = "PIP_INDEX_URL";

/// Where a pip comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// It is there.
    Python,
    /// Debian's Python has none, but puts one into a new environment.
    Environment,
}

/// Whether there is a pip, or one can be had.
///
/// # Errors
/// In words, what is missing and what to do.
pub(super) fn find() -> Result<(), String> {
    source().map(|_| ())
}

fn source() -> Result<Source, String> {
    let python = |arguments: &[&str]| command::answer(Command::new("python3").args(arguments), Path::new("/"));
    match python(&["-m", "pip", "--version"]) {
        Ok(_) => Ok(Source::Python),
        Err(None) => Err("there is no python3 in PATH, whose pip would install it; install Python 3".into()),
        Err(Some(_)) => match python(&["-c", "import ensurepip, venv"]) {
            Ok(_) => Ok(Source::Environment),
            Err(_) => Err("python3 has no pip to install it; on Debian: apt-get install python3-venv".into()),
        },
    }
}

/// Installs what `requirements.txt` in `folder` names, and nothing else, into [`SITE`] in it.
///
/// # Errors
/// In words, what could not be done.
pub(super) fn install(folder: &Path) -> Result<(), String> {
    let python = match source()? {
        Source::Python => PathBuf::from("python3"),
        Source::Environment => {
            let environment = folder.join("venv");
            run(Command::new("python3").args(["-m", "venv"]).arg(&environment), || {
                "python3 could not make an environment; its message is above".into()
            })?;
            environment.join("bin/python")
        }
    };
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]);
    pip.args(["--require-hashes", "--target", SITE, "--requirement", REQUIREMENTS]).current_dir(folder);
    // The folder is nobody else's, so root may install into it.
    run(pip.env("PIP_ROOT_USER_ACTION", "ignore"), || could_not_install("pip", MIRROR))
}

fn run(command: &mut Command, failed: impl FnOnce() -> String) -> Result<(), String> {
    match command::show(command) {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed()),
        Err(error) => Err(format!("python3 cannot be started: {error}")),
    }
}
