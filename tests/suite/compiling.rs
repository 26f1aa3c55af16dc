//! Components are compiled by a child of the host, within bounds: whatever a file makes a compiler do, it ends in an error
//! that says what to do, the host goes on, and no child is left.

mod bombs;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandbus_tests::{Deployment, Host, eventually};

use super::cli_outcome::Outcome;
use super::delivery::stage::{Probe, Stage, event};

/// For what takes a host some seconds, on a machine that has other work.
const SOON: Duration = Duration::from_secs(60);

/// Address space for what takes that long on many cores.
const ROOM: &str = "compile_memory = \"16GiB\"";

/// Takes a compiler more time than any test. With another note it is another component.
pub(crate) fn endless(note: i32) -> Vec<u8> {
    bombs::branches(20, 80_000 + note)
}

/// A host with this file as its handler, under these keys of `[sandbox]`.
fn deployment(keys: &str, bytes: Vec<u8>) -> Deployment {
    // Found there by nobody else: each test compiles for itself.
    Deployment::new(&format!("[sandbox]\ncache = \"compiled\"\n{keys}\n")).write("handlers/bomb.wasm", bytes)
}

/// A field of `/proc/PROCESS/status`.
fn field(process: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// How many filters of system calls a process is under.
fn filters(process: u32) -> u32 {
    field(process, "Seccomp_filters").and_then(|filters| filters.parse().ok()).unwrap_or_default()
}

/// The children that compile for this process, and have confined themselves.
pub(crate) fn compilers_of(process: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("a list of processes");
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parent = process.to_string();
    let ours = |id: &u32| field(*id, "PPid").is_some_and(|of| of == parent) && is_there(*id);
    ids.filter(ours).filter(|id| filters(*id) >= filters(process) + 2).collect()
}

/// The one child that compiles for this process, once it is there.
#[track_caller]
fn compiler_of(process: u32) -> u32 {
    eventually("a child that compiles", SOON, || compilers_of(process).pop())
}

fn is_there(process: u32) -> bool {
    field(process, "State").is_some_and(|state| !state.starts_with('Z'))
}

pub(crate) fn signal(process: u32, signal: libc::c_int) {
    let process = libc::pid_t::try_from(process).expect("a process id");
    // SAFETY: `kill` touches no memory of ours; the process is a child of a host that this test started.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

/// Says that something is done when it is dropped.
pub(crate) struct Ends<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does something while events are written all the time. How many were.
fn under_load(stage: &Stage, work: impl FnOnce()) -> usize {
    let done = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let load = scope.spawn(|| {
            let mut written = 0;
            while !done.load(Ordering::Relaxed) {
                written += stage.topic.write((0..100).map(|key| event(&format!("k{key}"), "ack"))).len();
            }
            written
        });
        // However the work ends, the load ends with it.
        let ends = Ends(&done);
        work();
        drop(ends);
        load.join().expect("the load")
    });
    assert!(written > 0);
    written
}

/// What is said where a machine has too much else to do for one second of CPU.
const GIVEN_UP: &str = "sandbus: handler \"bomb\": handlers/bomb.wasm: compiling this component was given up after 5s, which is \
                        five times sandbox.compile_time: this machine has too little CPU time to spare. Raise the limit, or \
                        compile it while there is less to do (`sandbus check`)\n";

#[test]
fn a_bomb_costs_a_bounded_time_and_a_host_goes_on() {
    let stage = Stage::new(4).probe(Probe::named("probe"));
    let mut host = stage.start();
    let written = under_load(&stage, || {
        let short = "compile_time = \"1s\"";
        let little = "compile_time = \"20s\"\ncompile_memory = \"256MiB\"";
        for (name, keys, bomb) in [
            ("branches", short, bombs::branches(1, 80_000)),
            ("blocks", little, bombs::blocks(600_000)),
            ("too-many-blocks", short, bombs::blocks(1_000_000)),
            ("loads", little, bombs::loads(300_000)),
            ("functions", little, bombs::functions(190_000)),
            ("too-many-functions", short, bombs::functions(999_000)),
        ] {
            let deployment = deployment(keys, bomb);
            // The deadline of the command is the bound.
            let outcome = Outcome::of(&deployment, &["check"]).expect(2);
            // Where all processors have other work, five times as long in wall clock comes first: a bound, too.
            if outcome.stderr != GIVEN_UP {
                outcome.snapshot(&format!("compile-bomb-{name}"));
            }
            // Nothing of it is kept.
            assert_eq!(fs::read_dir(deployment.directory().join("compiled")).expect("the cache").count(), 0, "{name}");
        }
    });
    stage.wait_final(i64::try_from(written).expect("a small number"));
    assert_eq!(stage.wait_acks(written).len(), written);
    assert_eq!(host.terminate(SOON).code(), Some(0));
}

