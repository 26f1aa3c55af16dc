//! `sandbus dev`, as somebody who writes a handler sees it: a new project, edited while it runs. No Kafka takes part.
//!
//! In the terminal of one test, `script` of util-linux stands for a person. As in `projects.rs`, the SDK's dependencies are
//! compiled by the first run and stay, here in `target/projects/dev`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

use sandbus_tests::LANGUAGES;
use sandbus_tests::eventually::eventually;
use sandbus_tests::host::built;
use sandbus_tests::process::{Finished, Lines, Process, run_to_end};
use tempfile::TempDir;

/// Dependencies, on a machine that does more besides.
const BUILT: Duration = Duration::from_secs(600);

/// Anything that takes no compiler.
const SOON: Duration = Duration::from_secs(30);

/// A new project, in a folder outside the repository.
struct Project {
    folder: TempDir,
    /// The handler's own, in the project.
    source: &'static str,
    /// Locked: the projects have one folder for what cargo makes, and components of one name in it.
    _cache: File,
}

impl Project {
    fn new() -> Project {
        Project::of("rust", "src/lib.rs")
    }

    fn of(language: &str, source: &'static str) -> Project {
        let folder = tempfile::Builder::new().prefix("sandbus-dev-").tempdir().expect("a folder for the project");
        let target = built::sandbus().parent().expect("a file has a folder").with_file_name("projects").join("dev");
        fs::create_dir_all(&target).expect("a folder for dependencies");
        let cache = File::create(target.with_extension("lock")).expect("a file to lock");
        cache.lock().expect("a lock");
        let project = Project { folder, source, _cache: cache };
        let made = project.sandbus(&["new", "order-log", "--lang", language]);
        assert!(made.status.success(), "{}{}", made.stdout, made.stderr);
        // No component of an earlier run.
        let _ = fs::remove_dir_all(target.join("components"));
        std::os::unix::fs::symlink(target, project.path("target")).expect("the project has no target folder yet");
        project
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("order-log").join(file)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // What the developer has set would put the component elsewhere, or paint it.
        command.current_dir(self.folder.path()).env("CARGO_TARGET_DIR", "target").env("TERM", "xterm");
        command.env_remove("NO_COLOR").env_remove("RUST_LOG").env_remove("SANDBUS_RUST_TOOLCHAIN");
        command
    }

    fn sandbus(&self, arguments: &[&str]) -> Finished {
        let mut command = self.command(&built::sandbus());
        command.args(arguments);
        run_to_end(command, b"", SOON)
    }

    /// Replaces a piece of the handler's source.
    #[track_caller]
    fn edit(&self, from: &str, to: &str) {
        self.edits(&[(from, to)]);
    }

    /// Replaces pieces of it in one save. By a rename, as many editors save.
    #[track_caller]
    fn edits(&self, pieces: &[(&str, &str)]) {
        let (file, beside) = (self.path(self.source), self.path(&format!("{}~new", self.source)));
        let mut source = fs::read_to_string(&file).expect("a source");
        for (from, to) in pieces {
            assert!(source.contains(from), "{from:?} is not in {source}");
            source = source.replace(from, to);
        }
        fs::write(&beside, source).and_then(|()| fs::rename(&beside, &file)).expect("a save");
    }

    /// Processes that know this folder, by what they were started with.
    fn processes(&self) -> Vec<String> {
        let folder = self.folder.path().display().to_string();
        let entries = fs::read_dir("/proc").expect("processes").flatten();
        let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
        lines.filter(|line| line.contains(&folder)).collect()
    }
}

/// `sandbus dev` at work, and how far its lines were read.
struct Dev {
    process: Process,
    stdin: ChildStdin,
    lines: Lines,
    errors: Lines,
    read: usize,
}

impl Dev {
    fn start(mut command: Command) -> Dev {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn("sandbus dev", command).expect("sandbus dev");
        let (stdin, lines) = (process.stdin().expect("piped"), process.stdout_lines().expect("piped"));
        let errors = process.stderr_lines().expect("piped");
        Dev { process, stdin, lines, errors, read: 0 }
    }

    fn of(project: &Project) -> Dev {
        let mut command = project.command(&built::sandbus());
        // By its whole path: so the process is found again.
        command.arg("dev").arg(project.path(""));
        Dev::start(command)
    }

    /// The next line with this in it, of those that come after the one before.
    #[track_caller]
    fn shows(&mut self, wanted: &str) -> String {
        let found = self.lines.wait_for(wanted, self.read, BUILT, |line| line.contains(wanted));
        let (at, line) = found.unwrap_or_else(|message| panic!("{message}\n{}", self.errors.text()));
        self.read = at + 1;
        line
    }

