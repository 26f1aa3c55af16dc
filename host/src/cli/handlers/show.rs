//! Answers of the API for people. A host of another version may say more, which is passed over.

use serde::Deserialize;
use serde_json::Value;

use super::super::table::Table;
use super::super::{Done, Failure, print_line};

/// Characters of a digest that tell components apart.
const DIGEST: usize = 12;

#[derive(Deserialize)]
struct All {
    handlers: Vec<Handler>,
}

#[derive(Deserialize)]
struct Handler {
    name: String,
    state: String,
    generation: Generation,
    refused: Option<Refused>,
    in_flight: u64,
    waiting: u64,
}

#[derive(Deserialize)]
struct Generation {
    number: u64,
    digest: String,
    since: String,
}

#[derive(Deserialize)]
struct Refused {
    reason: String,
    at: String,
}

#[derive(Deserialize)]
struct Reloaded {
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Value) -> Result<T, Failure> {
    T::deserialize(answer).map_err(|error| {
        Failure::Wrong(format!("the host's answer cannot be read: {error}; is it of another version? --json shows it"))
    })
}

/// All handlers.
pub(super) fn all(answer: &Value) -> Done {
    let All { handlers } = read(answer)?;
    if handlers.is_empty() {
        eprintln!("no handlers");
        return Ok(());
    }
    table(handlers)
}

/// One handler.
pub(super) fn one(answer: &Value) -> Done {
    table(vec![read(answer)?])
}

fn table(handlers: Vec<Handler>) -> Done {
    let mut table = Table::new(&["NAME", "STATE", "GENERATION", "DIGEST", "SINCE", "IN FLIGHT", "WAITING"]);
    for handler in handlers {
        let Generation { number, digest, since } = handler.generation;
        table.row(vec![
            handler.name,
            handler.state,
            number.to_string(),
            digest.chars().take(DIGEST).collect(),
            since,
            handler.in_flight.to_string(),
            handler.waiting.to_string(),
        ])?;
        if let Some(Refused { reason, at }) = handler.refused {
            table.note(&format!("refused at {at}: {reason}"))?;
        }
    }
    table.print()
}

/// What a reload of the configuration has done.
pub(super) fn reloaded(answer: &Value) -> Done {
    let Reloaded { added, changed, removed } = read(answer)?;
    if added.is_empty() && changed.is_empty() && removed.is_empty() {
        return print_line("nothing has changed");
    }
    for (what, names) in [("added", added), ("changed", changed), ("removed", removed)] {
        if !names.is_empty() {
            print_line(&format!("{what}: {}", names.join(" ")))?;
        }
    }
    Ok(())
}
