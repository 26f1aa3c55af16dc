//! Runs a compiler's cargo on a project. Progress and the compiler's errors go to stderr as they come; what cargo says
//! to programs is read from its stdout.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use super::debian;
use super::project::Project;
use super::route::{Compiler, TARGET};

/// The cargo of a compiler, run in a project's folder.
pub(super) struct Cargo<'a> {
    pub compiler: Compiler,
    pub folder: &'a Path,
}

impl Cargo<'_> {
    /// Which one it is, in words.
    pub fn describe(&self) -> String {
        let mut command = match self.compiler {
            Compiler::InPath => Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())),
            Compiler::Debian => Command::new("/usr/bin/rustc"),
        };
        let version = command.arg("--version").current_dir(self.folder).stdin(Stdio::null()).output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let version = version.unwrap_or_default();
        match self.compiler {
            Compiler::InPath => format!("the Rust in PATH: {version}"),
            Compiler::Debian => format!("Debian's Rust, the standard library along with it: {version}"),
        }
    }

    /// What cargo knows of a manifest, or `None` when it has complained on stderr.
    pub fn metadata(&self, manifest: &Path) -> Option<Vec<u8>> {
        let mut command = self.command();
        command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
        let output = read(&mut command).ok()?;
        output.status.success().then_some(output.stdout)
    }

    /// Builds the project and answers where its module is, or `None` when cargo has complained on stderr.
    ///
    /// # Errors
    /// When cargo cannot be started.
    pub fn build(&self, project: &Project, manifest: &Path) -> std::io::Result<Option<PathBuf>> {
        let mut command = self.command();
        command
            .args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"])
            .args(["--package", &project.id, "--manifest-path"])
            .arg(manifest);
        if self.compiler == Compiler::Debian {
            // Apart, or two versions of rustc would build everything anew in turns.
            command
                .args(["-Z", "build-std=std,panic_abort", "--target-dir"])
                .arg(project.target_directory.join("debian"));
        }
        let output = read(&mut command)?;
        Ok(if output.status.success() { module(&output.stdout, &project.id) } else { None })
    }

    fn command(&self) -> Command {
        let mut command = match self.compiler {
            Compiler::InPath => Command::new("cargo"),
            Compiler::Debian => debian::cargo(),
        };
        command.current_dir(self.folder);
        // Meant for the machine's own processor and linker, and they would go before the target's own flags.
        for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS"] {
            command.env_remove(variable);
        }
        command
    }
}

fn read(command: &mut Command) -> std::io::Result<Output> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()
}

/// A message of cargo's, as far as it matters.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

/// The module among the artifacts of a package.
fn module(messages: &[u8], package: &str) -> Option<PathBuf> {
    messages
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact" && message.package_id == package)
        .flat_map(|message| message.filenames)
        .find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_of_the_package_is_found_among_all_messages() {
        let messages = r#"
{"reason":"compiler-artifact","package_id":"dependency","filenames":["/t/libdependency.rlib","/t/dependency.wasm"]}
{"reason":"build-script-executed","package_id":"own","out_dir":"/t/out"}
{"reason":"compiler-artifact","package_id":"own","filenames":["/t/liborders.rlib","/t/orders.wasm"],"fresh":true}
a line that a build script printed
{"reason":"build-finished","success":true}
"#;
        assert_eq!(module(messages.as_bytes(), "own"), Some("/t/orders.wasm".into()));
        assert_eq!(module(messages.as_bytes(), "another"), None);
    }
}
