//! Projects: what `sandbus new` makes is built and tested by the very commands that it prints, in a folder outside the
//! repository, with each compiler that this machine has. No Kafka takes part.
//!
//! The first run compiles the SDK's dependencies, which takes minutes. They stay in `target/projects`; the project and
//! the SDK are built anew each time.

mod c;
mod go;
mod js;
mod python;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sandbus_tests::host::built;
use sandbus_tests::process::{Finished, run_to_end};
use tempfile::TempDir;

/// Dependencies and a standard library, on a machine that does more besides.
const BUILT: Duration = Duration::from_secs(900);

/// The commands that are to come next, as `sandbus new` prints them, in one line.
#[track_caller]
fn next(made: &str) -> String {
    let lines = made.lines().skip_while(|line| *line != "next:").skip(1);
    let next: Vec<&str> = lines.take_while(|line| line.starts_with(' ')).map(str::trim).collect();
    assert_eq!(next.len(), 3, "{made}");
    next.join(" && ")
}

/// An empty folder outside the repository, and a shell in it whose PATH begins with the built `sandbus`.
struct Outside {
    folder: TempDir,
    toolchain: Option<&'static str>,
}

impl Outside {
    fn new(toolchain: Option<&'static str>) -> Outside {
        let folder = tempfile::Builder::new().prefix("sandbus-project-").tempdir().expect("a folder for the project");
        Outside { folder, toolchain }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    #[track_caller]
    fn shell(&self, script: &str) -> Finished {
        let mut path = binaries().into_os_string();
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command.args(["-c", script]).current_dir(self.folder.path()).env("PATH", path);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("SANDBUS_") {
                command.env_remove(&name);
            }
        }
        // What the developer has set would put the component elsewhere than printed.
        command.env("CARGO_TARGET_DIR", "target");
        command.envs(self.toolchain.map(|toolchain| ("SANDBUS_RUST_TOOLCHAIN", toolchain)));
        run_to_end(command, b"", BUILT)
    }

    /// Runs a script that has to end well, and answers what it printed.
    #[track_caller]
    fn succeeds(&self, script: &str) -> Finished {
        let finished = self.shell(script);
        assert!(finished.status.success(), "{script}: {}\n{}{}", finished.status, finished.stdout, finished.stderr);
        finished
    }

    /// Makes a project and answers the commands that are to come next, in one line.
    #[track_caller]
    fn new_project(&self) -> String {
        let made = self.succeeds("sandbus new order-log --lang rust").stdout;
        let cache = binaries().with_file_name("projects").join(self.toolchain.unwrap_or("auto"));
        // No component of an earlier run.
        let _ = fs::remove_dir_all(cache.join("components"));
        fs::create_dir_all(&cache).expect("a folder for dependencies");
        std::os::unix::fs::symlink(cache, self.path("order-log/target")).expect("the project has no target folder yet");
        next(&made)
    }
}

/// The folder of the built `sandbus`.
fn binaries() -> PathBuf {
    built::sandbus().parent().expect("a file has a folder").to_owned()
}

/// The verdicts of the sample events.
fn verdicts(output: &str) -> Vec<String> {
    let verdict = |line: &str| -> String {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        line["verdict"].as_str().unwrap_or_else(|| panic!("no verdict: {line}")).to_owned()
    };
    output.lines().filter(|line| line.starts_with('{')).map(verdict).collect()
}

const SAMPLES: [&str; 4] = ["ack", "ack", "dead-letter", "not wanted"];

