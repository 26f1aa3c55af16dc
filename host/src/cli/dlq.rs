//! `sandbus dlq`: dead letters: what there is, and what becomes of them.
//!
//! One file for each subcommand. They share [`place`] (which topics and groups), [`filter`] (which dead
//! letters), and [`shelf`] (reading them, each with what became of it); `redrive` and `purge` are the same
//! [`work`] with another record to write.

use clap::{Args, Subcommand};

use super::Done;

mod describe;
mod filter;
pub(super) mod interrupt;
mod list;
mod place;
mod progress;
mod purge;
mod redrive;
mod sending;
mod shelf;
mod show;
mod work;

/// Look at dead letters, give them to their handlers again, or set them aside
///
/// A dead letter is open until it is redriven or purged. Both are kept in the topic
/// TOPIC.GROUP.redrive; the dead letters themselves stay until their topic's retention takes them.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Example:\n  sandbus dlq list\n  sandbus dlq redrive --handler order-projection --since 2h --dry-run"
)]
pub struct Dlq {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Redrive(redrive::Redrive),
    Purge(purge::Purge),
}

impl Dlq {
    pub(super) fn run(self) -> Done {
        crate::telemetry::log::start(Default::default(), "warn");
        match self.command {
            Command::List(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Redrive(command) => command.run(),
            Command::Purge(command) => command.run(),
        }
    }
}