    /// The verdicts of the sample events, whatever the order in which their tries end.
    #[track_caller]
    fn shows_run(&mut self, number: u32) -> Vec<String> {
        self.shows(&format!("run {number}: 4 events of events.jsonl"));
        let (from, first) = (self.read, 4 * (number - 1));
        let tries = [(0, "ack"), (1, "ack"), (2, "dead-letter: the total is negative")];
        let mut wanted: Vec<String> = Vec::from(["line 4  OrderShipped  not wanted".to_owned()]);
        for (event, verdict) in tries {
            wanted.push(format!("events.stream/0/{}  OrderCreated  attempt 1  {verdict}", first + event));
        }
        wanted.push(format!("events.stream/0/{}  dead letter in events.stream.dlq: rejected", first + 2));
        for wanted in wanted {
            let found = self.lines.wait_for(&wanted, from, SOON, |line| line.contains(&wanted));
            found.unwrap_or_else(|message| panic!("{message}\n{}", self.errors.text()));
        }
        self.lines.all().split_off(from)
    }

    #[track_caller]
    fn ends_by(mut self, signal: libc::c_int, project: &Project) {
        self.process.signal(signal);
        let status = self.process.wait(SOON).expect("an end");
        assert_eq!(status.code(), Some(0), "{status}\n{}{}", self.lines.text(), self.errors.text());
        // What is killed may take a moment to be gone.
        let nothing = || match &*project.processes() {
            [] => Ok(()),
            left => Err(left.join("\n")),
        };
        eventually("nothing that is left behind", Duration::from_secs(2), nothing);
        assert_eq!(self.errors.text(), "");
    }
}

