//! Holds the README to the truth: what it shows of code and of messages is what there is.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

use std::path::{Path, PathBuf};

use sandbus::config::Config;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The fenced block behind the comment of that name.
fn block(name: &str) -> String {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, rest) = readme.split_once(&format!("<!-- checked: {name} -->\n```")).unwrap();
    let (_, body) = rest.split_once('\n').unwrap();
    body.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_handler_is_the_one_that_a_new_project_has() {
    let template = std::fs::read_dir(repository().join("host/templates/rust/src")).unwrap().next().unwrap().unwrap();
    let source = std::fs::read_to_string(template.path()).unwrap();
    let handler = source.split_once("#[cfg(test)]").unwrap().0;
    assert_eq!(block("handler").trim_end(), handler.trim_end());
}

#[test]
fn the_faults_are_those_of_the_configuration_above_them() {
    let folder = std::env::temp_dir();
    let environment = std::iter::empty::<(String, String)>();
    let error = Config::from_text(&block("faulty"), &folder, environment).unwrap_err().to_string();
    let shown = error.replacen("the configuration", "sandbus.toml", 1);
    assert_eq!(block("faults").trim_end(), format!("sandbus: {shown}").trim_end());
}
