//! Paths of web servers, as grants and requests are compared: by their segments, with the percent-encoding undone.
//!
//! Servers differ in how they read a path that goes up (`..`), has an encoded slash or nothing between two of them.
//! Below a granted path such a request is refused: what one server takes for a path below it, another takes for
//! its neighbour.

/// Segments of a granted path; empty for the whole server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Vec<u8>>);

/// Why a path can be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ambiguous {
    /// It has `.` or `..`, encoded or not.
    #[error("it has a segment . or ..")]
    Dots,
    /// It has nothing between two slashes.
    #[error("it has an empty segment")]
    Empty,
    /// It has an encoded slash, or a backslash.
    #[error("it has a backslash or an encoded slash")]
    Slash,
    /// It has a control character.
    #[error("it has a control character")]
    Control,
    /// It has an escape that is none, or one that is another escape.
    #[error("it is percent-encoded twice, or wrongly")]
    Encoding,
}

impl Path {
    /// Reads what follows the host in a grant. A slash at its end is no matter.
    ///
    /// # Errors
    /// Why it means no path, in words for whoever wrote it.
    pub fn parse(text: &str) -> Result<Path, String> {
        if text.contains(['?', '#']) {
            return Err("a grant ends after its path".to_owned());
        }
        if text.contains('*') {
            return Err("a path has no wildcards: what is below it is granted, too".to_owned());
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("write spaces and other letters of a path percent-encoded".to_owned());
        }
        let mut segments = segments(text).map_err(|ambiguous| format!("a path can be read in one way: {ambiguous}"))?;
        if segments.last().is_some_and(Vec::is_empty) {
            segments.pop();
        }
        Ok(Path(segments))
    }

    /// Whether a request for this path may be sent.
    ///
    /// # Errors
    /// Where it depends on the server what the path is.
    pub fn covers(&self, path: &str) -> Result<bool, Ambiguous> {
        if self.0.is_empty() {
            return Ok(true);
        }
        Ok(segments(path)?.starts_with(&self.0))
    }
}

fn segments(path: &str) -> Result<Vec<Vec<u8>>, Ambiguous> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let last = path.split('/').count().saturating_sub(1);
    path.split('/').enumerate().map(|(index, text)| segment(text, index == last)).collect()
}

fn segment(text: &str, is_last: bool) -> Result<Vec<u8>, Ambiguous> {
    let decoded = decode(text.as_bytes()).ok_or(Ambiguous::Encoding)?;
    // Bytes that are no UTF-8 are a dot or a slash to some old servers.
    if decode(&decoded).is_some_and(|twice| twice != decoded) || std::str::from_utf8(&decoded).is_err() {
        return Err(Ambiguous::Encoding);
    }
    if decoded.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
        return Err(Ambiguous::Slash);
    }
    if decoded.iter().any(u8::is_ascii_control) {
        return Err(Ambiguous::Control);
    }
    // Some servers take off what follows a semicolon before they look at the dots.
    let name = decoded.split(|byte| *byte == b';').next().unwrap_or_default();
    if matches!(name, b"." | b"..") {
        return Err(Ambiguous::Dots);
    }
    if name.is_empty() && !(is_last && decoded.is_empty()) {
        return Err(Ambiguous::Empty);
    }
    Ok(decoded)
}

/// The bytes with their escapes undone. `None` where a `%` begins none.
fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>()?;
        let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
        decoded.push(u8::try_from(high? * 16 + low?).ok()?);
        rest = after;
    }
    Some(decoded)
}
