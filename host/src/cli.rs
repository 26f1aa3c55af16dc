//! The command line: what can be typed, and the exit status it ends with.
//!
//! One file for each command. Data goes to stdout, everything else to stderr. The status is 0 when it
//! is done, 1 when the thing asked about is wrong, 2 for a wrong usage or configuration, 70 for a bug.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError};
use crate::sandbox::text::plain_lines;

mod bench;
mod build;
mod check;
mod compile_worker;
mod demo;
mod dev;
mod dlq;
mod handlers;
mod new;
mod publish;
mod run;
mod table;
mod tail;
mod test;
mod tries;

/// Runs event handlers, compiled to WebAssembly components, on Kafka.
#[derive(Debug, Parser)]
#[command(name = "sandbus", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Example:\n  sandbus new orders --lang rust && cd orders && sandbus build && sandbus run")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Demo(demo::Demo),
    Dev(dev::Dev),
    Check(check::Check),
    New(new::New),
    Build(build::Build),
    Test(test::Test),
    Publish(publish::Publish),
    Tail(tail::Tail),
    Dlq(dlq::Dlq),
    Handlers(handlers::Handlers),
    Bench(bench::Bench),
    #[command(hide = true)]
    CompileWorker(compile_worker::CompileWorker),
}

/// Why a command did not do what was asked.
#[derive(Debug)]
enum Failure {
    /// The thing asked about is wrong.
    Wrong(String),
    /// The usage or the configuration is.
    Usage(String),
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::Usage(error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Wrong(format!("{error:#}"))
    }
}

type Done = Result<(), Failure>;

/// Runs the command that was typed.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let run = move || match cli.command {
        Command::Run(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Dev(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::New(command) => command.run(),
        Command::Build(command) => command.run(),
        Command::Test(command) => command.run(),
        Command::Publish(command) => command.run(),
        Command::Tail(command) => command.run(),
        Command::Dlq(command) => command.run(),
        Command::Handlers(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::CompileWorker(command) => command.run(),
    };
    // A panic has been written to stderr by then.
    let (status, message) = match std::panic::catch_unwind(run) {
        Ok(Ok(())) => (0, None),
        Ok(Err(Failure::Wrong(message))) => (1, Some(message)),
        Ok(Err(Failure::Usage(message))) => (2, Some(message)),
        Err(_) => (70, Some("this is a bug in sandbus; please report it with the lines above".into())),
    };
    if let Some(message) = message {
        // Nobody may be reading any more.
        let message = plain_lines(&message);
        let _ = writeln!(std::io::stderr(), "sandbus: {message}");
    }
    ExitCode::from(status)
}

/// Which cluster a command talks to.
#[derive(Debug, Args)]
struct Cluster {
    /// Configuration file [default: sandbus.toml, where there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Brokers, instead of the configuration's
    #[arg(short, long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,
}

impl Cluster {
    /// The configuration file's `[kafka]`, or the defaults and the environment's.
    fn kafka(&self) -> Result<crate::config::Kafka, Failure> {
        self.config().map(|(config, _)| config.kafka)
    }

    /// The configuration, and whether it is a file's: otherwise it is the defaults and the environment's.
    fn config(&self) -> Result<(Config, bool), Failure> {
        let default = Path::new("sandbus.toml");
        let (mut config, from_file) = match &self.config {
            Some(file) => (Config::load(file)?, true),
            None if default.exists() => (Config::load(default)?, true),
            None => (Config::from_text("", Path::new("."), std::env::vars_os())?, false),
        };
        if let Some(servers) = &self.bootstrap_servers {
            config.kafka.bootstrap_servers.clone_from(servers);
        }
        accepted(&config.kafka)?;
        Ok((config, from_file))
    }
}

/// Whether librdkafka accepts the configuration: found before anything is done with it.
fn accepted(kafka: &crate::config::Kafka) -> Done {
    crate::kafka::Cluster::new(kafka.clone()).check().map_err(|error| Failure::Usage(format!("{error:#}")))
}

/// "1 event", "2 events".
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Writes a line of data. A reader that has gone away ends the command quietly.
fn print_line(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::Wrong(format!("cannot write to stdout: {error}"))),
        Ok(()) => Ok(()),
    }
}
