//! Chaos for as long as is wished; ends with one line that says what was done and found.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use sandbus_tests::chaos::{self, Outcome, Settings};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(30);
/// Beside 1 for a run that found something, as `env` and `timeout` have it.
const OWN_FAILURE: u8 = 125;

/// Harms three hosts, three brokers and the network between them while events flow, and compares what came of each.
///
/// Ends with one line. Exit status 0: nothing is wrong. 1: something is, and the line before names the folder with
/// findings and logs. 125: the run itself failed. Ctrl-C ends the faults early; everything is judged as usual.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long there are faults
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,

    /// Of events and faults; drawn and printed unless given
    #[arg(long)]
    seed: Option<u64>,

    /// Events per second
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,

    /// Adds NAME=VALUE to the hosts' [kafka.properties]; may be repeated
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(Outcome { verdict, evidence }) => {
            if let Some(folder) = evidence {
                for line in verdict.misdeeds.iter().chain(&verdict.findings.texts).take(20) {
                    eprintln!("{line}");
                }
                println!("all findings, and the logs: {}", folder.display());
            }
            println!("{verdict}");
            if verdict.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("chaos: {error:#}");
            ExitCode::from(OWN_FAILURE)
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<Outcome> {
    let Arguments { minutes, seed, rate, properties } = arguments;
    let enough = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&enough)).context("listen to signals")?;
    }
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("seed {seed}, {minutes} min of faults, {rate} events per second");
    let time = Duration::from_secs(minutes * 60);
    chaos::run(&Settings { time, seed, rate, properties, progress: Some(PROGRESS), enough })
}

fn property(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "it needs the form NAME=VALUE".to_owned())
}
