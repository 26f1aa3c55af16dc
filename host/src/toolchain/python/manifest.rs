//! What a project's `pyproject.toml` says to the build.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::super::project::ProjectError;
use super::syntax::oldest;

/// A project of Python's.
#[derive(Debug)]
pub(super) struct Manifest {
    pub name: String,
    pub version: String,
    /// Requirements as pip reads them.
    pub dependencies: Vec<String>,
    /// The module that registers the handler.
    pub module: String,
    /// Where the project's modules are; absolute.
    pub source: PathBuf,
    /// The folder with the package `sandbus`; absolute.
    pub sdk: PathBuf,
    /// The oldest Python that it asks for, as minor version of Python 3.
    pub language: Option<u32>,
    /// Names of the variables that modules may read while the component is made.
    pub build_env: Vec<String>,
}

#[derive(Deserialize)]
struct File {
    project: Table,
    #[serde(default)]
    tool: Tool,
}

/// `[project]`, which has more keys: they are other tools'.
#[derive(Deserialize)]
struct Table {
    name: String,
    #[serde(default = "first_version")]
    version: String,
    #[serde(default)]
    dependencies: Vec<String>,
    #[serde(default, rename = "requires-python")]
    requires_python: String,
}

#[derive(Default, Deserialize)]
struct Tool {
    #[serde(default)]
    sandbus: Own,
}

/// `[tool.sandbus]`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Own {
    module: String,
    source: PathBuf,
    sdk: PathBuf,
    build_env: Vec<String>,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            module: "handler".into(),
            source: "src".into(),
            sdk: ".sandbus/guest-sdk/python".into(),
            build_env: Vec::new(),
        }
    }
}

fn first_version() -> String {
    "0.1.0".into()
}

impl Manifest {
    /// Reads that of the project in `folder`, and looks whether what it names is there.
    pub fn read(folder: &Path) -> Result<Manifest, ProjectError> {
        let path = folder.join("pyproject.toml");
        let bad = |reason: String| ProjectError::BadManifest(path.clone(), reason);
        let text = std::fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
        let File { project, tool } = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        let Table { name, version, dependencies, requires_python } = project;
        let language = oldest(&requires_python);
        let Own { module, source, sdk, build_env } = tool.sandbus;
        // The name becomes a file's, and text in a module of Python's.
        if !is_word(&name, "-_.") || !is_word(&version, ".+!-_") {
            return Err(bad(format!("{name:?} {version:?} are no name and version of a project")));
        }
        if !module.split('.').all(|part| is_word(part, "_")) {
            return Err(bad(format!("tool.sandbus.module = {module:?} is no name of a module")));
        }
        if let Some(variable) = build_env.iter().find(|variable| !is_word(variable, "_")) {
            return Err(bad(format!("tool.sandbus.build-env: {variable:?} is no name of a variable")));
        }
        let (source, sdk) = (folder.join(source), folder.join(sdk));
        let file = source.join(module.replace('.', "/"));
        if !file.with_extension("py").is_file() && !file.join("__init__.py").is_file() {
            return Err(bad(format!(
                "there is no module {module} in {}; name it by tool.sandbus.module, its folder by tool.sandbus.source",
                source.display()
            )));
        }
        if !sdk.join("sandbus/__init__.py").is_file() {
            return Err(bad(format!(
                "there is no SDK in {}; it is there in what `sandbus new` makes, and tool.sandbus.sdk names another place",
                sdk.display()
            )));
        }
        Ok(Manifest { name, version, dependencies, module, source, sdk, language, build_env })
    }
}

fn is_word(text: &str, others: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(manifest: &str) -> (tempfile::TempDir, Result<Manifest, String>) {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        put("pyproject.toml", manifest);
        put("src/handler.py", "");
        put("lib/shop/orders/__init__.py", "");
        put(".sandbus/guest-sdk/python/sandbus/__init__.py", "");
        let read = Manifest::read(folder.path()).map_err(|error| error.to_string());
        (folder, read)
    }

    #[test]
    fn a_name_is_enough() {
        let (folder, manifest) = project("[project]\nname = \"order-log\"\nreadme = \"README.md\"\n[tool.ruff]\n");
        let manifest = manifest.unwrap();
        assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("order-log", "0.1.0"));
        assert_eq!((manifest.module.as_str(), manifest.source), ("handler", folder.path().join("src")));
        assert!(manifest.dependencies.is_empty() && manifest.build_env.is_empty() && manifest.language.is_none());
    }

    #[test]
    fn everything_can_be_said() {
        let (_, manifest) = project(
            "[project]\nname = \"n\"\nversion = \"1.2\"\nrequires-python = \">=3.12\"\ndependencies = [\"tomli>=2\"]\n\
             [tool.sandbus]\nmodule = \"shop.orders\"\nsource = \"lib\"\nbuild-env = [\"MARK\"]\n",
        );
        let manifest = manifest.unwrap();
        assert_eq!((manifest.version.as_str(), manifest.dependencies), ("1.2", vec!["tomli>=2".to_owned()]));
        assert_eq!(manifest.language, Some(12));
        assert_eq!((manifest.module.as_str(), manifest.build_env), ("shop.orders", vec!["MARK".to_owned()]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("", "missing field `project`"),
            ("[project]\nname = \"a\\\"b\"\n", "are no name and version"),
            ("[project]\nname = \"n\"\n[tool.sandbus]\nmodul = \"x\"\n", "unknown field `modul`"),
            ("[project]\nname = \"n\"\n[tool.sandbus]\nmodule = \"a b\"\n", "no name of a module"),
            ("[project]\nname = \"n\"\n[tool.sandbus]\nmodule = \"other\"\n", "there is no module other in "),
            ("[project]\nname = \"n\"\n[tool.sandbus]\nsdk = \"sdk\"\n", "there is no SDK in "),
            ("[project]\nname = \"n\"\n[tool.sandbus]\nbuild-env = [\"A=1\"]\n", "no name of a variable"),
        ];
        for (manifest, problem) in cases {
            let error = project(manifest).1.unwrap_err();
            assert!(error.contains(problem) && error.contains("pyproject.toml: "), "{manifest}: {error}");
        }
    }
}
