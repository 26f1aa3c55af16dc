//! Parts of documents that tests write, so that they cannot drift: with `UPDATE_DOCS=1` they are written anew, otherwise compared.

use std::fs;
use std::path::Path;

/// Ends each such part.
const END: &str = "<!-- end -->\n";

/// The part of `file`, named from the repository's root, between the line that says who writes it and the next that ends one,
/// is `text`.
///
/// # Panics
/// When it is not, when the file has no such part, or when it cannot be written.
#[track_caller]
pub fn assert_shows(file: &str, writer: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let begin = format!("<!-- begin: written by {writer} -->\n");
    let whole = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (head, rest) = whole.split_once(&begin).unwrap_or_else(|| panic!("{file} has no line {begin}"));
    let (shown, tail) = rest.split_once(END).unwrap_or_else(|| panic!("{file} has no line {END}"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{head}{begin}{text}{END}{tail}")).unwrap_or_else(|error| panic!("{file}: {error}"));
        return;
    }
    assert!(shown == text, "{file} is not up to date: run this test with UPDATE_DOCS=1");
}
