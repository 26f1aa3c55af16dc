//! What `redrive` and `purge` do alike: find what is meant, say what is left out, write one record for each
//! of the rest, in the order of the dead letters.
//!
//! It may be broken off and repeated at any time: what the redrive topic already names is left out. Two
//! passes over the dead letters keep memory small and let everything be said before it starts; both see
//! the topic as it was at the start.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::Arc;

use clap::Args;
use crossbeam_channel::unbounded;
use serde::Serialize;
use serde_json::json;

use super::super::{Done, Failure, counted, print_line};
use super::filter::Filter;
use super::interrupt;
use super::place::{Place, Scope};
use super::progress::Progress;
use super::sending::{Sending, Stop};
use super::shelf::{Found, Others, Shelf, say_others};
use crate::config::redrive_topic;
use crate::delivery::dead_letter::ledger::State;
use crate::delivery::dead_letter::refusal::Refusal;
use crate::delivery::dead_letter::selection::Selection;
use crate::event::{Outgoing, Position};
use crate::kafka::producer::SharedProducer;
use crate::kafka::topics::Topics;

/// What both are told.
#[derive(Debug, Args)]
pub(super) struct Orders {
    #[command(flatten)]
    place: Place,
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write at most that many records a second
    #[arg(long, value_name = "N")]
    rate: Option<NonZero<u32>>,
    /// All open dead letters of the topics and groups
    #[arg(long, conflicts_with_all = ["positions", "handlers", "reasons", "error_types", "since", "until", "key"])]
    all: bool,
    #[command(flatten)]
    filter: Filter,
    /// These, as `list` names them
    #[arg(value_name = "TOPIC/PARTITION/OFFSET")]
    positions: Vec<Position>,
}

/// Which of the two it is.
pub(super) struct Task {
    /// What it is called on the command line.
    pub(super) command: &'static str,
    /// What is done to a dead letter, as in "would be redriven".
    pub(super) done: &'static str,
    /// Whether it is refused what cannot be redriven.
    pub(super) refuses: bool,
    /// The record to write to the redrive topic.
    pub(super) record: fn(&Found<'_>, &Arc<str>) -> Outgoing,
}

/// Dead letters of which something became before.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Already {
    redriven: usize,
    purged: usize,
}

/// What the first pass has found.
#[derive(Default)]
struct Plan {
    /// By the redrive topic that each belongs to.
    to_do: BTreeMap<String, usize>,
    refused: BTreeMap<Refusal, usize>,
    already: Already,
    others: Others,
    seen: BTreeSet<Position>,
}

impl Plan {
    fn count(&self) -> usize {
        self.to_do.values().sum()
    }
}

impl Orders {
    pub(super) fn run(self, task: &Task) -> Done {
        let selection = self.filter.selection(&self.positions);
        if selection.is_everything() && !self.all {
            let command = task.command;
            return Err(Failure::Usage(format!(
                "say which dead letters: a filter, positions, or --all; see `sandbus dlq {command} --help`"
            )));
        }
        let scope = self.place.scope(&self.positions)?;
        let shelves = scope.shelves()?;
        let plan = plan(&scope, &shelves, &selection, task)?;
        self.say(&plan, task);
        let mut outcome = Outcome::default();
        if !self.dry_run && plan.count() > 0 {
            make_topics(&scope, &shelves, &plan)?;
            outcome = self.write(&scope, &shelves, &selection, &plan, task)?;
        }
        self.report(&plan, &outcome, task)?;
        outcome.failure(&scope, &plan, task)?;
        self.named_ones(&plan)
    }

    /// What is left out, before anything is done.
    fn say(&self, plan: &Plan, task: &Task) {
        let done = task.done;
        let refused: usize = plan.refused.values().sum();
        if refused > 0 {
            eprintln!("{} cannot be {done}:", counted(refused, "dead letter"));
            for (refusal, count) in &plan.refused {
                eprintln!("  {count:>6}  {refusal}");
            }
        }
        let Already { redriven, purged } = plan.already;
        for (state, count) in [("redriven", redriven), ("purged", purged)].into_iter().filter(|(_, count)| *count > 0) {
            let were = if count == 1 { "was" } else { "were" };
            eprintln!("{} {were} {state} before and left out", counted(count, "dead letter"));
        }
        say_others(&plan.others);
    }

    fn write(
        &self,
        scope: &Scope,
        shelves: &[Shelf],
        selection: &Selection,
        plan: &Plan,
        task: &Task,
    ) -> Result<Outcome, Failure> {
        let producer = SharedProducer::new(&scope.cluster)?;
        let (answers_in, answers) = unbounded();
        let door = producer.door(answers_in);
        let interrupted = interrupt::watch()?;
        let mut sending = Sending::new(&door, &answers, &interrupted, scope.timeout, self.rate);
        let mut progress = Progress::new(task.done, plan.count());
        let mut stop = None;
        let mut names: BTreeMap<String, Arc<str>> = BTreeMap::new();
        for shelf in shelves {
            let read = scope.each(shelf, selection, |found| {
                if !meant(&found, task) {
                    return Ok(ControlFlow::Continue(()));
                }
                let topic = redrive_topic(&shelf.source.topic, &found.group);
                let topic = names.entry(topic).or_insert_with_key(|topic| topic.as_str().into());
                let sent = sending.send(found.letter.position.clone(), (task.record)(&found, topic));
                progress.at(sending.done);
                Ok(match sent {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(why) => {
                        stop = Some(why);
                        ControlFlow::Break(())
                    }
                })
            });
            if let Err(error) = read {
                // What is on its way arrives all the same.
                let _ = sending.finish();
                progress.end();
                eprintln!("{} {}", counted(sending.done, "dead letter"), task.done);
                return Err(error);
            }
            if stop.is_some() {
                break;
            }
        }
        let finished = sending.finish();
        progress.end();
        let stop = stop.or(finished.err());
        Ok(Outcome { done: sending.done, unanswered: sending.unanswered(), too_large: sending.too_large, stop })
    }

