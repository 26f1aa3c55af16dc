//! Starts one real Kafka around a command, or alone until Ctrl-C.
//!
//! With a command: its exit status is given back, and Kafka and every process that the command left behind are gone
//! when this one ends, however it ends. Without: prints how to connect.

mod banner;
mod command;
mod descendants;
mod signals;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sandbus_tests::Kafka;
use signals::Signals;

/// For the default `kafka.bootstrap_servers` of a host.
const USUAL_PORT: u16 = 9092;
/// Between two looks at Kafka.
const INTERVAL: Duration = Duration::from_millis(200);
/// Beside the statuses of ordinary commands, as `env` and `timeout` have it.
const OWN_FAILURE: u8 = 125;

/// Starts one real Kafka on free ports, runs a command against it, and stops it.
///
/// The command finds it in SANDBUS_TEST_KAFKA (PLAINTEXT), SANDBUS_TEST_KAFKA_SASL (SASL_SSL) with
/// SANDBUS_TEST_KAFKA_USER, SANDBUS_TEST_KAFKA_PASSWORD and SANDBUS_TEST_KAFKA_CA; SANDBUS_TEST_KAFKA_PROCESS is the
/// broker's process id. Its exit status becomes the status of
/// with-kafka; 125 is with-kafka's own failure. Without a command, Kafka runs until Ctrl-C.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  with-kafka -- cargo test --release --workspace")]
struct Arguments {
    /// Adds NAME=VALUE to Kafka's server.properties; may be repeated
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,

    /// The command and its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<std::ffi::OsString>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("with-kafka: {error:#}");
            ExitCode::from(OWN_FAILURE)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<u8> {
    let signals = Signals::listen()?;
    descendants::adopt()?;
    let alone = arguments.command.is_empty();
    let mut setup = Kafka::setup().cancelled_by(signals.seen());
    if alone {
        setup = setup.prefer_port(USUAL_PORT).property("auto.create.topics.enable", "true");
    }
    for (name, value) in &arguments.properties {
        setup = setup.property(name, value);
    }
    let mut kafka = match (setup.start(), signals.first()) {
        (Ok(kafka), None) => kafka,
        (_, Some(signal)) => return Ok(signal.status()),
        (Err(error), None) => return Err(error),
    };
    if alone {
        return serve(&mut kafka, &signals);
    }
    let status = command::run(&arguments.command, &mut kafka, &signals);
    let left = descendants::end_all_but(kafka.process_id());
    if !left.is_empty() {
        eprintln!("with-kafka: ended what the command had left behind: {}", left.join(", "));
    }
    status
}

/// Runs until somebody asks it to end, which is then no failure.
fn serve(kafka: &mut Kafka, signals: &Signals) -> anyhow::Result<u8> {
    banner::print(kafka);
    while signals.next(INTERVAL).is_none() {
        if let Some(error) = kafka.failure() {
            return Err(error);
        }
    }
    println!("Stopping Kafka.");
    Ok(0)
}

fn property(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "it needs the form NAME=VALUE".to_owned())
}
