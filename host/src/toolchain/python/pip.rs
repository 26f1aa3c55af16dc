//! This machine's Python and pip: they install what builds components, and what projects depend on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::super::apt;
use super::super::command::{answer, show};
use super::super::pip::MIRROR;
use super::super::readiness::Readiness;
use super::super::tools::{Tools, could_not_install};

/// What builds components.
pub(super) static TOOLS: Tools = Tools {
    name: "python",
    pins: &[("requirements.txt", include_str!("../../../toolchains/python/requirements.txt"))],
    description: "componentize-py 0.25.1 by pip (17 MB to fetch)",
};

/// What to show of them.
pub(super) const SHOWN: &str = "componentize-py 0.25.1 (CPython 3.14)";

/// Fails in a Python that is too old, or has no pip to put into a new environment, as Debian's has not by itself.
const MAKES_ENVIRONMENTS: &str = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))";
const PACKAGES: [&str; 2] = ["python3", "python3-venv"];

/// Whether a build could start now.
pub(super) fn readiness() -> Readiness {
    if TOOLS.installed().is_some() {
        return Readiness::Ready(SHOWN.into());
    }
    match makes_environments("python3") {
        Ok(()) => Readiness::Installs(TOOLS.description.into()),
        Err(why) => Readiness::Missing(format!("{why}; on Debian: {}", apt::by_hand(&PACKAGES))),
    }
}

/// The Python of the tools' environment, which is made if it is not there.
///
/// # Errors
/// In words, what is missing and what to do.
pub(super) fn tools(say: &dyn Fn(&str)) -> Result<PathBuf, String> {
    let folder = TOOLS.install(say, |folder| {
        let python = python(say)?;
        run(Command::new(python).args(["-m", "venv"]).arg(folder), "python3 -m venv")?;
        let mut pip = pip(&folder.join("bin/python"));
        pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(folder.join("requirements.txt"));
        match show(&mut pip) {
            Ok(true) => Ok(()),
            Ok(false) => Err(could_not_install("pip", MIRROR)),
            Err(error) => Err(format!("pip cannot be started: {error}")),
        }
    })?;
    Ok(folder.join("bin/python"))
}

/// A Python that makes environments. Debian's package is installed where it is only that which is missing.
fn python(say: &dyn Fn(&str)) -> Result<&'static str, String> {
    let Err(why) = makes_environments("python3") else { return Ok("python3") };
    say(&format!("{why}; asking apt-get for {}", PACKAGES.join(" and ")));
    apt::install(&PACKAGES).map_err(|error| format!("{why}; {error}"))?;
    // Another one may stand before it in PATH.
    makes_environments("/usr/bin/python3")?;
    Ok("/usr/bin/python3")
}

fn makes_environments(python: &str) -> Result<(), String> {
    match answer(Command::new(python).args(["-c", MAKES_ENVIRONMENTS]), Path::new("/")) {
        Ok(_) => Ok(()),
        Err(None) => Err("there is no python3".into()),
        Err(Some(_)) => Err(format!("{python} is older than 3.11, or cannot make environments (venv, ensurepip)")),
    }
}

fn pip(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    pip
}

fn run(command: &mut Command, name: &str) -> Result<(), String> {
    match show(command) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{name} failed; its message is above")),
        Err(error) => Err(format!("{name} cannot be started: {error}")),
    }
}

/// A folder with what the project depends on, below `target`. It is filled once for each list.
///
/// Only what is Python alone can be in a component: pip is asked for wheels of no platform.
///
/// # Errors
/// In words, what could not be done.
pub(super) fn dependencies(
    python: &Path,
    requirements: &[String],
    target: &Path,
    say: &dyn Fn(&str),
) -> Result<PathBuf, String> {
    let digest = digest(requirements);
    let folder = target.join(format!("dependencies-{digest}"));
    if folder.is_dir() {
        return Ok(folder);
    }
    say(&format!("installing {} with pip", requirements.join(", ")));
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| format!("cannot write {}: {error}", path.display())
    };
    // The folder appears whole or not at all.
    let new = target.join(format!("dependencies-{digest}.new"));
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(&new)(error)),
        _ => {}
    }
    fs::create_dir_all(&new).map_err(cannot(&new))?;
    let mut pip = pip(python);
    pip.args([
        "--no-compile",
        "--only-binary",
        ":all:",
        "--platform",
        "any",
        "--implementation",
        "py",
        "--abi",
        "none",
    ])
    .args(["--python-version", "3.14", "--target"])
    .arg(&new)
    .arg("--")
    .args(requirements);
    run(&mut pip, "pip").map_err(|error| {
        format!(
            "{error}. A component holds Python alone: a package that has only wheels with native code, or none, \
             cannot be in it"
        )
    })?;
    for old in target.read_dir().into_iter().flatten().flatten() {
        let name = old.file_name();
        if name.to_string_lossy().starts_with("dependencies-") && old.path() != new {
            // What it is good for is gone. If it stays, it harms nobody.
            let _ = fs::remove_dir_all(old.path());
        }
    }
    fs::rename(&new, &folder).map_err(cannot(&folder))?;
    Ok(folder)
}

fn digest(requirements: &[String]) -> String {
    let mut digest = Sha256::new();
    for requirement in requirements {
        digest.update(requirement);
        digest.update([0]);
    }
    digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_the_tools_is_what_is_pinned() {
        let (_, pins) = TOOLS.pins[0];
        let pinned = pins.lines().find_map(|line| line.strip_prefix("componentize-py==")).unwrap();
        let version = pinned.split_whitespace().next().unwrap();
        for told in [TOOLS.description, SHOWN] {
            assert!(told.starts_with(&format!("componentize-py {version} ")), "{told}");
        }
    }

    #[test]
    fn a_python_that_is_missing_or_broken_is_told() {
        assert_eq!(makes_environments("no-such-python"), Err("there is no python3".into()));
        assert!(makes_environments("/bin/false").unwrap_err().contains("older than 3.11"));
    }

    #[test]
    fn every_list_of_dependencies_has_a_digest_of_its_own() {
        let of = |list: &[&str]| digest(&list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        assert_ne!(of(&["a", "b"]), of(&["ab"]));
        assert_ne!(of(&["a", "b"]), of(&["b", "a"]));
        assert_eq!(of(&["a"]), of(&["a"]));
    }
}
