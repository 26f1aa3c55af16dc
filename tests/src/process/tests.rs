//! Children of `/bin/sh` that behave well and badly.

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn a_line_is_found_while_the_child_runs() {
    let mut process = Process::spawn("sh", shell("echo one; echo 'two words' >&2; exec sleep 60")).unwrap();
    let lines = process.stderr_lines().unwrap();
    let (number, line) = lines.wait_for("words", 0, SOON, |line| line.contains("words")).unwrap();
    assert_eq!((number, line.as_str()), (0, "two words"));
    assert!(process.ended().is_none());
}

#[test]
fn a_line_that_cannot_come_any_more_is_not_waited_for() {
    let mut process = Process::spawn("sh", shell("echo only >&2")).unwrap();
    let lines = process.stderr_lines().unwrap();
    let error = lines.wait_for("more", 0, Duration::from_secs(600), |line| line == "more").unwrap_err();
    assert!(error.contains("a line with more; the stream was closed after 1 lines"));
    assert!(error.ends_with("only\n"), "{error}");
}

#[test]
fn terminate_gives_the_status_that_the_child_chose() {
    let mut process =
        Process::spawn("sh", shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done")).unwrap();
    let lines = process.stdout_lines().unwrap();
    lines.wait_for("ready", 0, SOON, |line| line == "ready").unwrap();
    assert_eq!(process.terminate(SOON).unwrap().code(), Some(7));
    assert_eq!(process.terminate(SOON).unwrap().code(), Some(7));
}

#[test]
fn a_child_that_ignores_the_request_is_reported_and_killed() {
    let mut process =
        Process::spawn("stubborn", shell("trap '' TERM; echo ready; while :; do sleep 0.05; done")).unwrap();
    let lines = process.stdout_lines().unwrap();
    lines.wait_for("ready", 0, SOON, |line| line == "ready").unwrap();
    let error = process.terminate(Duration::from_millis(200)).unwrap_err();
    assert!(error.contains("the end of stubborn"), "{error}");
    use std::os::unix::process::ExitStatusExt as _;
    assert_eq!(process.kill().signal(), Some(libc::SIGKILL));
}

#[test]
fn a_dropped_child_is_gone() {
    let process = Process::spawn("sh", shell("exec sleep 60")).unwrap();
    let entry = format!("/proc/{}", process.id());
    assert!(std::path::Path::new(&entry).exists());
    drop(process);
    assert!(!std::path::Path::new(&entry).exists());
}

#[test]
fn a_missing_program_is_named() {
    let error = Process::spawn("x", Command::new("/nowhere/program")).unwrap_err();
    assert!(error.to_string().starts_with("start /nowhere/program: "), "{error}");
}

#[test]
fn input_and_output_larger_than_a_pipe_pass() {
    let input = vec![b'x'; 1 << 20];
    let finished = run_to_end(shell("cat; echo; echo done >&2; exit 3"), &input, SOON);
    assert_eq!(finished.status.code(), Some(3));
    assert_eq!(finished.stdout.len(), input.len() + 1);
    assert_eq!(finished.stderr, "done\n");
}

#[test]
fn a_child_outlives_the_thread_that_asked_for_it() {
    let asked = std::thread::spawn(|| Process::spawn("sleeper", shell("exec sleep 60")).unwrap());
    let mut process = asked.join().unwrap();
    let error = process.wait(Duration::from_millis(300)).unwrap_err();
    assert!(error.ends_with("it runs"), "{error}");
}
