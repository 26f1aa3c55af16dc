//! Node.js of this machine, and the pinned tools that its npm installs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::toolchain::command::{answer, show};
use crate::toolchain::readiness::Readiness;
use crate::toolchain::tools::{Tools, could_not_install};

pub(super) const NODE: &str = "node";
const NPM: &str = "npm";
/// The tools in words.
pub(super) const SHOWN: &str = "componentize-qjs 0.4.5, esbuild 0.28.2 and TypeScript 7.0.2";
/// What a build runs, in the folder of the tools.
pub(super) const SCRIPT: &str = "build.mjs";
/// The oldest that the tools run on.
const OLDEST: u32 = 20;

const TOOLS: Tools = Tools {
    name: "js",
    pins: &[
        ("package.json", include_str!("../../../toolchains/js/package.json")),
        ("package-lock.json", include_str!("../../../toolchains/js/package-lock.json")),
        (SCRIPT, include_str!("../../../toolchains/js/build.mjs")),
        ("advice.mjs", include_str!("../../../toolchains/js/advice.mjs")),
        ("places.mjs", include_str!("../../../toolchains/js/places.mjs")),
    ],
    description: "componentize-qjs 0.4.5, esbuild 0.28.2 and TypeScript 7.0.2 by npm (80 MB)",
};

/// The folder of the tools, installed where that is to be done.
///
/// # Errors
/// In words, what is missing and what to do.
pub(super) fn tools(say: &dyn Fn(&str)) -> Result<PathBuf, String> {
    is_ready(version(NODE))?;
    TOOLS.install(say, install)
}

fn install(folder: &Path) -> Result<(), String> {
    let mut npm = Command::new(NPM);
    // The scripts of packages are nothing but ways to find binaries that are there already.
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    // Without a network npm would wait more than a minute before it says so.
    npm.args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]);
    match show(&mut npm) {
        Ok(true) => Ok(()),
        Ok(false) => Err(could_not_install(NPM, "npm_config_registry")),
        Err(error) => {
            Err(format!("npm cannot be started: {error}; it comes with Node.js, in Debian as the package npm"))
        }
    }
}

/// Whether a build could start now.
pub(super) fn readiness() -> Readiness {
    let node = match is_ready(version(NODE)) {
        Ok(version) => version,
        Err(missing) => return Readiness::Missing(missing),
    };
    match TOOLS.installed() {
        Some(_) => Readiness::Ready(format!("{SHOWN}, on Node.js {node}")),
        None if version(NPM).is_ok() => Readiness::Installs(TOOLS.description.to_owned()),
        None => Readiness::Missing("there is no npm in PATH; in Debian it is the package npm".into()),
    }
}

fn version(program: &str) -> Result<String, Option<String>> {
    answer(Command::new(program).arg("--version"), Path::new("."))
}

/// The version of a Node.js that will do.
fn is_ready(version: Result<String, Option<String>>) -> Result<String, String> {
    const WHERE: &str = "it comes from https://nodejs.org, in Debian as the packages nodejs and npm";
    match version {
        Err(None) => Err(format!("there is no Node.js in PATH, and {OLDEST} or newer is needed; {WHERE}")),
        Err(Some(complaint)) => Err(format!("the Node.js in PATH does not run: {complaint}")),
        Ok(version) => {
            let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
            if major.is_some_and(|major| major >= OLDEST) {
                Ok(version)
            } else {
                Err(format!("the Node.js in PATH is {version}, and {OLDEST} or newer is needed; {WHERE}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_the_tools_is_what_is_pinned() {
        let pins: serde_json::Value = serde_json::from_str(TOOLS.pins[0].1).unwrap();
        let lock: serde_json::Value = serde_json::from_str(TOOLS.pins[1].1).unwrap();
        for (package, title) in
            [("componentize-qjs", "componentize-qjs"), ("esbuild", "esbuild"), ("typescript", "TypeScript")]
        {
            let version = pins["dependencies"][package].as_str().unwrap();
            assert_eq!(lock["packages"][format!("node_modules/{package}")]["version"], version);
            for text in [SHOWN, TOOLS.description] {
                assert!(text.contains(&format!("{title} {version}")), "{text}");
            }
        }
        assert!(!TOOLS.pins[1].1.contains("http"), "the lock file names a registry");
    }

    #[test]
    fn an_old_node_or_none_is_told() {
        assert_eq!(is_ready(Ok("v20.20.2".into())), Ok("v20.20.2".into()));
        assert!(is_ready(Ok("v18.19.0".into())).unwrap_err().contains("is v18.19.0, and 20 or newer is needed"));
        assert!(is_ready(Ok("what".into())).is_err());
        assert!(is_ready(Err(None)).unwrap_err().starts_with("there is no Node.js in PATH"));
        assert!(is_ready(Err(Some("why".into()))).unwrap_err().ends_with("does not run: why"));
    }
}
