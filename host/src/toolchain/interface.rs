//! The world that SDKs build, `sandbus:sdk/sdk`, for toolchains that do not read WIT themselves: put into a module, or
//! laid down as one folder.

use std::path::Path;
use std::{fs, io};

use anyhow::Context as _;
use include_dir::Dir;
use wasmparser::{Parser, Payload};
use wit_component::StringEncoding;
use wit_parser::{Resolve, UnresolvedPackageGroup, WorldId};

use super::sdk::{CONTRACT, SDK_WIT};

/// What SDKs build.
const WORLD: &str = "sdk";

/// What is built without an SDK: the typed way alone.
const TYPED_WORLD: &str = "sandbus:handler/handler@0.1.0";

/// What only a module of [`WORLD`] exports.
const PACKED: &str = "sandbus:handler/packed@0.1.0#handle";

/// Writes the interface into a core module, made with an SDK or without, whose imports and exports follow it. Imports that the module has not are
/// left out when a component is made of it.
///
/// # Errors
/// Where the bytes are no module.
pub(super) fn embed(module: &mut Vec<u8>) -> anyhow::Result<()> {
    let (resolve, world) = resolved(world_of(module)?)?;
    wit_component::embed_component_metadata(module, &resolve, world, StringEncoding::UTF8, false)
}

/// Writes the package with all that it needs into `folder`, as tools that read WIT expect it: a package in it, the
/// others in `deps`.
///
/// # Errors
/// What the system says.
pub(super) fn lay_down(folder: &Path) -> io::Result<()> {
    let put = |path: &Path, bytes: &[u8]| {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(file, bytes)
    };
    for file in SDK_WIT.dir.files().chain(SDK_WIT.dir.dirs().flat_map(Dir::files)) {
        put(file.path(), file.contents())?;
    }
    for file in CONTRACT.dir.files() {
        put(&Path::new("deps/handler").join(file.path()), file.contents())?;
    }
    Ok(())
}

/// Whether a module exports anything of the contract. What is no module does not.
pub(super) fn is_exported(module: &[u8]) -> bool {
    Parser::new(0).parse_all(module).any(|payload| {
        let Ok(Payload::ExportSection(exports)) = payload else { return false };
        exports.into_iter().flatten().any(|export| export.name.contains("sandbus:handler/"))
    })
}

/// The world that a module's exports are of.
fn world_of(module: &[u8]) -> anyhow::Result<&'static str> {
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ExportSection(exports) = payload? else { continue };
        for export in exports {
            if export?.name == PACKED {
                return Ok(WORLD);
            }
        }
    }
    Ok(TYPED_WORLD)
}

fn resolved(world: &str) -> anyhow::Result<(Resolve, WorldId)> {
    let main = package(&SDK_WIT.dir)?;
    let mut needed = vec![package(&CONTRACT.dir)?];
    // Each of these files is a package of its own.
    for file in SDK_WIT.dir.get_dir("deps").into_iter().flat_map(Dir::files) {
        needed.push(parsed(&[file])?);
    }
    let mut resolve = Resolve::default();
    let package = resolve.push_groups(main, needed)?;
    let world = resolve.select_world(&[package], Some(world))?;
    Ok((resolve, world))
}

/// The package of all files of a folder.
fn package(dir: &Dir<'static>) -> anyhow::Result<UnresolvedPackageGroup> {
    parsed(&dir.files().collect::<Vec<_>>())
}

fn parsed(files: &[&include_dir::File<'static>]) -> anyhow::Result<UnresolvedPackageGroup> {
    let mut sources = wit_parser::SourceMap::default();
    for file in files {
        sources.push(file.path(), file.contents_utf8().context("WIT is text")?);
    }
    sources.parse().map_err(|(sources, error)| anyhow::anyhow!("{}", error.render(&sources)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_world_has_both_ways_and_what_sdks_take() {
        let (resolve, world) = resolved(WORLD).unwrap();
        let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, wit_parser::WorldItem>| {
            items.keys().map(|key| resolve.name_world_key(key)).collect::<Vec<_>>()
        };
        let exports = names(&resolve.worlds[world].exports);
        for name in ["descriptor", "typed", "packed"] {
            assert!(exports.contains(&format!("sandbus:handler/{name}@0.1.0")), "{exports:?}");
        }
        let imports = names(&resolve.worlds[world].imports);
        for name in ["sandbus:handler/batch@0.1.0", "wasi:clocks/wall-clock@0.2.0", "wasi:random/random@0.2.0"] {
            assert!(imports.iter().any(|import| import == name), "{imports:?}");
        }
        assert!(!imports.iter().any(|import| import.starts_with("wasi:http")), "{imports:?}");
    }

    #[test]
    fn a_module_without_the_packed_way_is_of_the_typed_world() {
        let module = |exports: &str| wat::parse_str(format!("(module (func) {exports})")).unwrap();
        let typed = r#"(export "sandbus:handler/typed@0.1.0#handle" (func 0))"#;
        let packed = format!("(export {PACKED:?} (func 0))");
        assert_eq!(world_of(&module(typed)).unwrap(), TYPED_WORLD);
        assert_eq!(world_of(&module(&format!("{typed} {packed}"))).unwrap(), WORLD);
        let (resolve, world) = resolved(TYPED_WORLD).unwrap();
        assert_eq!(resolve.worlds[world].name, "handler");
        assert!(world_of(b"text").is_err());
        assert!(is_exported(&module(typed)) && !is_exported(&module("")) && !is_exported(b"text"));
    }

    #[test]
    fn the_folder_can_be_read_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        lay_down(folder.path()).unwrap();
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder.path()).unwrap();
        resolve.select_world(&[package], Some(WORLD)).unwrap();
    }
}
