//! Aligned columns.

use std::fmt::Write;

use super::fold::{fold, width};
use super::style::{DIM, Styled, of_word};

/// Rows under a header. Columns are as wide as their widest cell and two spaces apart. A last
/// cell that does not fit on the terminal is folded below its row.
#[derive(Debug, Default)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; it has as many cells as the header.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.header.len(), "cells must match columns");
        self.rows.push(cells);
    }

    /// Whether the table fits on the terminal, if there is one.
    pub fn fits(&self) -> bool {
        let columns = 0..self.header.len();
        let whole: usize = columns.map(|column| self.width(column) + 2).sum();
        width().is_none_or(|width| whole <= width + 2)
    }

    /// The table as text, with styles.
    pub fn render(&self) -> String {
        self.render_on(width())
    }

    fn render_on(&self, terminal: Option<usize>) -> String {
        let widths: Vec<usize> = (0..self.header.len()).map(|column| self.width(column)).collect();
        let mut out = String::new();
        let header: Vec<String> = self.header.iter().map(|&name| name.to_owned()).collect();
        line(&mut out, &header, &widths, |cell| Styled(DIM, cell).to_string());
        for row in &self.rows {
            let mut text = String::new();
            line(&mut text, row, &widths, |cell| Styled(of_word(cell), cell).to_string());
            out += &below(text.trim_end(), row, &widths, terminal);
            out.push('\n');
        }
        out
    }

    fn width(&self, column: usize) -> usize {
        let cells =
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([self.header[column].len()]).max().unwrap_or_default()
    }
}

/// The row, with its last cell on lines of its own if it does not fit.
fn below(text: &str, row: &[String], widths: &[usize], terminal: Option<usize>) -> String {
    let (Some(terminal), Some(last)) = (terminal, row.last()) else { return text.to_owned() };
    let start: usize = widths[..widths.len() - 1].iter().map(|width| width + 2).sum();
    if last.is_empty() || start + last.chars().count() <= terminal {
        return text.to_owned();
    }
    let rest = text.strip_suffix(last.as_str()).unwrap_or(text).trim_end();
    format!("{rest}\n{}", fold(&format!("      {last}"), 6, Some(terminal)))
}

fn line(out: &mut String, cells: &[String], widths: &[usize], styled: impl Fn(&str) -> String) {
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let last = index + 1 == cells.len();
        let gap = if last { 0 } else { width - cell.chars().count() + 2 };
        // Writing to a string cannot fail.
        let _ = write!(out, "{}{}", styled(cell), " ".repeat(gap));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new(&["NAME", "PHASE"]);
        table.row(vec!["a-long-name".into(), "Stopped".into()]);
        table.row(vec!["b".into(), "Creating…".into()]);
        assert!(table.fits(), "tests have no terminal");
        let plain = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(plain, "NAME         PHASE\na-long-name  Stopped\nb            Creating…\n");
    }

    #[test]
    fn a_long_last_cell_goes_below() {
        let mut table = Table::new(&["NAME", "MESSAGE"]);
        table.row(vec!["a".into(), "short".into()]);
        table.row(vec!["b".into(), "much longer than the terminal is wide".into()]);
        let plain = anstream::adapter::strip_str(&table.render_on(Some(30))).to_string();
        assert_eq!(
            plain,
            "NAME  MESSAGE\na     short\nb\n      much longer than the\n      terminal is wide\n"
        );
    }
}
