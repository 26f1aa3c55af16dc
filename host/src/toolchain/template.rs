//! What a new project consists of, beside the SDK. The files stand in `host/templates/LANGUAGE`, where `{{name}}` is the
//! project's name, and are laid down under their own names, but for two rules: `gitignore` gets its dot, because as
//! `.gitignore` it would hide files of this repository, and `.template` is cut off, because cargo would take a `Cargo.toml`
//! for one of its own.

use include_dir::{Dir, DirEntry, include_dir};

use super::language::Language;
use super::name::ProjectName;

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// Every file by its path in the project, sorted.
pub(super) fn files(language: Language, name: &ProjectName) -> Vec<(String, String)> {
    let mut files = Vec::new();
    if let Some(folder) = TEMPLATES.get_dir(language.name()) {
        collect(folder, language, name, &mut files);
    }
    files.sort();
    files
}

fn collect(dir: &Dir<'_>, language: Language, name: &ProjectName, files: &mut Vec<(String, String)>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => collect(dir, language, name, files),
            DirEntry::File(file) => {
                let (Ok(path), Some(text)) = (file.path().strip_prefix(language.name()), file.contents_utf8()) else {
                    continue;
                };
                files.push((target(&path.to_string_lossy()), text.replace("{{name}}", name.as_str())));
            }
        }
    }
}

/// The path in a project of a file in the template.
fn target(path: &str) -> String {
    if path == "gitignore" {
        return ".gitignore".to_owned();
    }
    path.strip_suffix(".template").unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each() -> impl Iterator<Item = (Language, Vec<(String, String)>)> {
        Language::ALL.iter().map(|language| {
            let name = ProjectName::new("order-log", *language).unwrap();
            (*language, files(*language, &name))
        })
    }

    #[test]
    fn the_name_is_filled_in_everywhere() {
        for (language, files) in each() {
            assert!(files.iter().any(|(path, _)| path == language.marker()), "{language:?}: {files:?}");
            for (path, text) in files {
                assert!(!text.contains("{{name}}") && text.ends_with('\n'), "{path}:\n{text}");
            }
        }
    }

    #[test]
    fn its_files_are_what_they_seem() {
        for (language, files) in each() {
            let text = |path: &str| &files.iter().find(|(file, _)| file == path).unwrap().1;
            let config: toml::Table = text("sandbus.toml").parse().unwrap();
            let component = config["handler"][0]["component"].as_str().unwrap();
            assert_eq!(component, "target/components/order-log.wasm", "{language:?}");
            assert!(text("README.md").contains(component), "{language:?}");
            assert!(text(".gitignore").contains("/target"), "{language:?}");
            for line in text("events.jsonl").lines() {
                let event: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(event["type"].is_string(), "{line}");
            }
        }
    }

    #[test]
    fn the_samples_are_the_same_in_every_language() {
        let samples = |files: &[(String, String)]| files.iter().find(|(file, _)| file == "events.jsonl").cloned();
        let all: Vec<_> = each().map(|(_, files)| samples(&files)).collect();
        assert!(all.iter().all(|other| *other == all[0] && other.is_some()));
    }

    #[test]
    fn a_crate_is_what_it_seems() {
        let name = ProjectName::new("order-log", Language::Rust).unwrap();
        let files = files(Language::Rust, &name);
        let manifest = &files.iter().find(|(file, _)| file == "Cargo.toml").unwrap().1;
        let manifest: toml::Table = manifest.parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("order-log"));
        assert!(manifest.contains_key("workspace"));
    }
}
