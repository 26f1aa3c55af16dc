//! `sandbus dlq list`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use clap::Args;
use serde_json::Value;

use super::super::table::Table;
use super::super::{Done, Failure, counted, print_line};
use super::describe::{key, or_dash, time};
use super::filter::Filter;
use super::place::Place;
use super::shelf::{Found, Others, say_others};
use crate::delivery::dead_letter::ledger::State;

/// List dead letters, and count them by handler, reason and error type
///
/// Those that were redriven or purged are left out, unless --all asks for them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  sandbus dlq list --handler order-projection --since 2h")]
pub struct List {
    #[command(flatten)]
    place: Place,
    /// Also those that were redriven or purged
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    filter: Filter,
}

impl List {
    pub(super) fn run(self) -> Done {
        let scope = self.place.scope(&[])?;
        let selection = self.filter.selection(&[]);
        let mut rows = Rows::new(self.all, scope.groups.len() > 1);
        let mut others = Others::new();
        for shelf in scope.shelves()? {
            let passed = scope.each(&shelf, &selection, |found| {
                if self.all || found.state == State::Open {
                    if self.place.json {
                        print_line(&Value::Object(found.to_json()).to_string())?;
                    } else {
                        rows.add(&found)?;
                    }
                }
                Ok(ControlFlow::Continue(()))
            })?;
            for (group, count) in passed {
                *others.entry(group).or_default() += count;
            }
        }
        if !self.place.json {
            rows.end()?;
        }
        say_others(&others);
        Ok(())
    }
}

/// Group, handler, reason and error type.
type Kind = [String; 4];

struct Rows {
    all: bool,
    groups: bool,
    table: Table,
    count: usize,
    totals: BTreeMap<Kind, usize>,
}

impl Rows {
    fn new(all: bool, groups: bool) -> Rows {
        let headings = [
            Some("POSITION"),
            all.then_some("STATE"),
            groups.then_some("GROUP"),
            Some("HANDLER"),
            Some("REASON"),
            Some("ERROR TYPE"),
            Some("GIVEN UP"),
            Some("ORIGINAL"),
            Some("RETRIES"),
            Some("REDRIVES"),
            Some("REDRIVE"),
            Some("KEY"),
        ];
        let headings: Vec<_> = headings.into_iter().flatten().collect();
        Rows { all, groups, table: Table::new(&headings), count: 0, totals: BTreeMap::new() }
    }

    fn add(&mut self, found: &Found<'_>) -> Result<(), Failure> {
        let letter = &found.letter;
        let handler = letter.handler.clone().unwrap_or_else(|| "(none)".into());
        let (reason, error_type) = (or_dash(letter.reason.as_ref()), or_dash(letter.error_type.as_ref()));
        let row = [
            Some(letter.position.to_string()),
            self.all.then(|| found.state.to_string()),
            self.groups.then(|| found.group.clone()),
            Some(handler.clone()),
            Some(reason.clone()),
            Some(error_type.clone()),
            Some(or_dash(time(letter))),
            Some(or_dash(letter.original.as_ref())),
            Some(or_dash(letter.retries)),
            Some(letter.redrives.to_string()),
            Some(found.redrive()),
            Some(key(letter)),
        ];
        self.count += 1;
        *self.totals.entry([found.group.clone(), handler, reason, error_type]).or_default() += 1;
        self.table.row(row.into_iter().flatten().collect())
    }

    fn end(mut self) -> Result<(), Failure> {
        if self.count == 0 {
            let open = if self.all { "" } else { "open " };
            eprintln!("no {open}dead letters");
            return Ok(());
        }
        self.table.print()?;
        print_line("")?;
        print_line(&counted(self.count, "dead letter"))?;
        let headings =
            [Some("COUNT"), self.groups.then_some("GROUP"), Some("HANDLER"), Some("REASON"), Some("ERROR TYPE")];
        let mut totals = Table::new(&headings.into_iter().flatten().collect::<Vec<_>>());
        for ([group, handler, reason, error_type], count) in self.totals {
            let count = format!("{count:>5}");
            let row = [Some(count), self.groups.then_some(group), Some(handler), Some(reason), Some(error_type)];
            totals.row(row.into_iter().flatten().collect())?;
        }
        totals.print()
    }
}
