//! The command that Kafka was started for.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use sandbus_tests::Kafka;
use sandbus_tests::kafka::environment;
use sandbus_tests::process::Process;

use crate::signals::Signals;

/// Between two looks at the command.
const INTERVAL: Duration = Duration::from_millis(20);
/// For a command that was asked to end.
const GRACE: Duration = Duration::from_secs(10);

/// Runs it to its end and gives its status; requests to end are passed on to it.
///
/// # Errors
/// When it cannot be started, and when Kafka ended before it: then it is asked to end too.
pub(crate) fn run(command: &[OsString], kafka: &mut Kafka, signals: &Signals) -> anyhow::Result<u8> {
    let mut builder = Command::new(&command[0]);
    builder.args(&command[1..]).envs(environment::variables(kafka));
    let mut process = Process::spawn_with_death_signal("the command", builder, libc::SIGTERM)?;
    let mut asked: Option<Instant> = None;
    let mut failure = None;
    let status = loop {
        if let Some(status) = process.ended() {
            break status;
        }
        if let Some(error) = kafka.failure() {
            failure = Some(error);
            process.signal(libc::SIGTERM);
            asked.get_or_insert_with(Instant::now);
        }
        if let Some(signal) = signals.next(INTERVAL) {
            if !signal.from_terminal {
                process.signal(signal.number);
            }
            asked.get_or_insert_with(Instant::now);
        }
        if asked.is_some_and(|since| since.elapsed() > GRACE) {
            eprintln!("with-kafka: the command still runs {} s after it was asked to end; killing it", GRACE.as_secs());
            break process.kill();
        }
    };
    failure.map_or(Ok(code(status)), Err)
}

/// The status as shells give it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255)
}
