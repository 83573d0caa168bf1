//! `docs/failure-modes.md` has a row for each failure, and names tests that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A row that no test shows says so with this, and why.
const NOT_YET: &str = "not yet: ";

/// The failures that a controller must survive, by number. Rows with a letter are more of the same
/// kind, and may come and go; none of these may.
const NUMBERS: [u32; 36] = [
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    27, 28, 29, 30, 31, 32, 33, 34, 35, 36,
];

/// A row of the table.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    number: &'a str,
    shown_by: &'a str,
}

#[test]
fn every_failure_has_a_row_and_every_test_of_a_row_exists() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut tests = BTreeSet::new();
    for place in ["controller", "tests"] {
        collect(&top.join(place), &mut tests);
    }
    let table = fs::read_to_string(top.join("docs/failure-modes.md")).expect("the table");
    let problems = problems(&rows(&table), &tests);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_row_that_is_missing_twice_or_empty_is_found() {
    let tests = BTreeSet::from(["it_holds".to_owned()]);
    let table = |left_out: u32, last: &str| {
        let others = NUMBERS.iter().filter(|number| **number != left_out);
        let rows = others.map(|number| format!("| {number} | a | b | `it_holds` |\n"));
        "| # | What | Holds | Shown by |\n|---|---|---|---|\n".to_owned()
            + &rows.collect::<String>()
            + last
    };
    let found = |table: &str| problems(&rows(table), &tests);
    let none: [&str; 0] = [];
    assert_eq!(found(&table(0, "")), none);
    assert_eq!(found(&table(13, "")), ["there is no row 13"]);
    assert_eq!(found(&table(0, "| 13 | a | b | `it_holds` |")), ["row 13 is there twice"]);
    assert_eq!(found(&table(13, "| 13 | a | b | soon |")), ["row 13: neither a test nor a reason"]);
    assert_eq!(
        found(&table(13, "| 13 | a | b | not yet: |")),
        ["row 13: neither a test nor a reason"]
    );
    assert_eq!(found(&table(13, "| 13 | a | b | not yet: nobody has one |")), none);
    assert_eq!(
        found(&table(0, "| 13a | a | b | `it_fails` |")),
        ["row 13a: there is no test `it_fails`"]
    );
}

/// All rows, without the head.
fn rows(table: &str) -> Vec<Row<'_>> {
    let lines = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let cells = lines.map(|line| line.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>());
    cells.map(|cells| Row { number: cells[0], shown_by: cells[cells.len() - 1] }).collect()
}

/// What is wrong with the table.
fn problems(rows: &[Row<'_>], tests: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    for number in NUMBERS.map(|number| number.to_string()) {
        match rows.iter().filter(|row| row.number == number).count() {
            0 => problems.push(format!("there is no row {number}")),
            1 => {}
            _ => problems.push(format!("row {number} is there twice")),
        }
    }
    for Row { number, shown_by } in rows {
        let names = shown_by.split('`').skip(1).step_by(2).filter(|name| !name.contains(' '));
        let reason = shown_by.strip_prefix(NOT_YET).filter(|why| !why.trim().is_empty());
        let names: Vec<_> = names.filter(|_| reason.is_none()).collect();
        if names.is_empty() && reason.is_none() {
            problems.push(format!("row {number}: neither a test nor a reason"));
        }
        let missing = names.iter().filter(|name| !tests.contains(**name));
        problems.extend(missing.map(|name| format!("row {number}: there is no test `{name}`")));
    }
    problems
}

/// The names of all functions that follow a test attribute.
fn collect(dir: &Path, tests: &mut BTreeSet<String>) {
    let entries: Vec<PathBuf> =
        fs::read_dir(dir).expect("a directory").flatten().map(|entry| entry.path()).collect();
    for path in entries {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, tests);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            // `#[test]` and `#[tokio::test(…)]`, with other attributes between them and the name.
            for part in text.split("test]").skip(1).chain(text.split("::test(").skip(1)) {
                let name = part.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
                tests.extend(name.map(str::to_owned));
            }
        }
    }
}