#[test]
fn a_new_project_builds_and_passes_its_test_at_once() {
    let outside = Outside::new(None);
    let next = outside.new_project();
    let lock = || fs::read_to_string(outside.path("order-log/Cargo.lock")).expect("a lock file");
    let versions = lock();

    let run = outside.succeeds(&format!("{next} --json"));
    assert!(run.stderr.contains("building order-log with "), "{}", run.stderr);
    assert_eq!(verdicts(&run.stdout), SAMPLES, "{}{}", run.stdout, run.stderr);
    assert_eq!(lock(), versions, "the project's Cargo.lock does not fit its Cargo.toml and the SDK's");

    let again = outside.succeeds("sandbus build order-log");
    assert!(again.stdout.starts_with("order-log/target/components/order-log.wasm  ("), "{}", again.stdout);
    assert!(again.stdout.ends_with(", unchanged)\n"), "{}", again.stdout);

    let checked = outside.succeeds("cd order-log && sandbus check");
    assert!(checked.stdout.contains("events     OrderCreated"), "{}", checked.stdout);
    let units = outside.succeeds("cd order-log && cargo test --release");
    assert!(units.stdout.contains("3 passed; 0 failed"), "{}", units.stdout);

    // What cannot be compiled is shown, and the component of before stays.
    let source = outside.path("order-log/src/lib.rs");
    let broken = fs::read_to_string(&source).expect("a source").replace("self.seen += 1;", "self.unheard_of += 1;");
    fs::write(&source, broken).expect("the source can be written");
    let component = || fs::read(outside.path("order-log/target/components/order-log.wasm")).expect("a component");
    let before = component();
    let failed = outside.shell("cd order-log && sandbus build");
    assert_eq!(failed.status.code(), Some(1), "{}", failed.stderr);
    assert!(failed.stderr.contains("no field `unheard_of`"), "{}", failed.stderr);
    assert!(failed.stderr.ends_with("sandbus: cargo could not build order-log; its message is above\n"));
    assert!(component() == before, "a failed build changed the component");
}

#[test]
fn a_new_project_builds_with_debian_s_rust() {
    let files = ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/bin/wasm-ld-19", "/usr/lib/rustlib/src/rust/library"];
    if let Some(missing) = files.iter().find(|file| !Path::new(file).exists()) {
        // Installing packages is not for a test.
        eprintln!("skipped: there is no {missing}");
        return;
    }
    let outside = Outside::new(Some("debian"));
    let next = outside.new_project();
    let run = outside.succeeds(&format!("{next} --json"));
    assert!(run.stderr.contains("building order-log with Debian's Rust"), "{}", run.stderr);
    assert_eq!(verdicts(&run.stdout), SAMPLES, "{}{}", run.stdout, run.stderr);
}

#[test]
fn what_cannot_be_made_or_built_is_told_what_to_do() {
    let plain = "mkdir -p plain/src && : > plain/src/lib.rs && \
                 printf '[package]\\nname = \"plain\"\\n[workspace]\\n' > plain/Cargo.toml";
    let cases = [
        ("sandbus build", 1, " in .; name the folder of a handler's project, or make one: sandbus new"),
        ("sandbus build nowhere", 1, "there is no folder nowhere"),
        (
            &format!("{plain} && sandbus build plain"),
            1,
            "add these two lines to it:\n  [lib]\n  crate-type = [\"cdylib\"]\n",
        ),
        ("SANDBUS_RUST_TOOLCHAIN=gcc sandbus build", 2, "\"gcc\" is no toolchain; write cargo, rustup or debian"),
        (
            &format!("{plain} && PATH=${{PATH%%:*}} SANDBUS_RUST_TOOLCHAIN=cargo sandbus build plain"),
            1,
            "cargo: there is no cargo in PATH; Rust comes from https://rustup.rs",
        ),
        (": > file && sandbus new order-log --lang rust .", 1, ". is there already, and not empty"),
        (": > file && sandbus new order-log --lang rust file", 1, "file is there already, and no folder"),
        ("sandbus new 2fast --lang rust", 2, "begins with a letter"),
        ("sandbus new order-log --lang cobol", 2, "invalid value 'cobol' for '--lang <LANG>'"),
    ];
    for (script, status, message) in cases {
        let outside = Outside::new(None);
        let finished = outside.shell(script);
        assert_eq!(finished.status.code(), Some(status), "{script}: {}{}", finished.stdout, finished.stderr);
        assert!(finished.stderr.contains(message), "{script}: {}", finished.stderr);
        assert!(!outside.path("order-log").exists(), "{script}");
    }
}