#[test]
fn bombs_that_come_into_the_folder_of_a_busy_host_are_refused_beside_its_work() {
    let stage = Stage::new(4).probe(Probe::named("probe")).handler("\n[sandbox]\ncompile_time = \"1s\"\n");
    let mut host = stage.start();
    let folder = host.directory().join("handlers");
    let written = under_load(&stage, || {
        for (name, bomb) in [("slow", bombs::branches(1, 80_000)), ("endless", endless(1))] {
            // As whole files, as `mv` brings them.
            fs::write(folder.join(name), bomb).expect("the folder can be written");
            fs::rename(folder.join(name), folder.join(format!("{name}.wasm"))).expect("it is one folder");
        }
        let refused = |line: &serde_json::Value| {
            line["reason"].as_str().is_some_and(|reason| reason.contains("sandbox.compile_time"))
        };
        for name in ["slow", "endless"] {
            let labels = [("handler_name", name), ("outcome", "refused")];
            host.wait_metric("sandbus_handler_reloads_total", &labels, 1.0, SOON);
            host.log_record(name, SOON, |line| line["handler"] == name && refused(line));
        }
    });
    stage.wait_final(i64::try_from(written).expect("a small number"));
    let acks = stage.wait_acks(written);
    let places: std::collections::BTreeSet<_> = acks.iter().map(super::delivery::stage::Ack::place).collect();
    assert_eq!((acks.len(), places.len()), (written, written), "each event once");
    assert_eq!(compilers_of(host.id()), [0; 0], "a child is left");
    let handlers = host.get("/api/v1/handlers").expect("an answer").json(200);
    assert_eq!(handlers["handlers"].as_array().map(Vec::len), Some(1), "{handlers}");
    assert_eq!(host.terminate(SOON).code(), Some(0));
}

#[test]
fn a_child_is_confined_and_ends_with_its_host() {
    let mut host = deployment(ROOM, endless(0)).start();
    let child = compiler_of(host.id());
    for (name, wanted) in [("NoNewPrivs", "1"), ("Seccomp", "2"), ("CoreDumping", "0")] {
        assert_eq!(field(child, name).as_deref(), Some(wanted), "{name}");
    }
    let limits = fs::read_to_string(format!("/proc/{child}/limits")).expect("its limits");
    let limit = |name: &str| {
        let line =
            limits.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}:\n{limits}"));
        line.split_whitespace().next().expect("a soft limit").to_owned()
    };
    for (name, wanted) in [
        ("Max cpu time", "60"),
        ("Max address space", "17179869184"),
        ("Max core file size", "0"),
        ("Max file size", "0"),
        ("Max open files", "16"),
    ] {
        assert_eq!(limit(name), wanted, "{name}");
    }
    host.kill();
    eventually("the child to end", SOON, || if is_there(child) { Err("it runs") } else { Ok(()) });
}

#[test]
fn a_host_that_is_told_to_end_leaves_no_child() {
    let mut host = deployment(ROOM, endless(0)).start();
    let child = compiler_of(host.id());
    host.signal(libc::SIGINT);
    host.wait_end(SOON);
    eventually("the child to end", SOON, || if is_there(child) { Err("it runs") } else { Ok(()) });
}

/// What a host says whose compiler ends by this signal.
#[track_caller]
fn said_after(ending: libc::c_int) -> String {
    let mut host: Host = deployment(ROOM, endless(0)).start();
    signal(compiler_of(host.id()), ending);
    assert_eq!(host.wait_end(SOON).code(), Some(2));
    host.log_line_containing("sandbus: handler", SOON)
}

#[test]
fn a_child_that_dies_is_told_from_a_component_that_is_wrong() {
    let killed = said_after(libc::SIGKILL);
    assert!(
        killed.contains("the process that compiles components was killed (SIGKILL), as the system does"),
        "{killed}"
    );
    // Rust has a handler for the signals of bad addresses, which goes on where there was none.
    let crashed = said_after(libc::SIGABRT);
    assert!(crashed.contains("the process that compiles components crashed (signal 6)"), "{crashed}");
}

#[test]
fn nobody_types_the_command_by_accident() {
    let outcome = Outcome::of(&Deployment::new(""), &["--help"]).expect(0);
    assert!(!outcome.stdout.contains("compile-worker"), "{outcome}");
    let arguments = ["compile-worker", "--parent", "1", "--cpu-seconds", "1", "--memory", "1000000000"];
    let outcome = Outcome::of(&Deployment::new(""), &arguments).expect(71);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.trim()), ("", "whoever asked for this has ended"));
}
