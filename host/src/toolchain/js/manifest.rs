//! What a project's `package.json` says of it.

use std::path::Path;

use serde::Deserialize;

use crate::toolchain::language::Language;
use crate::toolchain::name::ProjectName;
use crate::toolchain::project::ProjectError;

const FILE: &str = "package.json";

/// A project, as far as a build has to know it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Without the scope that npm's names may have.
    pub name: String,
    pub version: String,
    /// The module whose default export is the handler.
    pub main: Option<String>,
    /// Variables of the build's environment whose values are put into the component.
    pub env: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    name: String,
    #[serde(default = "first_version")]
    version: String,
    main: Option<String>,
    #[serde(default)]
    sandbus: Own,
}

/// What is Sandbus's alone.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    #[serde(default)]
    env: Vec<String>,
}

fn first_version() -> String {
    "0.0.0".to_owned()
}

impl Manifest {
    /// Reads that of the project in `folder`.
    ///
    /// # Errors
    /// Where it cannot be read, or a build could not use it.
    pub fn read(folder: &Path) -> Result<Manifest, ProjectError> {
        let path = folder.join(FILE);
        let bad = |reason: String| ProjectError::BadManifest(path.clone(), reason);
        let text = std::fs::read_to_string(&path).map_err(|error| bad(error.to_string()))?;
        let manifest = Self::parse(&text).map_err(bad)?;
        // Such a path would go out of the project, or into an option of the tools.
        if manifest.main.as_deref().is_some_and(|main| !folder.join(main).starts_with(folder) || main.contains("..")) {
            return Err(ProjectError::BadManifest(
                path,
                "\"main\" is a module of the project, such as src/index.js".into(),
            ));
        }
        Ok(manifest)
    }

    fn parse(text: &str) -> Result<Manifest, String> {
        let Package { name, version, main, sandbus } = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let name = name.rsplit('/').next().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err("it has no \"name\"; the component is called by it".into());
        }
        ProjectName::new(&name, Language::Js).map_err(|error| error.to_string())?;
        let is_variable = |name: &String| {
            !name.is_empty()
                && !name.starts_with(|first: char| first.is_ascii_digit())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match sandbus.env.iter().find(|name| !is_variable(name)) {
            Some(wrong) => Err(format!("\"sandbus\": \"env\": {wrong:?} is no name of a variable")),
            None => Ok(Manifest { name, version, main, env: sandbus.env }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_read_without_its_scope() {
        let text = r#"{"name":"@acme/orders","version":"1.2.3","main":"src/a.ts","sandbus":{"env":["BUILD"]},"type":"module"}"#;
        let expected = Manifest {
            name: "orders".into(),
            version: "1.2.3".into(),
            main: Some("src/a.ts".into()),
            env: vec!["BUILD".into()],
        };
        assert_eq!(Manifest::parse(text), Ok(expected));
        let least = Manifest::parse(r#"{"name":"orders"}"#).unwrap();
        assert_eq!((least.version.as_str(), least.main, least.env.len()), ("0.0.0", None, 0));
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let cases = [
            ("{", "EOF while parsing"),
            ("{}", "it has no \"name\""),
            (r#"{"name":"a b"}"#, "a project cannot be called \"a b\""),
            (r#"{"name":"a","sandbus":{"env":["A-B"]}}"#, "\"A-B\" is no name of a variable"),
            (r#"{"name":"a","sandbus":{"evn":[]}}"#, "unknown field `evn`"),
        ];
        for (text, problem) in cases {
            let error = Manifest::parse(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn the_module_is_one_of_the_project() {
        let folder = tempfile::tempdir().unwrap();
        for (main, good) in [("src/index.js", true), ("../other.js", false), ("/etc/passwd", false)] {
            let text = serde_json::json!({ "name": "orders", "main": main }).to_string();
            std::fs::write(folder.path().join(FILE), text).unwrap();
            assert_eq!(Manifest::read(folder.path()).is_ok(), good, "{main}");
        }
    }
}
