//! `sandbus handlers`: what runs in a host, and what is to become of it. The client of the host's admin API.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Done, print_line};

mod client;
mod show;

use client::{Client, Place, Wait};

/// See what a running host's handlers do, and reload, roll back, pause or resume them
///
/// The host is asked through its admin server: at the address of the configuration's section admin, with the token that
/// stands there or in SANDBUS_ADMIN__TOKEN.
#[derive(Debug, Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  sandbus handlers list\n  sandbus handlers reload order-projection\n  \
                  SANDBUS_ADMIN__TOKEN=... sandbus handlers rollback order-projection --admin http://host:9464"
)]
pub struct Handlers {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Reload(Reload),
    Rollback(Rollback),
    Pause(Pause),
    Resume(Resume),
}

/// List the handlers: state, generation, digest, and what was refused and why
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandbus handlers list --json | jq '.handlers[].generation'")]
struct List {
    #[command(flatten)]
    place: Place,
}

/// Take what a handler's file has now, or the whole configuration
///
/// With NAME: that handler's component, also one that was rolled back before. Without: what the sections of handlers
/// say now, as SIGHUP does; all of it or, where anything is wrong, nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  sandbus handlers reload\n  sandbus handlers reload order-projection")]
struct Reload {
    /// The handler; the whole configuration without
    name: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Put a handler's last good generation to work again
///
/// What is taken back comes again only by a changed file, `sandbus handlers reload NAME`, or a restart.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandbus handlers rollback order-projection")]
struct Rollback {
    /// The handler
    name: String,
    #[command(flatten)]
    place: Place,
}

/// Start no more tries of a handler; its events wait
///
/// Their partitions wait with them once `window` is full, for all handlers of the group. A restart ends the pause.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandbus handlers pause order-projection")]
struct Pause {
    /// The handler
    name: String,
    #[command(flatten)]
    place: Place,
}

/// Let a handler go on, out of a pause or a quarantine
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandbus handlers resume order-projection")]
struct Resume {
    /// The handler
    name: String,
    #[command(flatten)]
    place: Place,
}

impl Handlers {
    pub(super) fn run(self) -> Done {
        crate::telemetry::log::start(Default::default(), "warn");
        match self.command {
            Command::List(List { place }) => {
                let answer = Client::new(&place)?.get(&["handlers"])?;
                print(&place, &answer, show::all)
            }
            Command::Reload(Reload { name: None, place }) => {
                let answer = Client::new(&place)?.post(&["reload"], Wait::Compile)?;
                print(&place, &answer, show::reloaded)
            }
            Command::Reload(Reload { name: Some(name), place }) => change(&place, &name, "reload", Wait::Compile),
            Command::Rollback(Rollback { name, place }) => change(&place, &name, "rollback", Wait::Answer),
            Command::Pause(Pause { name, place }) => change(&place, &name, "pause", Wait::Answer),
            Command::Resume(Resume { name, place }) => change(&place, &name, "resume", Wait::Answer),
        }
    }
}

/// Has something done to one handler, and shows how it is then.
fn change(place: &Place, name: &str, what: &str, wait: Wait) -> Done {
    let answer = Client::new(place)?.post(&["handlers", name, what], wait)?;
    print(place, &answer, show::one)
}

fn print(place: &Place, answer: &Value, show: fn(&Value) -> Done) -> Done {
    if place.json { print_line(&answer.to_string()) } else { show(answer) }
}
