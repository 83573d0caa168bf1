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
    /// The name that an unknown key was probably to have.
    pub(super) meant: Option<String>,
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

    fn guess(&mut self, kind: &str) {
        if let (Place::Key, Some((parent, Segment::Key(wrong)))) =
            (self.place, self.path.split_last())
        {
            let fields = fields(kind, &parent.to_string());
            let meant = nearest(wrong, fields.iter().map(String::as_str));
            self.meant = meant.map(str::to_owned);
        }
    }
}

/// Finds out which names unknown keys of a document of a kind were to have. That takes long, so
/// for a file that is all wrong only the first are asked for; `told` is how much was told of it.
pub(super) fn guess(faults: &mut [Fault], kind: &str, told: usize) {
    if told < MAX_PROPOSALS {
        faults.iter_mut().take(MAX_PROPOSALS).for_each(|fault| fault.guess(kind));
    }
}

/// What is wrong with a document, each at its place and in their order. `shown` is a path as it is
/// shown.
pub(super) fn explain(
    faults: &[Fault],
    tree: &Node,
    sources: &Sources,
    shown: &dyn Fn(&FieldPath) -> String,
) -> Vec<Diagnostic> {
    let explain = |fault: &Fault| {
        let at = fault.position(tree);
        let place = sources.diagnostic(at, shown(&fault.path), fault.message.clone());
        let hint = fault.meant.as_ref().map(|name| format!("did you mean `{name}`?"));
        (at, Diagnostic { hint: hint.or_else(|| fault.hint.clone()), ..place })
    };
    let mut found: Vec<_> = faults.iter().map(explain).collect();
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, diagnostic)| diagnostic).collect()
}
