//! Runs the tools of languages: what they say to people goes to stderr as it comes, stdout is left for results.

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

/// The first line that a command prints. The error is its complaint, or `None` where there is no such program.
pub(super) fn answer(command: &mut Command, folder: &Path) -> Result<String, Option<String>> {
    let output = command.current_dir(folder).stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => None,
        _ => Some(error.to_string()),
    })?;
    let first = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().trim().to_owned();
    if output.status.success() {
        Ok(first(&output.stdout))
    } else {
        let complaint = first(&output.stderr);
        Err(Some(if complaint.is_empty() { output.status.to_string() } else { complaint }))
    }
}

/// Runs a command with all that it prints on stderr. Whether it ended well.
///
/// # Errors
/// When it cannot be started.
pub(super) fn show(command: &mut Command) -> io::Result<bool> {
    Ok(show_to_end(command)?.success())
}

/// The same for a command that says by its status how it ended.
///
/// # Errors
/// When it cannot be started.
pub(super) fn show_to_end(command: &mut Command) -> io::Result<ExitStatus> {
    command.stdin(Stdio::null()).stdout(io::stderr()).status()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_first_line() {
        let mut echo = Command::new("sh");
        assert_eq!(answer(echo.args(["-c", "echo one; echo two"]), Path::new("/")), Ok("one".into()));
    }

    #[test]
    fn a_missing_program_differs_from_one_that_fails() {
        assert_eq!(answer(&mut Command::new("no-such-program"), Path::new("/")), Err(None));
        let fails = |script| answer(Command::new("sh").args(["-c", script]), Path::new("/"));
        assert_eq!(fails("echo why >&2; exit 3"), Err(Some("why".into())));
        assert_eq!(fails("exit 3"), Err(Some("exit status: 3".into())));
    }
}
