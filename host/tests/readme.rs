//! Holds the README to the truth: what it shows of code and of messages is what there is. And those of the SDKs to the same
//! subjects.

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

/// What a developer looks for, and the words by which every SDK's README names it.
const SUBJECTS: [(&str, &str); 9] = [
    ("headers", "header"),
    ("verdicts", "ack"),
    ("kinds of errors", "kind"),
    ("logging", "log lines"),
    ("configuration", "[handler.config]"),
    ("publishing", "publish"),
    ("metrics", "metrics of the handler's own"),
    ("the trace", "traceparent"),
    ("unit tests", "## Unit tests without WebAssembly"),
];

#[test]
fn each_sdk_says_what_there_is() {
    let mut languages = 0;
    for entry in std::fs::read_dir(repository().join("guest-sdk")).unwrap() {
        let folder = entry.unwrap().path();
        // Not an SDK, but what they share.
        if !folder.is_dir() || folder.file_name().is_some_and(|name| name == "wit") {
            continue;
        }
        languages += 1;
        let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
        for (subject, words) in SUBJECTS {
            assert!(readme.contains(words), "{} says nothing of {subject}: {words:?}", folder.display());
        }
    }
    assert!(languages >= 5, "{languages} SDKs");
}
