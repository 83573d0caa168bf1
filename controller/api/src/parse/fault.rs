//! Something that keeps a document from being of its type.

use super::bounds::MAX_PROPOSALS;
use super::diagnostic::Diagnostic;
use super::path::{FieldPath, Segment};
use super::sources::Sources;
use super::tree::{Node, Position};
use crate::explain::fields;
use crate::nearest::nearest;

/// Something that is wrong with a field.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) path: FieldPath,
    pub(super) message: String,
    /// What to do, where that is known from the value alone.
    pub(super) hint: Option<String>,
    pub(super) place: Place,
}

/// What of a field is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Its key.
    Key,
    /// Its value.
    Value,
    /// What is there, and no longer in the tree.
    At(Position),
}

impl Fault {
    /// Where it is written.
    pub(super) fn position(&self, tree: &Node) -> Position {
        match self.place {
            Place::Key => tree.key_at(&self.path),
            Place::Value => tree.value_at(&self.path),
            Place::At(position) => position,
        }
    }

    /// The same for who sees only what is so many steps below the document.
    pub(super) fn below(&self, steps: usize) -> Self {
        let path = FieldPath(self.path.0.get(steps..).unwrap_or_default().to_vec());
        Self { path, ..self.clone() }
    }

    /// The name that an unknown key was probably to have, in a document of a kind.
    pub(super) fn meant(&self, kind: &str) -> Option<String> {
        let (parent, Segment::Key(wrong)) = self.path.split_last()? else { return None };
        if self.place != Place::Key {
            return None;
        }
        let fields = fields(kind, &parent.to_string());
        nearest(wrong, fields.iter().map(String::as_str)).map(str::to_owned)
    }
}

/// How faults are told.
pub(super) struct Told<'a> {
    /// The kind of the document.
    pub(super) kind: &'a str,
    /// How much was told of its file before.
    pub(super) before: usize,
    /// A path as it is shown.
    pub(super) shown: &'a dyn Fn(&FieldPath) -> String,
}

/// What is wrong with a document, each at its place and in their order.
pub(super) fn explain(
    faults: &[Fault],
    tree: &Node,
    sources: &Sources,
    told: &Told<'_>,
) -> Vec<Diagnostic> {
    let explain = |fault: &Fault| {
        let at = fault.position(tree);
        let place = sources.diagnostic(at, (told.shown)(&fault.path), fault.message.clone());
        let meant = if told.before < MAX_PROPOSALS { fault.meant(told.kind) } else { None };
        let hint = meant.map(|name| format!("did you mean `{name}`?"));
        (at, Diagnostic { hint: hint.or_else(|| fault.hint.clone()), ..place })
    };
    let mut found: Vec<_> = faults.iter().map(explain).collect();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
}
