//! Scripts in files of their own, put where scripts are written.

use serde_json::Value;

use super::Locator;
use super::embed::Composer;
use super::pinned::{Written, written};
use crate::parse::{Node, Position, Tree};

const LISTS: [&str; 2] = ["provision", "probes"];

/// Whether any script is in a file.
pub(super) fn has_files(template: &Node) -> bool {
    LISTS.into_iter().any(|list| match template.get(list) {
        Some(Node { value: Tree::List(items), .. }) => {
            items.iter().any(|item| item.get("file").is_some())
        }
        _ => false,
    })
}

/// Puts the files of `provision` and `probes` in. Tells whether there were any.
pub(super) fn embed(composer: &mut Composer<'_>, template: &mut Node, locator: &Locator) -> bool {
    let mut any = false;
    for list in LISTS {
        let Some(Node { value: Tree::List(items), .. }) = template.get_mut(list) else { continue };
        for (index, item) in items.iter_mut().enumerate() {
            any |= embed_one(composer, item, locator, &format!("{list}[{index}].file"));
        }
    }
    any
}

fn embed_one(composer: &mut Composer<'_>, item: &mut Node, locator: &Locator, field: &str) -> bool {
    let Some(file) = item.get("file").and_then(written) else { return false };
    let place = place_of(item);
    if has_text(item, place) {
        // Lima leaves both, and then refuses what it left.
        let message = format!("`{place}` is there, too, and only one of them can be meant");
        composer.refuse(file.at, field, message, Some("remove one of them".to_owned()));
        return true;
    }
    if let Some(text) = fetch(composer, &file, locator, field) {
        put(item, place, text);
    }
    true
}

/// The field that the file's text goes to.
fn place_of(item: &Node) -> &'static str {
    match item.get("mode").and_then(Node::as_str) {
        Some("data") => "content",
        Some("yq") => "expression",
        _ => "script",
    }
}

/// Whether the text is written, too. For scripts an empty one is none, as in Lima.
fn has_text(item: &Node, place: &str) -> bool {
    item.get(place)
        .is_some_and(|text| !text.is_null() && (place != "script" || text.as_str() != Some("")))
}

fn fetch(
    composer: &mut Composer<'_>,
    file: &Written,
    holder: &Locator,
    field: &str,
) -> Option<Node> {
    let locator = composer.resolve(holder, file, field)?;
    let text = composer.fetch(file.at, field, &locator, file.digest.as_deref())?;
    let at = Position { source: text.source, line: 1, column: 1 };
    Some(Node { at, value: Tree::Scalar(Value::String(text.text.as_ref().to_owned())) })
}

/// In the place of `file`, so that the order of the fields stays.
fn put(item: &mut Node, place: &str, text: Node) {
    item.take(place);
    let Some(fields) = item.fields_mut() else { return };
    if let Some((key, node)) = fields.iter_mut().find(|(key, _)| key.name == "file") {
        place.clone_into(&mut key.name);
        *node = text;
    }
}
