//! Where the build has left what the tests run.

use std::env;
use std::path::PathBuf;

/// The folder that cargo builds into, found from this executable: `<target>/release/[deps/]<this>`.
fn target() -> PathBuf {
    let executable = env::current_exe().expect("this executable has a path");
    executable
        .ancestors()
        .find(|folder| folder.ends_with("release"))
        .and_then(|release| release.parent())
        .unwrap_or_else(|| panic!("{} is not below target/release: build with --release", executable.display()))
        .to_owned()
}

/// The `sandbus` binary.
///
/// # Panics
/// When it is not built.
#[must_use]
#[track_caller]
pub fn sandbus() -> PathBuf {
    existing(target().join("release/sandbus"))
}

/// The `with-kafka` binary.
///
/// # Panics
/// When it is not built.
#[must_use]
#[track_caller]
pub fn with_kafka() -> PathBuf {
    existing(target().join("release/with-kafka"))
}

/// The component `name`, such as `probe-rust`.
///
/// # Panics
/// When it is not built.
#[must_use]
#[track_caller]
pub fn component(name: &str) -> PathBuf {
    existing(target().join("components").join(format!("{name}.wasm")))
}

#[track_caller]
fn existing(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is not there; run `make build`", path.display());
    path
}
