//! Handlers in Python: componentize-py, which pip installs, puts an interpreter that has imported the project's modules
//! into a component.
//!
//! The component imports WASI as far as CPython does: the host's clocks and random, and of the rest what the host links
//! empty. Its own `--stub-wasi` would trap where Python raises an exception (`open`), freeze the seed of `random`, and
//! stub clocks and random too, even if the world names them.

mod manifest;
mod pip;
mod syntax;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use super::build::BuildError;
use super::interface;
use super::language::Language;
use super::project::Module;
use super::readiness::Readiness;
use manifest::Manifest;

const TOOL: &str = "componentize-py";
const WORLD: &str = "sandbus:sdk/both-ways@0.1.0";
/// The module that componentize-py is told of.
const APPLICATION: &str = "sandbus_application";

/// Builds the project in `folder`, which is absolute.
pub(super) fn build(folder: &Path, say: &dyn Fn(&str)) -> Result<Module, BuildError> {
    let manifest = Manifest::read(folder)?;
    let no_tools = |why| BuildError::NoTools(Language::Python, why);
    let python = pip::tools(say).map_err(no_tools)?;
    let target_directory = folder.join("target");
    let work = Work { manifest, folder: target_directory.join("python") };
    let dependencies = match work.manifest.dependencies.as_slice() {
        [] => None,
        list => Some(pip::dependencies(&python, list, &work.folder, say).map_err(no_tools)?),
    };
    work.lay_down().map_err(|error| BuildError::File("cannot write", work.folder.clone(), error))?;
    let paths = work.paths(dependencies);
    let state = work.digest(&paths).map_err(|error| BuildError::File("cannot read", folder.to_owned(), error))?;
    let name = work.manifest.name.clone();
    if let Some(bytes) = work.built_of(&state) {
        say(&format!("{name} has not changed since it was built"));
        return Ok(Module { name, target_directory, bytes });
    }
    if let Some(wrong) = syntax::wrong(&python, &work.manifest.source, work.manifest.language) {
        eprintln!("{wrong}");
        return Err(BuildError::Tool("python3", name));
    }
    say(&format!("building {name} with {}", pip::SHOWN));
    let bytes = work.componentize(&python, &paths)?;
    work.keep(&state);
    Ok(Module { name, target_directory, bytes })
}

/// Whether a build could start now.
pub(super) fn readiness() -> Readiness {
    pip::readiness()
}

/// A project at work.
struct Work {
    manifest: Manifest,
    /// What the build leaves for the next one.
    folder: PathBuf,
}

impl Work {
    /// Writes what componentize-py is given beside sources: the world, and the application.
    fn lay_down(&self) -> io::Result<()> {
        interface::lay_down(&self.folder.join("wit"))?;
        let application = self.folder.join("application");
        fs::create_dir_all(&application)?;
        fs::write(application.join(APPLICATION).with_extension("py"), self.application())?;
        // Stands for an environment with nothing in it: componentize-py looks for that of the machine otherwise.
        fs::create_dir_all(self.folder.join("environment/lib/site-packages"))
    }

    /// The module that componentize-py is told of. Names and versions are checked words.
    fn application(&self) -> String {
        let Manifest { name, version, module, .. } = &self.manifest;
        let environment: Vec<String> = self
            .manifest
            .build_env
            .iter()
            .filter_map(|variable| Some((variable, std::env::var(variable).ok()?)))
            // A string of JSON is one of Python.
            .map(|(variable, value)| format!("{variable:?}: {}", serde_json::Value::from(value)))
            .collect();
        format!(
            "from sandbus._component import Descriptor, Packed, Typed, start\n\n\
             __all__ = [\"Descriptor\", \"Packed\", \"Typed\"]\n\n\
             start(\"{module}\", name=\"{name}\", version=\"{version}\", environment={{{}}})\n",
            environment.join(", ")
        )
    }

    /// Where modules are looked for, in order. The project's own are in /1: see `Work::explained`.
    fn paths(&self, dependencies: Option<PathBuf>) -> Vec<PathBuf> {
        let Manifest { source, sdk, .. } = &self.manifest;
        let own = [self.folder.join("application"), source.clone(), sdk.clone()];
        own.into_iter().chain(dependencies).collect()
    }

    fn componentize(&self, python: &Path, paths: &[PathBuf]) -> Result<Vec<u8>, BuildError> {
        // Beside the one of before, which stays good for the sources that it was made of.
        let component = self.new_component();
        let mut command = Command::new(python);
        command.arg(python.with_file_name(TOOL)).arg("--quiet");
        command.arg("--wit-path").arg(self.folder.join("wit")).args(["--world", WORLD]);
        command.args(["componentize", APPLICATION, "--output"]).arg(&component);
        for path in paths {
            command.arg("--python-path").arg(path);
        }
        command
            .env("VIRTUAL_ENV", self.folder.join("environment"))
            // What stands on its stack helps nobody.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null());
        let output = command.output().map_err(|error| BuildError::Start(TOOL, error))?;
        if !output.status.success() {
            eprintln!("{}", self.explained(&String::from_utf8_lossy(&output.stderr)));
            return Err(BuildError::Tool(TOOL, self.manifest.name.clone()));
        }
        fs::read(&component).map_err(|error| BuildError::File("cannot read", component, error))
    }

