//! `docs/failure-modes.md` names tests: each must exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_test_of_the_table_exists() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut tests = BTreeSet::new();
    for place in ["controller", "tests"] {
        collect(&top.join(place), &mut tests);
    }
    let table = fs::read_to_string(top.join("docs/failure-modes.md")).expect("the table");
    let mut count = 0;
    for row in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let shown_by = row.rsplit(" | ").next().unwrap_or_default();
        let names = shown_by.split('`').skip(1).step_by(2).filter(|name| !name.contains(' '));
        let names: Vec<_> = names.collect();
        assert!(!names.is_empty(), "no test in: {row}");
        for name in names {
            assert!(tests.contains(name), "there is no test `{name}`");
            count += 1;
        }
    }
    assert!(count > 50, "only {count} tests were found in the table");
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
