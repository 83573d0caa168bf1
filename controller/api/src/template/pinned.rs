//! `base` and `file` as they are written: a locator, perhaps with a digest.

use serde_json::Value;

use crate::parse::{Node, Position, Tree};

/// A locator as it is written.
pub(super) struct Written {
    pub(super) at: Position,
    pub(super) url: String,
    /// `sha256:<hex>` of what is there.
    pub(super) digest: Option<String>,
}

/// A text, or a mapping of `url` and `digest`. `None` for anything else, which the types refuse.
pub(super) fn written(node: &Node) -> Option<Written> {
    match &node.value {
        Tree::Scalar(Value::String(url)) => {
            Some(Written { at: node.at, url: url.clone(), digest: None })
        }
        Tree::Map(_) => {
            let url = node.get("url")?;
            let digest = node.get("digest").and_then(Node::as_str).map(str::to_owned);
            Some(Written { at: url.at, url: url.as_str()?.to_owned(), digest })
        }
        _ => None,
    }
}

/// The entries of a `base`: one, or several.
pub(super) fn bases(node: &Node) -> Vec<Written> {
    match &node.value {
        Tree::List(items) => items.iter().filter_map(written).collect(),
        _ => written(node).into_iter().filter(|one| !one.url.is_empty()).collect(),
    }
}