    /// What the SDK says between marks of an exception in the project's modules, or else all that was said.
    fn explained(&self, said: &str) -> String {
        let between = said.split_once("<sandbus>\n").and_then(|(_, rest)| rest.split_once("\n</sandbus>"));
        between.map_or(said, |(own, _)| own).trim_end().to_owned()
    }

    fn component(&self) -> PathBuf {
        self.folder.join("component.wasm")
    }

    fn new_component(&self) -> PathBuf {
        self.folder.join("component.new")
    }

    fn stamp(&self) -> PathBuf {
        self.folder.join("component.stamp")
    }

    /// Puts the new component in the place of the one of before. A step that fails leaves no stamp, and it is built again.
    fn keep(&self, state: &str) {
        let kept = fs::remove_file(self.stamp())
            .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
            .and_then(|()| fs::rename(self.new_component(), self.component()))
            .and_then(|()| fs::write(self.stamp(), state));
        if kept.is_err() {
            // Half of a stamp is none either.
            let _ = fs::remove_file(self.stamp());
        }
    }

    /// The component, if it was built of this. A new one of the same sources would be another: clock and random numbers
    /// of the build are in it.
    fn built_of(&self, state: &str) -> Option<Vec<u8>> {
        if fs::read_to_string(self.stamp()).ok()? != state {
            return None;
        }
        fs::read(self.component()).ok()
    }

    /// A digest of all that a component is made of.
    fn digest(&self, paths: &[PathBuf]) -> io::Result<String> {
        let mut digest = Sha256::new();
        digest.update(pip::SHOWN);
        let wit = self.folder.join("wit");
        for path in paths.iter().chain([&wit]) {
            add(&mut digest, path)?;
        }
        Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Adds names and bytes of all files below a folder, but for what Python leaves there itself.
fn add(digest: &mut Sha256, folder: &Path) -> io::Result<()> {
    let mut entries: Vec<(OsString, PathBuf)> = Vec::new();
    for entry in folder.read_dir()? {
        let entry = entry?;
        entries.push((entry.file_name(), entry.path()));
    }
    entries.sort();
    for (name, path) in entries {
        if name == "__pycache__" {
            continue;
        }
        digest.update(name.as_encoded_bytes());
        // Links are not followed into folders: they could go round in circles.
        if path.symlink_metadata()?.is_dir() {
            digest.update([1]);
            add(digest, &path)?;
            digest.update([2]);
        } else if let Ok(bytes) = fs::read(&path) {
            digest.update([0]);
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(folder: &Path) -> Work {
        let manifest = Manifest {
            name: "orders".into(),
            version: "1.0".into(),
            dependencies: Vec::new(),
            module: "shop".into(),
            source: folder.join("src"),
            sdk: folder.join("sdk"),
            build_env: vec!["PATH".into(), "NO_SUCH_VARIABLE".into()],
            language: None,
        };
        Work { manifest, folder: folder.join("target/python") }
    }

    #[test]
    fn the_application_names_module_and_environment() {
        let application = work(Path::new("/p")).application();
        assert!(application.contains("start(\"shop\", name=\"orders\", version=\"1.0\", environment={\"PATH\": \"/"));
        assert!(!application.contains("NO_SUCH_VARIABLE"));
    }

    #[test]
    fn of_what_the_tool_says_the_project_s_part_is_shown() {
        let work = work(Path::new("/p"));
        let said =
            "Traceback\nAssertionError: <sandbus>\n  File \"handler.py\"\nSyntaxError: x\n</sandbus>\nTraceback\n";
        assert_eq!(work.explained(said), "  File \"handler.py\"\nSyntaxError: x");
        assert_eq!(work.explained("no such world\n"), "no such world");
    }

    #[test]
    fn what_was_built_is_good_until_a_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let work = work(folder.path());
        for path in ["src/__pycache__", "sdk", "target/python/wit", "target/python/application"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        fs::write(folder.path().join("src/shop.py"), "1").unwrap();
        let state = || work.digest(&work.paths(None)).unwrap();
        let first = state();
        assert_eq!(work.built_of(&first), None);
        fs::write(work.new_component(), "component").unwrap();
        work.keep(&first);
        fs::write(folder.path().join("src/__pycache__/shop.pyc"), "1").unwrap();
        assert_eq!(work.built_of(&state()), Some(b"component".to_vec()));
        fs::write(folder.path().join("src/shop.py"), "2").unwrap();
        assert_eq!(work.built_of(&state()), None);
        // What could not be built of a change leaves the component of before.
        fs::write(work.new_component(), "half").unwrap();
        fs::write(folder.path().join("src/shop.py"), "1").unwrap();
        assert_eq!(work.built_of(&state()), Some(b"component".to_vec()));
        // What cannot be kept is built again.
        fs::remove_file(work.new_component()).unwrap();
        work.keep(&first);
        assert_eq!(work.built_of(&state()), None);
    }
}