fn has(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

#[test]
fn a_project_is_built_and_shown_at_work_at_every_save() {
    let project = Project::new();
    let mut dev = Dev::of(&project);
    dev.shows("building order-log with ");
    dev.shows("built target/components/order-log.wasm (");
    dev.shows("order-log: generation 1 is at work, for OrderCreated");
    let lines = dev.shows_run(1);
    assert!(has(&lines, "    log info: order o-1 over 4998 cents is number 1"), "{lines:#?}");
    assert!(!lines.concat().contains('\x1b'), "what moves or has colours is for terminals: {lines:#?}");

    // Another behaviour.
    project.edit("cents is number", "cents was seen as");
    dev.shows("order-log: generation 2 is at work");
    let lines = dev.shows_run(2);
    assert!(has(&lines, "order o-2 over 250 cents was seen as"), "{lines:#?}");

    // What cannot be compiled is shown, and the version before it answers.
    project.edit("self.seen += 1;", "self.unheard_of += 1;");
    dev.shows("no field `unheard_of`");
    dev.shows("the build failed");
    dev.shows("generation 2 goes on");
    writeln!(dev.stdin).expect("it reads stdin");
    let lines = dev.shows_run(3);
    assert!(has(&lines, "cents was seen as"), "{lines:#?}");

    // As it was: nothing new, and nothing is run again.
    project.edit("self.unheard_of += 1;", "self.seen += 1;");
    dev.shows(", unchanged) in ");

    // The sample events, alone; one line of them is none.
    let events = fs::read_to_string(project.path("events.jsonl")).expect("events");
    let first = events.lines().next().expect("an event");
    fs::write(project.path("events.jsonl"), format!("{first}\n{{\"tpye\":\"OrderCreated\"}}\n")).expect("a save");
    dev.shows("run 4: 2 events of events.jsonl");
    dev.shows("events.jsonl, line 2: unknown field `tpye`");
    dev.shows("attempt 1  ack");

    // The configuration: by the host's own reload, or refused with all that is wrong.
    let config = fs::read_to_string(project.path("sandbus.toml")).expect("a configuration");
    fs::write(project.path("sandbus.toml"), format!("{config}timeout = \"never\"\n")).expect("a save");
    dev.shows("handler[order-log].timeout = \"never\"");
    dev.shows("nothing has changed");
    fs::write(project.path("sandbus.toml"), format!("{config}max_retries = 1\n")).expect("a save");
    dev.shows("sandbus.toml was read again: changed order-log");
    dev.shows("generation 3 is at work");
    dev.shows("run 5: 2 events");

    // A trap is tried again and given up, as it is configured.
    project.edit("self.seen += 1;", "self.seen += 1; panic!(\"no {}\", order.order_id);");
    dev.shows("generation 4 is at work");
    dev.shows("attempt 1  fault trap: ");
    dev.shows("    log error: panicked at src/lib.rs:");
    dev.shows("attempt 2  fault trap: ");
    dev.shows("dead letter in events.stream.dlq: max_retries_exceeded, trap");
    dev.ends_by(libc::SIGINT, &project);
}

/// A save that changes what the handler says, and one that its compiler refuses.
struct Edits {
    language: &'static str,
    source: &'static str,
    wrong: (&'static str, &'static str),
    /// What the compiler says of it.
    words: &'static str,
}

/// But for Rust, which has a longer test.
const EDITS: &[Edits] = &[
    Edits {
        language: "js",
        source: "src/index.js",
        wrong: ("state.seen += 1;", "state.seen +=;"),
        words: "Unexpected \";\"",
    },
    Edits {
        language: "ts",
        source: "src/index.ts",
        wrong: ("state.seen += 1;", "state.unheard_of += 1;"),
        words: "Property 'unheard_of' does not exist",
    },
    Edits {
        language: "python",
        source: "src/handler.py",
        wrong: ("self.seen += 1", "self.seen +="),
        words: "SyntaxError: invalid syntax",
    },
    Edits {
        language: "go",
        source: "handler.go",
        wrong: ("o.seen++", "o.unheardOf++"),
        words: "o.unheardOf undefined",
    },
    Edits {
        language: "c",
        source: "handler.c",
        wrong: ("seen++;", "unheard_of++;"),
        words: "undeclared identifier 'unheard_of'",
    },
];

/// An edit, one that is refused, and one that mends it.
#[test]
fn it_works_in_every_language() {
    let mut languages: Vec<&str> = EDITS.iter().map(|edits| edits.language).collect();
    languages.insert(0, "rust");
    assert_eq!(languages, LANGUAGES, "each has a row");
    for Edits { language, source, wrong, words } in EDITS {
        let project = Project::of(language, source);
        let mut dev = Dev::of(&project);
        dev.shows("order-log: generation 1 is at work, for OrderCreated");
        let lines = dev.shows_run(1);
        assert!(has(&lines, "log info: order o-1 over 4998 cents is number 1"), "{language}: {lines:#?}");

        project.edit(wrong.0, wrong.1);
        dev.shows(words);
        dev.shows("the build failed");
        dev.shows("generation 1 goes on");

        project.edits(&[(wrong.1, wrong.0), ("cents is number", "cents was seen as")]);
        dev.shows("order-log: generation 2 is at work");
        let lines = dev.shows_run(2);
        assert!(has(&lines, "order o-2 over 250 cents was seen as"), "{language}: {lines:#?}");
        dev.ends_by(libc::SIGINT, &project);
    }
}

#[test]
fn the_end_comes_at_once_and_takes_the_build_with_it() {
    let project = Project::new();
    // A compiler that is never done, with a process of its own.
    let waits = "fn main() {
        let folder = std::env::var(\"CARGO_MANIFEST_DIR\").unwrap();
        std::process::Command::new(\"sh\").args([\"-c\", \"sleep 1000; : done\", &folder]).status().unwrap();
    }";
    fs::write(project.path("build.rs"), waits).expect("a build script");
    let dev = Dev::of(&project);
    eventually("the build script", BUILT, || {
        let processes = project.processes();
        let runs = processes.iter().any(|line| line.contains("sleep 1000; : done"));
        runs.then_some(()).ok_or_else(|| format!("{}\n{}", processes.join("\n"), dev.lines.text()))
    });
    dev.ends_by(libc::SIGTERM, &project);
}

#[test]
fn in_a_terminal_there_is_a_line_of_state() {
    let project = Project::new();
    let mut command = project.command(Path::new("script"));
    // A terminal of its own, whose keys are what is written here. `exec`: a shell between them, which not every shell
    // leaves there, would die of Ctrl-C before the end.
    let dev = format!("exec {} dev {}", built::sandbus().display(), project.path("").display());
    command.args(["-q", "-e", "-f", "-c", &dev, "/dev/null"]);
    let mut dev = Dev::start(command);
    // Nothing has a line end while it is the line of state: what scrolls comes behind it.
    dev.shows("\r\x1b[J\x1b[32morder-log: generation 1 is at work");
    dev.shows("attempt 1  \x1b[32mack\x1b[0m");
    dev.shows("attempt 1  \x1b[31mdead-letter\x1b[0m: the total is negative");
    dev.shows("dead letter in events.stream.dlq");
    dev.stdin.write_all(b"\n").expect("a key");
    let line = dev.shows("run 2: 4 events");
    assert!(
        line.contains("\x1b[7m built | generation 1 at work | Enter: run the events again, Ctrl-C: end\x1b[0m"),
        "{line:?}"
    );
    dev.shows("/0/6  dead letter in events.stream.dlq");
    dev.stdin.write_all(b"\x03").expect("Ctrl-C");
    let status = dev.process.wait(SOON).expect("an end");
    assert_eq!(status.code(), Some(0), "{}", dev.lines.text());
    assert!(dev.lines.text().ends_with("\r\x1b[J\n"), "the line of state stays: {:?}", dev.lines.text());
}

#[test]
fn what_is_no_project_is_not_watched() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(built::sandbus());
        command.arg("dev").args(arguments).current_dir(folder.path());
        run_to_end(command, b"", SOON)
    };
    for (arguments, message) in [
        (&[][..], "name the folder of a handler's project, or make one: sandbus new NAME"),
        (&["nowhere"], "there is no folder nowhere"),
    ] {
        let finished = run(arguments);
        assert_eq!(finished.status.code(), Some(2), "{}{}", finished.stdout, finished.stderr);
        assert!(finished.stderr.contains(message), "{}", finished.stderr);
    }
    fs::write(folder.path().join("Cargo.toml"), "").expect("a manifest");
    let finished = run(&["--events", "none.jsonl"]);
    assert_eq!(finished.stderr, "sandbus: there is no file none.jsonl\n");
}
