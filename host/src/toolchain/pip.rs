//! Packages of PyPI in a folder of their own, by the pip that this machine has.

use std::path::Path;
use std::process::Command;

use super::command;

/// The file with the pinned versions, which pip reads.
pub(super) const REQUIREMENTS: &str = "requirements.txt";

/// Whether there is a pip; else what to do.
///
/// # Errors
/// In words, what is missing.
pub(super) fn find() -> Result<(), String> {
    match command::answer(Command::new("python3").args(["-m", "pip", "--version"]), Path::new("/")) {
        Ok(_) => Ok(()),
        Err(None) => {
            Err("there is no python3 in PATH, whose pip would install it; install python3 and python3-pip".into())
        }
        Err(Some(complaint)) => Err(format!(
            "python3 has no pip, which would install it ({complaint}); on Debian: apt-get install python3-pip"
        )),
    }
}

/// Installs what `requirements.txt` in `folder` names, and nothing else, into `folder/site`.
///
/// # Errors
/// In words, what could not be done.
pub(super) fn install(folder: &Path) -> Result<(), String> {
    find()?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]);
    // The folder is nobody else's, so root may install into it without a warning.
    pip.args(["--target", "site", "--requirement", REQUIREMENTS])
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .current_dir(folder);
    match command::show(&mut pip) {
        Ok(true) => Ok(()),
        Ok(false) => Err("pip could not install it; its message is above".into()),
        Err(error) => Err(format!("python3 cannot be started: {error}")),
    }
}
