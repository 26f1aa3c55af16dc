//! The room as a whole: from text to a configuration or its faults.

mod environment;
mod every_key;
mod faults;
mod folder;
mod precedence;
mod reference;
mod secrets;
mod values;

use std::fs;
use std::path::Path;

use super::{Config, ConfigError};

/// A folder for one test, with components in it.
struct Folder(tempfile::TempDir);

impl Folder {
    /// With `a.wasm` and `b.wasm`.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.write("a.wasm", "");
        folder.write("b.wasm", "");
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_text(text, self.path(), environment.iter().copied())
    }

    fn good(&self, text: &str) -> Config {
        self.read(text, &[]).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The faults as the user sees them, whatever the folder is called.
    fn faults(&self, text: &str, environment: &[(&str, &str)]) -> String {
        let error = match self.read(text, environment) {
            Ok(config) => panic!("no fault in {text}\n{environment:?}\n{config:?}"),
            Err(error) => error,
        };
        assert!(!error.faults.is_empty());
        error.to_string().replace(&self.path().display().to_string(), "<folder>")
    }
}
