//! The committed reference is the one that the definitions make, and its example is right.

use std::path::PathBuf;

use super::Folder;
use crate::config::reference;

#[test]
fn the_committed_reference_is_current() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, reference()).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == reference(),
        "docs/configuration.md is not what the keys say: set UPDATE_DOCS=1 and run this test again"
    );
}

#[test]
fn the_example_is_a_configuration() {
    let folder = Folder::new();
    folder.write("secret", "hush");
    folder.write("handlers/order_projection.wasm", "");
    let page = reference();
    let example = page.split("```").nth(1).unwrap();
    let example = example.strip_prefix("toml\n").unwrap();
    let secret = folder.path().join("secret");
    let example = example.replace("/run/secrets/kafka", secret.to_str().unwrap());
    let config = folder.good(&example);
    assert_eq!(config.handlers.len(), 1);
    assert_eq!(config.kafka.properties.get("sasl.password"), Some("hush"));
}
