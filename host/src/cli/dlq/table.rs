//! Columns for people. Rows are printed in portions, so that a long table needs little memory; a column
//! never becomes narrower.

use super::super::{Failure, print_line};
use super::describe::plain;

/// Rows that are held at once.
const PORTION: usize = 500;

pub(super) struct Table {
    widths: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With a line of headings.
    pub(super) fn new(headings: &[&str]) -> Table {
        let row: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Table { widths: vec![0; row.len()], rows: vec![row] }
    }

    pub(super) fn row(&mut self, row: Vec<String>) -> Result<(), Failure> {
        self.rows.push(row.iter().map(|cell| plain(cell)).collect());
        if self.rows.len() >= PORTION { self.print() } else { Ok(()) }
    }

    /// Prints what is held.
    pub(super) fn print(&mut self) -> Result<(), Failure> {
        for row in std::mem::take(&mut self.rows).iter().map(|row| self.fit(row)).collect::<Vec<_>>() {
            print_line(&self.line(row))?;
        }
        Ok(())
    }

    fn fit<'r>(&mut self, row: &'r [String]) -> &'r [String] {
        for (width, cell) in self.widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
        row
    }

    fn line(&self, row: &[String]) -> String {
        let cells = row.iter().zip(&self.widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}
