//! Handlers in JavaScript and TypeScript: npm installs pinned tools, and a script among them (`host/toolchains/js/build.mjs`)
//! checks, bundles and links the project.
//!
//! The component imports WASI as far as QuickJS does: the host's clocks and random, and of the rest what the host links
//! empty. The linker's own `--stub-wasi` would stub clocks and random too, so that `Date` and `Math.random` trap.

mod manifest;
mod node;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

use super::build::BuildError;
use super::command::show_to_end;
use super::language::Language;
use super::project::Module;
use super::readiness::Readiness;
use manifest::Manifest;
use node::Node;

/// Builds the project in `folder`, which is absolute; `language` is one of the two.
pub(super) fn build(folder: &Path, language: Language, say: &dyn Fn(&str)) -> Result<Module, BuildError> {
    let manifest = Manifest::read(folder)?;
    let (node, tools) = Node::with_tools(say).map_err(|why| BuildError::NoTools(language, why))?;
    say(&format!("building {} with {}", manifest.name, node::SHOWN));
    let target_directory = folder.join("target");
    let component = target_directory.join("js").join(format!("{}.wasm", manifest.name));
    let order = serde_json::json!({
        "folder": folder,
        "name": manifest.name,
        "version": manifest.version,
        "language": language.name(),
        "entry": manifest.main.as_deref().unwrap_or(default_entry(language)),
        "env": manifest.env,
        "component": component,
    });
    let mut command = Command::new(&node.program);
    command.arg(tools.join(node::SCRIPT)).arg(order.to_string()).current_dir(folder);
    let status = show_to_end(&mut command).map_err(|error| BuildError::Start("node", error))?;
    if !status.success() {
        return Err(BuildError::Tool(failed(status), manifest.name));
    }
    let bytes = fs::read(&component).map_err(|error| BuildError::File("cannot read", component, error))?;
    Ok(Module { name: manifest.name, target_directory, bytes })
}

/// Whether a build could start now.
pub(super) fn readiness() -> Readiness {
    node::readiness()
}

/// Which tool it is whose message is above: as `STATUS` in `build.mjs` numbers them.
fn failed(status: ExitStatus) -> &'static str {
    match status.code() {
        Some(3) => "tsc",
        Some(4) => "esbuild",
        Some(5) => "componentize-qjs",
        _ => "the build script",
    }
}

fn default_entry(language: Language) -> &'static str {
    if language == Language::Ts { "src/index.ts" } else { "src/index.js" }
}
