//! Python programs that use eventsource-py, in the environment that `scripts/setup-python.sh` has made.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cache::cache;
use crate::process::{Finished, run_to_end};

/// The one place that says which packages: pip, the setup script and this harness all read it.
const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// The version of eventsource-py that is run.
pub static VERSION: LazyLock<&str> = LazyLock::new(|| {
    let line = REQUIREMENTS.lines().find(|line| line.starts_with("eventsource-py"));
    line.and_then(|line| line.split_once("==")).expect("requirements.txt pins eventsource-py").1
});

/// Runs `tests/python/<program>` with `input` on its standard input until it ends.
///
/// # Panics
/// When there is no environment (the message says how to get one), or the program still runs at the deadline.
#[track_caller]
pub fn run(program: &str, arguments: &[&str], input: &str, deadline: Duration) -> Finished {
    let python = interpreter().unwrap_or_else(|error| panic!("{error:#}"));
    let mut command = Command::new(python);
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(program))
        .args(arguments)
        // The programs lie in the repository: nothing is to be written beside them.
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run_to_end(command, input.as_bytes(), deadline)
}

fn interpreter() -> Result<PathBuf> {
    let folder = cache().context("find eventsource-py")?.join(format!("eventsource-py-{}", *VERSION));
    if !folder.join(".complete").exists() {
        bail!("eventsource-py {} is not in {}; run scripts/setup-python.sh", *VERSION, folder.display());
    }
    Ok(folder.join("bin/python"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_read_from_the_requirements() {
        assert!(super::VERSION.starts_with(|c: char| c.is_ascii_digit()), "{}", *super::VERSION);
    }
}
