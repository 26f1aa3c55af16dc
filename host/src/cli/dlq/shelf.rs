//! Dead letters as they are read: each with its group, what became of it, and whether it can be redriven.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::super::Failure;
use super::place::{Scope, Source};
use crate::config::{TopicName, redrive_topic};
use crate::delivery::dead_letter::ledger::{Ledger, State};
use crate::delivery::dead_letter::letter::Letter;
use crate::delivery::dead_letter::refusal::{Refusal, refusal};
use crate::delivery::dead_letter::selection::Selection;
use crate::event::Record;
use crate::kafka::scan::Extent;

/// One dead-letter topic as it was when it was opened, and what the groups' redrive topics say of it.
pub(super) struct Shelf {
    pub(super) source: Source,
    extent: Extent,
    ledgers: BTreeMap<String, Ledger>,
    /// Redrive topics that are not there.
    missing: BTreeSet<String>,
}

/// A dead letter that was asked for.
pub(super) struct Found<'a> {
    pub(super) record: &'a Record,
    pub(super) letter: Letter,
    pub(super) group: String,
    pub(super) state: State,
    pub(super) refusal: Option<Refusal>,
}

/// Dead letters that were passed over, by the group that was not asked for.
pub(super) type Others = BTreeMap<String, usize>;

impl Scope {
    /// Opens every dead-letter topic, and reads the redrive topics to their ends. Topics that are not there
    /// and were not named are said and left out.
    pub(super) fn shelves(&self) -> Result<Vec<Shelf>, Failure> {
        let mut shelves = Vec::new();
        for source in &self.sources {
            match self.shelf(source)? {
                Some(shelf) => shelves.push(shelf),
                None if source.named => return Err(Failure::Wrong(self.no_topic(source))),
                None => eprintln!("{}", self.no_topic(source)),
            }
        }
        Ok(shelves)
    }

    fn no_topic(&self, source: &Source) -> String {
        let servers = self.cluster.bootstrap_servers();
        format!("there is no topic {:?} at {servers}: a host makes it when it starts", source.dead_letters)
    }

    fn shelf(&self, source: &Source) -> Result<Option<Shelf>, Failure> {
        let Some(extent) = Extent::of(&self.cluster, &source.dead_letters, self.timeout)? else { return Ok(None) };
        let mut shelf = Shelf { source: source.clone(), extent, ledgers: BTreeMap::new(), missing: BTreeSet::new() };
        for group in &self.groups {
            self.open_ledger(&mut shelf, group)?;
        }
        Ok(Some(shelf))
    }

    /// Reads what became of a group's dead letters, unless that is known.
    fn open_ledger(&self, shelf: &mut Shelf, group: &str) -> Result<(), Failure> {
        if shelf.ledgers.contains_key(group) {
            return Ok(());
        }
        let mut ledger = Ledger::new(&shelf.source.dead_letters);
        let topic = redrive_topic(&shelf.source.topic, group);
        // No topic can have a name that is too long, so nothing was ever redriven.
        if TopicName::new(&topic).is_ok() {
            match Extent::of(&self.cluster, &topic, self.timeout)? {
                Some(extent) => extent.read(&self.cluster, self.timeout, |record| {
                    ledger.note(&record);
                    Ok::<_, Failure>(ControlFlow::Continue(()))
                })?,
                None => {
                    shelf.missing.insert(topic);
                }
            }
        }
        shelf.ledgers.insert(group.to_owned(), ledger);
        Ok(())
    }

    /// Calls `each` with every dead letter of the groups that `selection` means, until it breaks off.
    /// Answers how many of other groups it would have meant.
    pub(super) fn each(
        &self,
        shelf: &Shelf,
        selection: &Selection,
        mut each: impl FnMut(Found<'_>) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<Others, Failure> {
        let mut others = Others::new();
        let mut extent = shelf.extent.clone();
        if !selection.positions.is_empty() {
            let here = selection.positions.iter().filter(|at| *at.topic == *shelf.source.dead_letters);
            extent = extent.around(here.map(|at| (at.partition, at.offset)));
        }
        extent.read(&self.cluster, self.timeout, |record| {
            let letter = Letter::of(&record);
            if !selection.matches(&letter) {
                return Ok::<_, Failure>(ControlFlow::Continue(()));
            }
            let group = letter.group.clone().unwrap_or_default();
            let Some(ledger) = shelf.ledgers.get(&group) else {
                *others.entry(group).or_default() += 1;
                return Ok(ControlFlow::Continue(()));
            };
            each(self.found(shelf, ledger, &record, letter, group))
        })?;
        Ok(others)
    }

    fn found<'r>(
        &self,
        shelf: &Shelf,
        ledger: &Ledger,
        record: &'r Record,
        letter: Letter,
        group: String,
    ) -> Found<'r> {
        let refusal = refusal(record, &letter, &shelf.source.topic, &group, self.roster.as_ref());
        Found { record, state: ledger.state(&letter), refusal, group, letter }
    }

    /// The one dead letter that `selection` means, of whichever group, given to `show`. Answers whether there is one.
    pub(super) fn one(
        &self,
        shelf: &mut Shelf,
        selection: &Selection,
        show: impl FnOnce(Found<'_>) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let here = selection.positions.iter().map(|at| (at.partition, at.offset));
        let extent = shelf.extent.clone().around(here);
        let mut found = None;
        extent.read(&self.cluster, self.timeout, |record| {
            found = Some(record);
            Ok::<_, Failure>(ControlFlow::Break(()))
        })?;
        let Some(record) = found else { return Ok(false) };
        let letter = Letter::of(&record);
        let group = letter.group.clone().unwrap_or_default();
        if self.groups_named && !self.groups.contains(&group) {
            return Ok(false);
        }
        self.open_ledger(shelf, &group)?;
        let Some(ledger) = shelf.ledgers.get(&group) else { return Ok(false) };
        show(self.found(shelf, ledger, &record, letter, group))?;
        Ok(true)
    }
}

impl Shelf {
    /// Whether the redrive topic was there.
    pub(super) fn has(&self, redrive: &str) -> bool {
        !self.missing.contains(redrive)
    }
}

/// Says which dead letters were passed over.
pub(super) fn say_others(others: &Others) {
    let count: usize = others.values().sum();
    if count > 0 {
        let name = |group: &String| if group.is_empty() { "(none)".to_owned() } else { group.clone() };
        let groups: Vec<_> = others.keys().map(name).collect();
        let more = super::super::counted(count, "dead letter");
        eprintln!("{more} of other groups left out: {} (name one with --group)", groups.join(", "));
    }
}
