//! One run of a command, as its caller sees it: status, data on stdout, words on stderr.
//!
//! In a snapshot everything that differs between two runs is replaced by a name in brackets. Snapshots are the files
//! beside this one: a person reads each change of what the command says.

use std::fmt;
use std::time::Duration;

use regex_lite::Regex;
use sandbus_tests::Deployment;
use sandbus_tests::process::{Finished, run_to_end};
use serde_json::Value;

/// For a command that ends by itself, on a machine that has other work.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What differs between two runs wherever it stands.
const VARIABLE: &[(&str, &str)] = &[
    (r"\b[0-9a-f]{64}\b", "[SHA256]"),
    (r"sandbus-demo-[0-9a-f]{8}", "sandbus-demo-[RANDOM]"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "[TIME]"),
    // What of it there is depends on the kernel.
    (r"hardened privileges=.*", "hardened [MEASURES]"),
    // Another test may have compiled the same component before.
    (r#"code="\w+" took_ms=\d+"#, r#"code="[SOURCE]" took_ms=[TIME]"#),
    (r"\(\d+\.\d+ ms, \d+\.\d+ ms CPU, [0-9.]+ [KM]?i?B\)", "([TIME], [CPU], [MEMORY])"),
    (r"127\.0\.0\.1:\d{4,5}\b", "127.0.0.1:[PORT]"),
    (r"localhost:\d{4,5}\b", "localhost:[PORT]"),
];

/// What a command that has ended left behind, and what a snapshot does not show of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    hidden: Vec<(String, String)>,
}

impl Outcome {
    /// Runs `sandbus` with these arguments in the directory of `deployment`, and with nothing on stdin.
    #[track_caller]
    pub(crate) fn of(deployment: &Deployment, arguments: &[&str]) -> Outcome {
        Outcome::with_input(deployment, arguments, "")
    }

    /// As [`Outcome::of`], with `input` on stdin.
    #[track_caller]
    pub(crate) fn with_input(deployment: &Deployment, arguments: &[&str], input: &str) -> Outcome {
        let finished = deployment.run(arguments, input.as_bytes(), SOON);
        let directory = deployment.directory().display().to_string();
        Outcome::from(finished).hiding(&directory, "[DIRECTORY]")
    }

    /// What a script for `/bin/sh` comes to.
    #[track_caller]
    pub(crate) fn of_script(script: &str) -> Outcome {
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", script]);
        Outcome::from(run_to_end(command, b"", SOON))
    }

    /// Replaces `text` in snapshots.
    pub(crate) fn hiding(mut self, text: &str, name: &str) -> Outcome {
        self.hidden.push((text.to_owned(), name.to_owned()));
        self
    }

    /// Leaves the lines of the log out of stderr: which of them come before the end is a matter of luck.
    pub(crate) fn without_log(mut self) -> Outcome {
        let time = Regex::new(r"^\d{4}-\d\d-\d\dT").expect("a valid pattern");
        self.stderr = self.stderr.lines().filter(|line| !time.is_match(line)).map(|line| format!("{line}\n")).collect();
        self
    }

    /// Goes on if it has ended with this status.
    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Outcome {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Each line of stdout as JSON. All of it must be JSON Lines.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?} of\n{self}"));
        self.stdout.lines().map(parse).collect()
    }

    /// Its only line of stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let mut lines = self.json_lines();
        assert_eq!(lines.len(), 1, "{self}");
        lines.remove(0)
    }

    /// `text` as a snapshot would have it.
    fn steady(&self, text: &str) -> String {
        let hidden = self.hidden.iter().fold(text.to_owned(), |text, (hidden, name)| text.replace(hidden, name));
        VARIABLE.iter().fold(hidden, |text, (pattern, name)| {
            let pattern = Regex::new(pattern).expect("a valid pattern");
            pattern.replace_all(&text, *name).into_owned()
        })
    }

    /// Compares it with the snapshot of that name.
    #[track_caller]
    pub(crate) fn snapshot(&self, name: &str) {
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name, self.to_string());
        });
    }
}

impl From<Finished> for Outcome {
    fn from(finished: Finished) -> Outcome {
        let status = finished.status.code();
        let status = status.unwrap_or_else(|| panic!("ended by a signal: {finished:?}"));
        Outcome { status, stdout: finished.stdout, stderr: finished.stderr, hidden: Vec::new() }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("status {}\n--- stdout\n{}--- stderr\n{}", self.status, self.stdout, self.stderr);
        f.write_str(&self.steady(&text))
    }
}
