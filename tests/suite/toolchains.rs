//! What `sandbus check --toolchains` says of a machine, and what `sandbus build` says where tools cannot be fetched.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use sandbus_tests::LANGUAGES;
use sandbus_tests::host::built;
use sandbus_tests::process::run_to_end;
use serde_json::Value;

/// A package manager may try more than once.
const SOON: Duration = Duration::from_secs(120);
/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:1/";

/// On this machine as it is.
fn sandbus(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(built::sandbus());
    command.args(arguments).current_dir(folder);
    command
}

/// Neither tools in the cache, nor a registry that could be asked for them.
fn bare(arguments: &[&str], folder: &Path) -> Command {
    let mut command = sandbus(arguments, folder);
    command.env("SANDBUS_CACHE", folder.join("cache")).env_remove("SANDBUS_CC");
    command.env("npm_config_registry", NOBODY).env("PIP_INDEX_URL", NOBODY).env("PIP_RETRIES", "0");
    command
}

/// State and words by language.
#[track_caller]
fn readiness(command: Command) -> BTreeMap<String, (String, String)> {
    let finished = run_to_end(command, b"", SOON);
    assert!(finished.status.success(), "{}", finished.stderr);
    let told: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let word = |row: &Value, field: &str| row[field].as_str().expect("a word").to_owned();
    let rows = told["toolchains"].as_array().expect("a list");
    rows.iter().map(|row| (word(row, "language"), (word(row, "state"), word(row, "text")))).collect()
}

#[test]
fn where_everything_is_installed_every_language_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    // `make build` has installed it.
    let told = readiness(sandbus(&["check", "--toolchains", "--json"], folder.path()));
    assert_eq!(told.len(), LANGUAGES.len());
    for language in LANGUAGES {
        assert_eq!(told[*language].0, "ready", "{language}: {}", told[*language].1);
    }
    let text = run_to_end(sandbus(&["check", "--toolchains"], folder.path()), b"", SOON);
    let lines = text.stdout.lines().map(|line| line.split(' ').next().unwrap_or_default());
    assert_eq!(lines.collect::<Vec<_>>(), LANGUAGES, "{}", text.stdout);
}

#[test]
fn what_a_build_would_install_is_said_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = readiness(bare(&["check", "--toolchains", "--json"], folder.path()));
    for (language, words) in [("js", "by npm"), ("ts", "by npm"), ("python", "by pip"), ("c", "by pip")] {
        let (state, text) = &told[language];
        assert!(state == "installs" && text.contains(words), "{language}: {state}, {text}");
    }
}

#[test]
fn what_is_missing_is_said_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = bare(&["check", "--toolchains", "--json"], folder.path());
    command.env("PATH", "/nonexistent");
    let told = readiness(command);
    for (language, words) in [
        ("rust", "https://rustup.rs"),
        ("js", "put Node.js 20 or newer into PATH"),
        ("ts", "put Node.js 20 or newer into PATH"),
        ("python", "apt-get install"),
        ("go", "put Go 1.24 or newer into PATH"),
        ("c", "install Python 3"),
    ] {
        let (state, text) = &told[language];
        assert!(state == "missing" && text.contains(words), "{language}: {state}, {text}");
    }
}

#[test]
fn a_registry_that_is_away_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    for language in ["python", "c"] {
        let made = run_to_end(bare(&["new", language, "--lang", language], folder.path()), b"", SOON);
        assert!(made.status.success(), "{}", made.stderr);
        let finished = run_to_end(bare(&["build", language], folder.path()), b"", SOON);
        assert_eq!(finished.status.code(), Some(1), "{language}: {}", finished.stderr);
        for words in
            ["pip could not install the tools", "A network is needed for this once", "PIP_INDEX_URL names a mirror"]
        {
            assert!(finished.stderr.contains(words), "{language}: {}", finished.stderr);
        }
        // Nothing is half there: the next build begins anew.
        let whole = fs::read_dir(folder.path().join("cache/toolchains"))
            .expect("a folder")
            .flatten()
            .any(|entry| entry.path().join(".complete").exists());
        assert!(!whole, "{language}");
    }
}
