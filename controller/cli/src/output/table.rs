//! Aligned columns.

use std::fmt::Write;

use super::style::{DIM, Styled, of_word};

/// Rows under a header. Columns are as wide as their widest cell and two spaces apart.
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

    /// The table as text, with styles.
    pub fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.header.len()).map(|column| self.width(column)).collect();
        let mut out = String::new();
        let header: Vec<String> = self.header.iter().map(|&name| name.to_owned()).collect();
        line(&mut out, &header, &widths, |cell| Styled(DIM, cell).to_string());
        for row in &self.rows {
            line(&mut out, row, &widths, |cell| Styled(of_word(cell), cell).to_string());
        }
        out
    }

    fn width(&self, column: usize) -> usize {
        let cells =
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([self.header[column].len()]).max().unwrap_or_default()
    }
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
        let plain = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(plain, "NAME         PHASE\na-long-name  Stopped\nb            Creating…\n");
    }
}
