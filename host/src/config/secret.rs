//! Text that must not be seen, and the files that it may be kept in.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::check::SecretText;
use super::key::{Reading, Slot};
use super::section::Section;
use super::{Fault, Found, Origin, paths};

/// Longest file that a secret is read from, in bytes.
const FILE_MAX: u64 = 1 << 20;

/// Text that no `Debug` or `Display` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text` from now on.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, to be handed to whom it is for and never printed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// A secret from its key or from the file that its other key names. `None` if something is wrong,
/// which has been noted.
pub(super) fn either(
    section: &Section<'_>,
    direct: &Slot<Option<Secret>>,
    file: &Slot<PathBuf>,
    form: &SecretText,
) -> Option<Option<Secret>> {
    match (direct, file) {
        (Slot::Bad, _) | (_, Slot::Bad) => None,
        (_, Slot::Absent) => Some(direct.value().cloned().flatten()),
        (Slot::Good(direct), Slot::Good(file)) if direct.origin != Origin::Default => {
            both(section, file, &direct.path);
            None
        }
        (_, Slot::Good(file)) => from_file(section, file, form).map(Some),
    }
}

/// Notes that a secret is given twice.
pub(super) fn both(section: &Section<'_>, file: &Reading<PathBuf>, direct: &str) {
    let found = Found::Value(paths::shown(&file.value));
    let expected = format!("either this or {direct}, not both");
    let context = section.context;
    context.fault(&file.path, &file.origin, found, expected);
}

/// The secret that a file holds, without its last line break.
pub(super) fn from_file(section: &Section<'_>, file: &Reading<PathBuf>, form: &SecretText) -> Option<Secret> {
    let path = section.context.resolve(&file.value);
    let hint = match read(&path) {
        Ok(text) if !text.is_empty() && (form.is_right)(&text) => return Some(Secret::new(text)),
        Ok(text) if text.is_empty() => format!("{} is empty", path.display()),
        Ok(_) => format!("{} holds something else", path.display()),
        Err(error) => paths::problem(&path, &error),
    };
    section.context.add(Fault {
        path: file.path.clone(),
        origin: file.origin.clone(),
        found: Found::Value(paths::shown(&file.value)),
        expected: format!("a file that holds {}", form.allowed),
        hint: Some(hint),
    });
    None
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(FILE_MAX + 1).read_to_string(&mut text)?;
    if length as u64 > FILE_MAX {
        return Err(std::io::Error::other("longer than 1 MiB"));
    }
    let end = text.strip_suffix('\n').map_or(text.len(), |line| line.strip_suffix('\r').unwrap_or(line).len());
    text.truncate(end);
    Ok(text)
}
