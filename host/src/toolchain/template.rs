//! What a new Rust project consists of, beside the SDK. The files stand in `host/templates/rust`, where `{{name}}` is
//! the project's name.

use super::name::ProjectName;

const FILES: [(&str, &str); 6] = [
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml.template")),
    ("src/lib.rs", include_str!("../../templates/rust/src/lib.rs")),
    ("events.jsonl", include_str!("../../templates/rust/events.jsonl")),
    ("sandbus.toml", include_str!("../../templates/rust/sandbus.toml")),
    ("README.md", include_str!("../../templates/rust/README.md")),
    (".gitignore", include_str!("../../templates/rust/gitignore")),
];

/// Every file by its path in the project.
pub(super) fn files(name: &ProjectName) -> impl Iterator<Item = (&'static str, String)> {
    FILES.iter().map(|(path, text)| (*path, text.replace("{{name}}", name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_filled_in_everywhere() {
        let name = ProjectName::new("order-log").unwrap();
        for (path, text) in files(&name) {
            assert!(!text.contains("{{") && text.ends_with('\n'), "{path}:\n{text}");
        }
    }

    #[test]
    fn its_files_are_what_they_seem() {
        let name = ProjectName::new("order-log").unwrap();
        let text = |path: &str| files(&name).find(|(file, _)| *file == path).unwrap().1;
        let manifest: toml::Table = text("Cargo.toml").parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("order-log"));
        assert!(manifest.contains_key("workspace"));
        let config: toml::Table = text("sandbus.toml").parse().unwrap();
        let component = config["handler"][0]["component"].as_str().unwrap();
        assert_eq!(component, "target/components/order-log.wasm");
        assert!(text("README.md").contains(component));
        for line in text("events.jsonl").lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(event["type"].is_string(), "{line}");
        }
    }
}
