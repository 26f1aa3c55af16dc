//! A redrive that is broken off and repeated: each dead letter once, in order.

use std::process::{Command, Stdio};

use sandbus_tests::eventually;
use sandbus_tests::host::built;
use sandbus_tests::process::Process;

use super::super::SOON;
use super::{about, probe};
use crate::delivery::stage::Stage;

/// Enough to be broken off in the middle at [`RATE`].
const LETTERS: i64 = 400;
const RATE: &str = "25";

fn shelf() -> Stage {
    let stage = Stage::with_dead_letters(1).probe(probe("probe", 0));
    stage.topic.dead_letters().write((0..LETTERS).map(|number| stage.letter(&[]).key(number.to_string())));
    stage
}

/// A slow redrive of everything, when it has begun to write.
#[track_caller]
fn begin(stage: &Stage) -> (Process, sandbus_tests::Deployment) {
    let deployment = stage.deploy();
    let mut command = Command::new(built::sandbus());
    command.current_dir(deployment.directory()).args(["dlq", "redrive", "--all", "--rate", RATE]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = Process::spawn("sandbus dlq redrive", command).unwrap();
    let redrives = stage.redrives("");
    eventually("the first redrives", SOON, || {
        let count = redrives.partitions().map_or(0, |_| redrives.read().len());
        if count >= 20 { Ok(()) } else { Err(format!("{count} redrives")) }
    });
    (process, deployment)
}

#[track_caller]
fn assert_each_once(stage: &Stage) {
    let expected: Vec<_> = (0..LETTERS).map(|offset| stage.position(offset)).collect();
    assert_eq!(about(&stage.redrives("").read()), expected);
}

#[test]
fn after_an_interruption_it_goes_on_where_it_ended() {
    let stage = shelf();
    let (mut process, _deployment) = begin(&stage);
    let (stdout, stderr) = (process.stdout_lines().unwrap(), process.stderr_lines().unwrap());
    process.signal(libc::SIGINT);
    let status = process.wait(SOON).unwrap_or_else(|message| panic!("{message}"));
    let (stdout, said) = (stdout.text_to_end(), stderr.text_to_end());
    assert_eq!((status.code(), stdout.as_str()), (Some(1), ""), "{said}");
    let done = stage.redrives("").read().len();
    assert!((20..LETTERS as usize).contains(&done), "{done} of {LETTERS}: it was not broken off in the middle");
    // It has waited for what was on its way, and says the truth.
    assert!(said.contains(&format!("{done} dead letters redriven\n")), "{done}: {said}");
    assert!(said.contains(&format!("{} dead letters left", LETTERS as usize - done)), "{said}");

    let again = stage.dlq(&["redrive", "--all", "--json"]).expect(0).json();
    assert_eq!((&again["redriven"], &again["already"]["redriven"]), (&(LETTERS as usize - done).into(), &done.into()));
    assert_each_once(&stage);
}

#[test]
fn after_a_crash_it_goes_on_where_it_ended() {
    let stage = shelf();
    let (mut process, _deployment) = begin(&stage);
    process.kill();
    let again = stage.dlq(&["redrive", "--all", "--json"]).expect(0).json();
    let before = again["already"]["redriven"].as_u64().unwrap_or_default();
    assert!((20..LETTERS as u64).contains(&before), "{before} of {LETTERS}: it was not broken off in the middle");
    assert_each_once(&stage);
}