    /// What was done.
    fn report(&self, plan: &Plan, outcome: &Outcome, task: &Task) -> Done {
        let count = if self.dry_run { plan.count() } else { outcome.done };
        if self.place.json {
            let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
            for (refusal, count) in &plan.refused {
                *refused.entry(refusal.name()).or_default() += count;
            }
            let line = json!({
                (task.done): count, "dry_run": self.dry_run, "refused": refused, "already": plan.already,
                "other_groups": plan.others, "too_large": outcome.too_large.len(),
                "interrupted": outcome.stop == Some(Stop::Interrupted),
            });
            return print_line(&line.to_string());
        }
        let would = if self.dry_run { "would be " } else { "" };
        eprintln!("{} {would}{}", counted(count, "dead letter"), task.done);
        Ok(())
    }

    /// Whoever names a dead letter wants to know that nothing became of it.
    fn named_ones(&self, plan: &Plan) -> Done {
        if self.positions.is_empty() {
            return Ok(());
        }
        let missing: Vec<_> =
            self.positions.iter().filter(|at| !plan.seen.contains(at)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(Failure::Wrong(format!(
                "no such dead letter of the groups and filters given: {missing}; `sandbus dlq list` names those there are"
            )));
        }
        match plan.refused.values().sum() {
            0 => Ok(()),
            refused => Err(Failure::Wrong(format!(
                "{} of those named left out; `sandbus dlq show` says more of each",
                counted(refused, "dead letter")
            ))),
        }
    }
}

/// Whether something is to be done with it.
fn meant(found: &Found<'_>, task: &Task) -> bool {
    found.state == State::Open && !(task.refuses && found.refusal.is_some())
}

fn plan(scope: &Scope, shelves: &[Shelf], selection: &Selection, task: &Task) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    for shelf in shelves {
        let others = scope.each(shelf, selection, |found| {
            if !selection.positions.is_empty() {
                plan.seen.insert(found.letter.position.clone());
            }
            match (found.state, found.refusal.as_ref().filter(|_| task.refuses)) {
                (State::Open, None) => {
                    let topic = redrive_topic(&shelf.source.topic, &found.group);
                    *plan.to_do.entry(topic).or_default() += 1;
                }
                (State::Open, Some(refusal)) => *plan.refused.entry(refusal.clone()).or_default() += 1,
                (State::Redriven, _) => plan.already.redriven += 1,
                (State::Purged, _) => plan.already.purged += 1,
            }
            Ok(ControlFlow::Continue(()))
        })?;
        for (group, count) in others {
            *plan.others.entry(group).or_default() += count;
        }
    }
    Ok(plan)
}

/// Makes the redrive topics that are not there, as a host does.
fn make_topics(scope: &Scope, shelves: &[Shelf], plan: &Plan) -> Done {
    let missing: Vec<_> = plan.to_do.keys().filter(|topic| !shelves.iter().all(|shelf| shelf.has(topic))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let topics = Topics::new(&scope.cluster)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from)?;
    for topic in missing {
        runtime.block_on(topics.create_redrive(topic)).map_err(anyhow::Error::from)?;
        eprintln!("made the topic {topic}");
    }
    Ok(())
}

/// What came of the second pass.
#[derive(Default)]
struct Outcome {
    done: usize,
    unanswered: usize,
    too_large: Vec<Position>,
    stop: Option<Stop>,
}

impl Outcome {
    fn failure(&self, scope: &Scope, plan: &Plan, task: &Task) -> Done {
        let (command, done) = (task.command, task.done);
        let again = format!("`sandbus dlq {command}` again goes on where this ended");
        let left = plan.count().saturating_sub(self.done);
        let message = match &self.stop {
            Some(Stop::Interrupted) => format!("interrupted: {} left; {again}", counted(left, "dead letter")),
            Some(Stop::Refused(position, error)) => {
                format!("the broker did not take {position}: {error}; {left} left; {again}")
            }
            Some(Stop::Silent) => format!(
                "no acknowledgement of {} within {} from Kafka at {}; they may have been {done} or not; {again}",
                counted(self.unanswered, "dead letter"),
                humantime::format_duration(scope.timeout),
                scope.cluster.bootstrap_servers(),
            ),
            None => match self.too_large.first() {
                None => return Ok(()),
                Some(first) => format!(
                    "{} too large for the redrive topic, the first at {first}; raise its max.message.bytes",
                    counted(self.too_large.len(), "dead letter")
                ),
            },
        };
        Err(Failure::Wrong(message))
    }
}
