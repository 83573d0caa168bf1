//! Relative locators, made to mean the same from anywhere.

use std::path::Path;

use super::Locator;
use super::pinned::{Written, bases, written};
use crate::parse::{Node, Position, Tree};

/// Something to write in place of something else.
pub(crate) struct Edit {
    at: Position,
    old: String,
    new: String,
}

/// What is wrong, and where.
pub(crate) type Problem = (Position, String);

/// What has to be written differently so that no locator of the template depends on where it is.
pub(crate) fn edits(
    template: &Node,
    locator: &Locator,
    home: &Path,
) -> Result<Vec<Edit>, Vec<Problem>> {
    let (mut edits, mut problems) = (Vec::new(), Vec::new());
    for Written { at, url, .. } in all(template) {
        match locator.resolve(&url, home) {
            Ok(resolved) if resolved.to_string() == url => {}
            Ok(resolved) => edits.push(Edit { at, old: url, new: resolved.to_string() }),
            Err(error) => problems.push((at, error.to_string())),
        }
    }
    if problems.is_empty() { Ok(edits) } else { Err(problems) }
}

/// All locators that a template holds.
fn all(template: &Node) -> Vec<Written> {
    let mut found = template.get("base").map(bases).unwrap_or_default();
    for list in ["provision", "probes"] {
        if let Some(Node { value: Tree::List(items), .. }) = template.get(list) {
            found.extend(items.iter().filter_map(|item| item.get("file").and_then(written)));
        }
    }
    found
}

/// The text with the edits made and everything else as it was.
///
/// # Errors
/// The place of a text that is written in a way that cannot be found again, such as an alias.
pub(crate) fn rewrite(text: &str, mut edits: Vec<Edit>) -> Result<String, Problem> {
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.at));
    edits.dedup_by_key(|edit| edit.at);
    let mut text = text.to_owned();
    for edit in edits {
        let start = offset(&text, edit.at);
        let old = start.and_then(|start| written_as(&text[start..], &edit.old));
        match (start, old) {
            (Some(start), Some(length)) => {
                let new = serde_json::Value::from(edit.new.as_str()).to_string();
                text.replace_range(start..start + length, &new);
            }
            _ => {
                let why = format!("{:?} is written in a way that cannot be replaced", edit.old);
                return Err((edit.at, why));
            }
        }
    }
    Ok(text)
}

/// Where a position is in the text, in bytes.
fn offset(text: &str, at: Position) -> Option<usize> {
    let line = text.split_inclusive('\n').nth(at.line.checked_sub(1)?)?;
    let before: usize = text.split_inclusive('\n').take(at.line - 1).map(str::len).sum();
    let (column, _) = line.char_indices().nth(at.column.checked_sub(1)?)?;
    Some(before + column)
}

/// How long the text is as it is written there: plain, or between quotes.
fn written_as(text: &str, value: &str) -> Option<usize> {
    ["", "\"", "'"].iter().find_map(|quote| {
        let written = format!("{quote}{value}{quote}");
        text.starts_with(&written).then_some(written.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::read_node;

    fn absolute(text: &str, locator: &str) -> Result<String, String> {
        let home = Path::new("/home/alice");
        let node = read_node(text, 0).expect("yaml");
        let locator = Locator::parse(locator, home).expect("a locator");
        let edits = edits(&node, &locator, home).map_err(|all| all[0].1.clone())?;
        rewrite(text, edits).map_err(|(_, why)| why)
    }

    #[test]
    fn only_locators_change() {
        let text = "# mine\nbase: [a.yaml, 'b.yaml', template:c] # kept\ncpus: 0x2\nprovision:\n- file: {url: \"s.sh\", digest: x}\nprobes:\n- {file: ~/p.sh}\n";
        assert_eq!(
            absolute(text, "/t/x.yaml").expect("rewritten"),
            "# mine\nbase: [\"/t/a.yaml\", \"/t/b.yaml\", template:c] # kept\ncpus: 0x2\nprovision:\n- file: {url: \"/t/s.sh\", digest: x}\nprobes:\n- {file: \"/home/alice/p.sh\"}\n"
        );
        assert_eq!(
            absolute("é: 1\nbase: a.yaml", "https://h/t/x.yaml").expect("rewritten"),
            "é: 1\nbase: \"https://h/t/a.yaml\""
        );
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let alias = "a: &x b.yaml\nbase: *x\n";
        assert!(absolute(alias, "/t/x.yaml").is_err_and(|why| why.contains("cannot be replaced")));
        assert!(absolute("base: ../b.yaml", "/t/x.yaml").is_err_and(|why| why.contains("..")));
    }
}
