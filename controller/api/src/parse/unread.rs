//! What of a manifest could not be read, and so what rules say of it is worth nothing.
//!
//! A rule that fires because a faulty value was taken out would send its reader after a second
//! error that is none. Fields are told apart by where they are written, not by their paths: those
//! change when templates are put together.

use super::fault::{Fault, Place};
use super::path::{FieldPath, Segment};
use super::tree::Node;
use super::written::{Spot, along};

/// Fields on which what rules say of other fields depends.
const ACROSS: [(&str, &[&str]); 13] = [
    ("arch", &["images", "tpm", "vmType", "containerd"]),
    ("base", &["images", "param", "mounts", "containerd"]),
    ("copyToHost", &["param"]),
    ("hostResolver", &["dns"]),
    ("mountTypesUnsupported", &["mountType"]),
    ("mounts", &["param", "mountType"]),
    ("os", &["provision", "user", "vmType", "arch", "mountType", "containerd"]),
    ("plain", &["user", "portForwards", "mounts", "containerd"]),
    ("portForwards", &["param"]),
    ("probes", &["param"]),
    ("provision", &["param"]),
    ("user", &["mounts"]),
    ("vmType", &["mountType", "networks", "tpm", "user", "arch"]),
];
/// Fields of a list's items on which what rules say of the whole item depends; all of them where
/// none is named.
const WITHIN: [(&str, &[&str]); 4] =
    [("images", &["arch"]), ("portForwards", &[]), ("provision", &["mode"]), ("probes", &["mode"])];

/// What of a manifest could not be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread {
    gone: Vec<Gone>,
    /// Not all that the template builds on is there.
    incomplete: bool,
}

/// A value that is not there, or is not what was meant.
#[derive(Clone, Debug)]
struct Gone {
    /// The mapping or list that it was in.
    parent: Spot,
    key: Option<String>,
    /// What it was in, without the whole document and the whole template.
    inside: Vec<Spot>,
    /// The list item that is worth nothing without it.
    item: Option<Spot>,
    /// The template's field that it was in.
    field: Option<String>,
}

/// What a path leads to: what it passes below the document, and what of it is not there.
struct Found<'a> {
    nodes: Vec<Spot>,
    rest: &'a [Segment],
}

impl Unread {
    /// Whether all was read.
    pub(super) fn is_empty(&self) -> bool {
        self.gone.is_empty() && !self.incomplete
    }

    /// Some of what the template builds on could not be had.
    pub(super) fn miss_bases(&mut self) {
        self.incomplete = true;
    }

    /// Adds what is wrong with a tree. `template` is where the template is in it.
    pub(super) fn add(&mut self, fault: &Fault, tree: &Node, template: &FieldPath) {
        let Some((parent, last)) = fault.path.split_last() else { return };
        let key = match last {
            Segment::Key(key) => Some(key.clone()),
            Segment::Index(_) => None,
        };
        let within = fault.path.starts_with(template);
        let skipped = if within { template.0.len() } else { 1 };
        let passed = follow(tree, &parent).nodes;
        let field = |path: &FieldPath| match path.0.get(skipped) {
            Some(Segment::Key(name)) if within => Some(name.clone()),
            _ => None,
        };
        let gone = Gone {
            parent: passed.last().copied().unwrap_or(Spot::of(tree)),
            key,
            inside: passed.get(skipped + 1..).unwrap_or_default().to_vec(),
            item: whole_item(&fault.path.0[skipped.min(fault.path.0.len())..])
                .then(|| passed.get(skipped + 2).copied())
                .flatten(),
            field: field(&fault.path),
        };
        if let (Place::Key, Some(meant)) = (fault.place, &fault.meant) {
            let meant_path = parent.join(Segment::Key(meant.clone()));
            let field = field(&meant_path);
            self.gone.push(Gone { key: Some(meant.clone()), field, ..gone.clone() });
        }
        self.gone.push(gone);
    }

    /// Whether something is wrong with the parameters.
    pub(super) fn lacks_params(&self) -> bool {
        self.incomplete || self.gone.iter().any(|gone| gone.field.as_deref() == Some("param"))
    }

    /// Whether what a rule says of a field may only be so because something could not be read.
    pub(super) fn explains(&self, tree: &Node, template: &FieldPath, path: &FieldPath) -> bool {
        let found = follow(tree, path);
        let field = match path.0.get(template.0.len()) {
            Some(Segment::Key(name)) if path.starts_with(template) => Some(name.as_str()),
            _ => None,
        };
        let is_file = matches!(path.0.last(), Some(Segment::Key(last)) if last == "file");
        let incomplete = self.incomplete
            && (is_file || field.is_some_and(|field| field == "base" || depends(field, "base")));
        incomplete || self.gone.iter().any(|gone| gone.explains(&found, field))
    }
}

impl Gone {
    fn explains(&self, found: &Found<'_>, field: Option<&str>) -> bool {
        let node = found.nodes.last();
        let at_or_below = match (found.rest.first(), &self.key) {
            (Some(Segment::Key(name)), Some(key)) => node == Some(&self.parent) && name == key,
            _ => false,
        };
        let above = found.rest.is_empty() && node.is_some_and(|node| self.inside.contains(node));
        let in_item = self.item.is_some_and(|item| found.nodes.contains(&item));
        let across = match (field, &self.field) {
            (Some(field), Some(gone)) => depends(field, gone),
            _ => false,
        };
        at_or_below || above || in_item || across
    }
}

/// Whether what rules say of a field depends on another.
fn depends(field: &str, on: &str) -> bool {
    ACROSS.iter().any(|(other, fields)| *other == on && fields.contains(&field))
}

/// Whether the item at the start of a path below the template is worth nothing without what the
/// path leads to.
fn whole_item(path: &[Segment]) -> bool {
    match path {
        [Segment::Key(list), Segment::Index(_), Segment::Key(key), ..] => WITHIN
            .iter()
            .any(|(name, keys)| name == list && (keys.is_empty() || keys.contains(&key.as_str()))),
        _ => false,
    }
}

/// Where the document and all nodes along a path are.
fn follow<'a>(tree: &Node, path: &'a FieldPath) -> Found<'a> {
    let (nodes, rest) = along(tree, path);
    Found { nodes: nodes.into_iter().map(Spot::of).collect(), rest }
}
