//! A template that was put together, as text with the comments of its own file.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::locate::Located;
use super::read::{first_document, read_node};
use super::tree::{Node, Tree};
use crate::{Lima, Manifest, read_lima, to_yaml};

/// A field of the text and what belongs to it.
struct Block<'a> {
    name: String,
    /// Comments and empty lines before it.
    head: String,
    /// From its key to the next field.
    body: String,
    value: &'a Node,
}

impl Located {
    /// A plain template as text: its own, comments and all, as far as that is what it still means;
    /// fields that something was put into are printed anew.
    pub fn to_text(&self) -> String {
        let Manifest::Instance(instance) = &self.manifest else { return to_yaml(&self.manifest) };
        let lima = &instance.spec.template;
        let means = |text: &String| read_lima(text).is_ok_and(|read| read == **lima);
        self.commented(lima).filter(means).unwrap_or_else(|| to_yaml(lima))
    }

    fn commented(&self, lima: &Lima) -> Option<String> {
        let own = first_document(self.sources.own_text());
        if self.is_as_written() {
            return Some(self.sources.own_text().to_owned());
        }
        let tree = read_node(own, 0).ok()?;
        let (blocks, tail) = blocks(own, &tree)?;
        let (mut whole, embedded) = (json!(lima), self.template_json());
        let fields = whole.as_object_mut()?;
        let mut text = String::new();
        for (index, block) in blocks.iter().enumerate() {
            let value = fields.shift_remove(&block.name);
            // The first comment is the file's as well.
            if value.is_some() || index == 0 {
                text.push_str(&block.head);
            }
            match value {
                Some(_) if embedded.get(&block.name) == Some(&block.value.to_json()) => {
                    text.push_str(&block.body);
                }
                Some(value) => text.push_str(&to_yaml(&json!({ &block.name: value }))),
                None => {}
            }
        }
        text.push_str(&tail);
        if !fields.is_empty() {
            let _ = write!(text, "{}", to_yaml(&Value::Object(fields.clone())));
        }
        Some(text)
    }
}

/// The fields of a mapping whose every key begins a line, and what follows the last. `None` for
/// any other text.
fn blocks<'a>(text: &str, tree: &'a Node) -> Option<(Vec<Block<'a>>, String)> {
    let Tree::Map(fields) = &tree.value else { return None };
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    if fields.iter().any(|(key, _)| key.at.column != 1) || text.contains('\t') {
        return None;
    }
    let starts: Vec<_> = fields.iter().map(|(key, _)| key.at.line - 1).collect();
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut head = comments(lines.get(..*starts.first()?)?);
    for (index, (key, value)) in fields.iter().enumerate() {
        let start = starts[index];
        let end = starts.get(index + 1).copied().unwrap_or(lines.len());
        let own = lines.get(start..end)?;
        let kept = own.len() - own.iter().rev().take_while(|line| is_apart(line)).count();
        let body = own[..kept].concat();
        let next = comments(&own[kept..]);
        let head = std::mem::replace(&mut head, next);
        blocks.push(Block { name: key.name.clone(), head, body: ended(body), value });
    }
    Some((blocks, head))
}

/// A comment at the start of a line, or nothing.
fn is_apart(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#') || is_marker(line)
}

fn is_marker(line: &str) -> bool {
    line.starts_with("---") || line.starts_with("...") || line.starts_with('%')
}

fn comments(lines: &[&str]) -> String {
    ended(lines.iter().filter(|line| !is_marker(line)).copied().collect())
}

fn ended(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
