//! Columns for people. Rows are printed in portions, so that a long table needs little memory; a column
//! never becomes narrower.

use super::{Failure, print_line};
use crate::sandbox::text::plain;

/// Rows that are held at once.
const PORTION: usize = 500;

pub(super) struct Table {
    widths: Vec<usize>,
    rows: Vec<Row>,
}

enum Row {
    Cells(Vec<String>),
    /// Lines below a row, as wide as they are.
    Note(Vec<String>),
}

impl Table {
    /// With a line of headings.
    pub(super) fn new(headings: &[&str]) -> Table {
        let row: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Table { widths: vec![0; row.len()], rows: vec![Row::Cells(row)] }
    }

    pub(super) fn row(&mut self, row: Vec<String>) -> Result<(), Failure> {
        self.push(Row::Cells(row.iter().map(|cell| plain(cell)).collect()))
    }

    /// Something about the last row, set in.
    pub(super) fn note(&mut self, text: &str) -> Result<(), Failure> {
        self.push(Row::Note(text.lines().map(|line| format!("  {}", plain(line))).collect()))
    }

    fn push(&mut self, row: Row) -> Result<(), Failure> {
        self.rows.push(row);
        if self.rows.len() >= PORTION { self.print() } else { Ok(()) }
    }

    /// Prints what is held.
    pub(super) fn print(&mut self) -> Result<(), Failure> {
        let rows = std::mem::take(&mut self.rows);
        for row in &rows {
            let Row::Cells(cells) = row else { continue };
            for (width, cell) in self.widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &rows {
            match row {
                Row::Cells(cells) => print_line(&self.line(cells))?,
                Row::Note(lines) => lines.iter().try_for_each(|line| print_line(line))?,
            }
        }
        Ok(())
    }

    fn line(&self, row: &[String]) -> String {
        let cells = row.iter().zip(&self.widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}
