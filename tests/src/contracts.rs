//! The released versions of the contract with guests, each frozen: its WIT, and components that were made for it, as text.
//!
//! A folder of tests/contracts is one version. In `c` of it is a handler with the SDK's header as that version released it,
//! for `sandbus build`. A text is a core module whose first line names its world; that is embedded
//! into it, so that neither compiler nor SDK is needed to make it a component again, in years.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const WORLD: &str = ";; world: ";

/// One released version.
#[derive(Debug, Clone)]
pub struct Contract {
    /// Such as `0.1.0`.
    pub version: String,
    folder: PathBuf,
}

impl Contract {
    /// Each of them.
    ///
    /// # Panics
    /// When the folder is not there.
    #[must_use]
    pub fn released() -> Vec<Contract> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts");
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let folders = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
        let contract = |folder: PathBuf| {
            let version = folder.file_name().expect("a name").to_string_lossy().into_owned();
            Contract { version, folder }
        };
        let mut all: Vec<_> = folders.map(contract).collect();
        all.sort_by(|one, other| one.version.cmp(&other.version));
        all
    }

    /// The frozen WIT, by the names of its files, sorted.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn wit(&self) -> Vec<(String, String)> {
        wit_of(&self.folder.join("wit"))
    }

    /// The folder of the kept project in C.
    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.folder.join("c")
    }

    /// The kept texts: name and text, sorted.
    ///
    /// # Panics
    /// When they cannot be read.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, String)> {
        files(&self.folder, "wat")
    }
}

/// The files of a folder of WIT, by name, sorted.
///
/// # Panics
/// When they cannot be read.
#[must_use]
pub fn wit_of(folder: &Path) -> Vec<(String, String)> {
    files(folder, "wit")
}

fn files(folder: &Path, extension: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_stem().expect("a name").to_string_lossy().into_owned(), text)
    };
    let mut all: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|found| found == extension)).map(read).collect();
    all.sort();
    all
}

/// The component of a text, for the contract that this WIT is.
///
/// # Errors
/// Where the text does not fit it.
pub fn component(text: &str, wit: &[(String, String)]) -> Result<Vec<u8>> {
    let world =
        text.lines().next().and_then(|line| line.strip_prefix(WORLD)).context("the first line names no world")?;
    let mut module = wat::parse_str(text)?;
    let folder = tempfile::tempdir()?;
    for (name, text) in wit {
        fs::write(folder.path().join(format!("{name}.wit")), text)?;
    }
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(folder.path()).context("the contract")?;
    let world = resolve.select_world(&[package], Some(world))?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)?;
    // By the tests' own encoder, so that the host is not asked about itself.
    ComponentEncoder::default().validate(true).module(&module)?.encode()
}
