//! Reads a project's sources as Python does, before a component is made of them: that takes ten seconds, and this less than
//! one.

use std::path::Path;
use std::process::{Command, Stdio};

/// Prints what cannot be read, as the build would show it.
const CHECK: &str = include_str!("syntax.py");
/// The status for sources that are wrong. Python's own for a script that fails is 1.
const WRONG: i32 = 3;
/// The component's language, minor version of Python 3.
const COMPONENT: u32 = 14;

/// What is wrong with the sources, in the words of Python.
///
/// `None` if nothing is, or if this Python cannot say: then the build does. `language` is the oldest Python that the project
/// asks for, as minor version of Python 3: a Python that is as new can read the sources, and so can one that is as new as
/// the component's.
pub(super) fn wrong(python: &Path, source: &Path, language: Option<u32>) -> Option<String> {
    let mut command = Command::new(python);
    // Without the environment of whoever builds, and without writing anything.
    command.args(["-I", "-B", "-c", CHECK]).arg(source).arg(language.unwrap_or(COMPONENT).min(COMPONENT).to_string());
    let output = command.stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
    (output.status.code() == Some(WRONG) && !said.is_empty()).then_some(said)
}

/// The minor version that a `requires-python` begins with, such as 11 of `>=3.11`; of several lower bounds the highest.
pub(super) fn oldest(requires: &str) -> Option<u32> {
    let bounds = requires.split(',').filter_map(|bound| {
        let bound = bound.trim();
        let version = [">=", "~=", "===", "=="].iter().find_map(|operator| bound.strip_prefix(operator))?;
        let minor = version.trim().strip_prefix("3.")?;
        minor.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    });
    bounds.max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_bound_names_the_language() {
        let cases = [
            (">=3.11", Some(11)),
            (" >= 3.12 , <4", Some(12)),
            ("~=3.13.1", Some(13)),
            ("==3.14.*", Some(14)),
            ("<3.15, >=3.9, >=3.12", Some(12)),
            ("<4", None),
            (">=2.7", None),
            (">3.11", None),
            ("", None),
        ];
        for (requires, minor) in cases {
            assert_eq!(oldest(requires), minor, "{requires}");
        }
    }

    #[test]
    fn what_python_cannot_read_is_shown_with_its_place() {
        let python = Path::new("python3");
        let folder = tempfile::tempdir().unwrap();
        let put = |file: &str, text: &[u8]| std::fs::write(folder.path().join(file), text).unwrap();
        std::fs::create_dir(folder.path().join("shop")).unwrap();
        put("handler.py", "x = 1 # ü\n".as_bytes());
        put("notes.txt", b"def");
        assert_eq!(wrong(python, folder.path(), Some(0)), None);
        put("shop/orders.py", b"\ndef handle(event:):\n    return\n");
        let said = wrong(python, folder.path(), Some(0)).unwrap();
        assert!(said.starts_with("  File \"shop/orders.py\", line 2\n"), "{said}");
        assert!(said.contains("SyntaxError: invalid syntax"), "{said}");
        // Python's next version may read it.
        let next: u32 = 99;
        assert_eq!(wrong(python, folder.path(), Some(next)).is_some(), reads_what_the_component_reads());
        put("shop/orders.py", b"x = '\xff'\n");
        assert!(wrong(python, folder.path(), Some(0)).unwrap().contains("orders.py"));
        // What is no module's own mistake is left to the build.
        assert_eq!(wrong(Path::new("/no/such/python"), folder.path(), Some(0)), None);
        assert_eq!(wrong(Path::new("/bin/false"), folder.path(), Some(0)), None);
    }

    fn reads_what_the_component_reads() -> bool {
        let script = format!("import sys; sys.exit(sys.version_info < (3, {COMPONENT}))");
        Command::new("python3").args(["-c", &script]).status().unwrap().success()
    }
}
