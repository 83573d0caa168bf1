//! One template, from wherever it is.

use std::path::Path;
use std::sync::Arc;

use super::diagnostic::Diagnostic;
use super::document::{decode, typed_faults};
use super::locate::Located;
use super::read::read_node;
use super::sources::Sources;
use super::tree::{Node, Tree};
use super::typed;
use crate::template::Locator;
use crate::{Instance, InstanceSpec, Lima, Manifest, Metadata, Name};

/// Reads a text as plain Lima YAML: its first document, as Lima does.
///
/// `locator` is where it is, and what relative locators in it are relative to; `place` is what
/// messages show; `name` is the name that an instance of it would have.
///
/// # Errors
/// All that keeps it from being a template.
pub fn parse_template(
    bytes: &[u8],
    locator: &Locator,
    place: &str,
    name: &Name,
) -> Result<Located, Vec<Diagnostic>> {
    let file = Path::new(place);
    let text = decode(bytes).map_err(|(at, message)| {
        vec![Sources::new(file, "".into()).diagnostic(at, String::new(), message)]
    })?;
    let sources = Sources::new(file, Arc::from(text));
    let refuse = |at, message| vec![sources.diagnostic(at, String::new(), message)];
    let mut tree = read_node(text, 0).map_err(|(at, message)| refuse(at, message))?;
    if tree.is_null() {
        tree.value = Tree::Map(Vec::new());
    }
    check_kind(&tree).map_err(|message| refuse(tree.at, message))?;
    let lima = typed::read::<Lima>(tree.to_json(), |_| false)
        .map_err(|faults| typed_faults(&faults, &tree, "lima", &sources, 0))?;
    let metadata = Metadata::named(name.clone());
    Ok(Located {
        manifest: Manifest::Instance(Box::new(Instance {
            metadata,
            spec: InstanceSpec::new(lima),
        })),
        file: file.to_owned(),
        line: tree.at.line,
        plain: true,
        tree,
        sources,
        locator: locator.clone(),
    })
}

fn check_kind(tree: &Node) -> Result<(), String> {
    match &tree.value {
        Tree::Map(_) if tree.get("apiVersion").is_some() => {
            Err("a manifest, not a template: use `limekiln validate`".to_owned())
        }
        Tree::Map(_) => Ok(()),
        _ => Err("not a template: the document is no mapping".to_owned()),
    }
}
