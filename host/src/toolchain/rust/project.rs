//! A handler's project as cargo describes it: name, library, and where its build output goes.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::cargo::Cargo;

/// Why a crate cannot be built to a handler.
#[derive(Debug, thiserror::Error)]
pub enum CrateError {
    /// Cargo has said why.
    #[error("cargo cannot read {path}; its message is above", path = .0.display())]
    BadManifest(PathBuf),
    /// A workspace, which may hold many.
    #[error(
        "{path} is a workspace without a package of its own; name the folder of one{members}",
        path = .0.display(),
        members = listed(.1)
    )]
    NoPackage(PathBuf, Vec<String>),
    /// Its library, if any, is for Rust only.
    #[error(
        "{path} builds no module; add these two lines to it:\n  [lib]\n  crate-type = [\"cdylib\"]",
        path = .0.display()
    )]
    NoModule(PathBuf),
}

fn listed(members: &[String]) -> String {
    if members.is_empty() { String::new() } else { format!(": {}", members.join(", ")) }
}

/// A crate that builds a module.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Project {
    /// As cargo tells packages apart.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where cargo puts what it builds for this project.
    pub target_directory: PathBuf,
}

/// What `cargo metadata` prints, as far as it matters.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

impl Project {
    /// Asks cargo, without network.
    pub fn read(cargo: &Cargo<'_>, manifest: &Path) -> Result<Project, CrateError> {
        let json = cargo.metadata(manifest).ok_or_else(|| CrateError::BadManifest(manifest.to_owned()))?;
        Self::from_metadata(&json, manifest)
    }

    fn from_metadata(json: &[u8], manifest: &Path) -> Result<Project, CrateError> {
        let metadata: Metadata =
            serde_json::from_slice(json).map_err(|_| CrateError::BadManifest(manifest.to_owned()))?;
        let (own, others): (Vec<_>, Vec<_>) =
            metadata.packages.into_iter().partition(|package| package.manifest_path == manifest);
        let Some(package) = own.into_iter().next() else {
            let folders = others.iter().filter_map(|package| package.manifest_path.parent());
            let folders = folders.map(|folder| folder.display().to_string()).collect();
            return Err(CrateError::NoPackage(manifest.to_owned(), folders));
        };
        if !package.targets.iter().any(|target| target.crate_types.iter().any(|kind| kind == "cdylib")) {
            return Err(CrateError::NoModule(manifest.to_owned()));
        }
        Ok(Project { id: package.id, name: package.name, target_directory: metadata.target_directory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(crate_type: &str, manifest: &str) -> Result<Project, CrateError> {
        let json = serde_json::json!({
            "packages": [
                {
                    "id": "path+file:///w/orders#0.1.0", "name": "orders", "manifest_path": "/w/orders/Cargo.toml",
                    "targets": [{ "crate_types": [crate_type], "name": "orders" }, { "crate_types": ["bin"] }],
                    "version": "0.1.0",
                },
                { "id": "o", "name": "other", "manifest_path": "/w/other/Cargo.toml", "targets": [] },
            ],
            "resolve": null,
            "target_directory": "/w/target",
        });
        Project::from_metadata(json.to_string().as_bytes(), Path::new(manifest))
    }

    #[test]
    fn the_package_of_the_folder_is_found() {
        let project = read("cdylib", "/w/orders/Cargo.toml").unwrap();
        assert_eq!((project.name.as_str(), project.id.as_str()), ("orders", "path+file:///w/orders#0.1.0"));
        assert_eq!(project.target_directory, Path::new("/w/target"));
    }

    #[test]
    fn a_package_without_a_module_is_told_what_to_add() {
        let error = read("rlib", "/w/orders/Cargo.toml").unwrap_err().to_string();
        assert!(error.starts_with("/w/orders/Cargo.toml builds no module"), "{error}");
        assert!(error.ends_with("\n  [lib]\n  crate-type = [\"cdylib\"]"), "{error}");
    }

    #[test]
    fn a_workspace_names_its_packages() {
        let error = read("cdylib", "/w/Cargo.toml").unwrap_err().to_string();
        assert!(error.ends_with("name the folder of one: /w/orders, /w/other"), "{error}");
    }
}
