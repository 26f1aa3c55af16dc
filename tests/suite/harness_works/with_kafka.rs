//! The command `with-kafka`, as `make test` uses it.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use sandbus_tests::host::built;
use sandbus_tests::process::{Process, run_to_end};
use sandbus_tests::{Connection, Topic, eventually};
use tempfile::TempDir;

use super::SOON;

/// Starts one that runs a shell script.
fn with_kafka(script: &str) -> Command {
    let mut command = Command::new(built::with_kafka());
    command
        .args(["--", "/bin/sh", "-c", script])
        // These brokers live for moments; optimising their code would only take time from the others.
        .env("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1");
    command
}

#[test]
fn the_commands_status_is_given_back() {
    let script = "test -f $SANDBUS_TEST_KAFKA_CA && echo \"$SANDBUS_TEST_KAFKA\"; sleep 600 & exit 7";
    let finished = run_to_end(with_kafka(script), b"", 4 * SOON);
    assert_eq!(finished.status.code(), Some(7), "{finished:?}");
    assert_eq!(finished.stderr, "with-kafka: ended what the command had left behind: sleep\n");
    let address = finished.stdout.trim();
    assert_ne!(address, Connection::shared().bootstrap());
    TcpStream::connect(address).expect_err("Kafka is gone when with-kafka is");
}

#[test]
fn a_request_to_end_reaches_the_command_and_stops_kafka() {
    let mut running = Running::start("trap 'echo ended; exit 3' TERM; ");
    let status = running.process.terminate(SOON).unwrap();
    assert_eq!(status.code(), Some(3));
    TcpStream::connect(&running.address).expect_err("Kafka is gone when with-kafka is");
}

#[test]
fn a_broker_that_dies_fails_the_command() {
    let script =
        "for child in $(cat /proc/$PPID/task/*/children); do test $child = $$ || kill -9 $child; done; sleep 600";
    let finished = run_to_end(with_kafka(script), b"", 4 * SOON);
    assert_eq!(finished.status.code(), Some(125), "{finished:?}");
    let said = finished.stderr;
    assert!(said.contains("with-kafka: Kafka ended by itself: signal: 9 (SIGKILL)"), "{said}");
    let (_, path) = said.split_once("Its log is ").unwrap();
    let (path, _) = path.split_once(", and ends with:").unwrap();
    fs::remove_dir_all(Path::new(path).parent().unwrap()).unwrap();
}

#[test]
fn nothing_outlives_a_killed_one() {
    let mut running = Running::start("");
    running.process.kill();
    eventually("Kafka to be gone", SOON, || match TcpStream::connect(&running.address) {
        Ok(_) => Err("it accepts connections"),
        Err(_) => Ok(()),
    });
}

/// One that runs a shell which waits.
struct Running {
    process: Process,
    address: String,
    /// For its data: one that is killed cannot remove it.
    _directory: TempDir,
}

impl Running {
    fn start(preparation: &str) -> Running {
        let script = format!("{preparation} echo \"at $SANDBUS_TEST_KAFKA\"; while :; do sleep 0.05; done");
        let mut command = with_kafka(&script);
        let directory = tempfile::tempdir().unwrap();
        command.env("TMPDIR", directory.path()).stdout(Stdio::piped()).stdin(Stdio::null());
        let mut process = Process::spawn("with-kafka", command).unwrap();
        let lines = process.stdout_lines().unwrap();
        let (_, line) = lines.wait_for("the address", 0, 4 * SOON, |line| line.starts_with("at ")).unwrap();
        let address = line.trim_start_matches("at ").to_owned();
        // It answers, so that its end can be told from its never having been there.
        let probe = Topic::named(&Connection::plaintext(&address), "none");
        assert_eq!(probe.partitions(), None);
        Running { process, address, _directory: directory }
    }
}
