//! JSON values to types, with all errors.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::bounds::MAX_DIAGNOSTICS;
use super::fault::{Fault, Place};
use super::path::{FieldPath, Segment};
use super::removed::Removed;
use super::words;

/// More than these are not worth reading at once.
const MAX_FAULTS: usize = 20;

/// What can be had of a value that is not quite of its type.
pub(super) struct Partial<T> {
    /// The rest, when what is wrong is taken out; `None` if nothing of use is left.
    pub(super) typed: Option<T>,
    /// What is wrong.
    pub(super) faults: Vec<Fault>,
    /// What was taken out.
    pub(super) removed: Removed,
}

/// The value as a type, or everything that keeps it from being one.
///
/// `known` says which keys the type does not have and that are fine all the same.
pub(super) fn read<T: DeserializeOwned>(
    mut value: Value,
    known: fn(&FieldPath) -> bool,
) -> Result<T, Box<Partial<T>>> {
    let (mut faults, mut removed, mut typed) = (Vec::new(), Removed::default(), None);
    let (mut unknown, mut lost) = (Vec::new(), Vec::new());
    while faults.len() < MAX_FAULTS {
        unknown.clear();
        match read_once(&value, &mut unknown) {
            Ok(read) => {
                typed = Some(read);
                break;
            }
            Err((at, message)) => {
                let path = removed.original(&at);
                if !is_consequence(&path, &message, &faults) {
                    faults.push(words::fault(path, &message, node_at(&value, &at)));
                }
                let below = unknown.iter().filter(|unknown: &&FieldPath| unknown.starts_with(&at));
                let below: Vec<_> = below.map(|unknown| removed.original(unknown)).collect();
                if !removed.take(&mut value, &at) {
                    break;
                }
                lost.extend(below);
            }
        }
    }
    let strangers = unknown.iter().map(|path| removed.original(path)).chain(lost);
    let strangers = strangers.filter(|path| !known(path)).take(MAX_DIAGNOSTICS + 1);
    faults.extend(strangers.map(unknown_field));
    match typed {
        Some(typed) if faults.is_empty() => Ok(typed),
        typed => Err(Box::new(Partial { typed, faults, removed })),
    }
}

impl<T> Partial<T> {
    /// The same for what the value becomes.
    pub(super) fn map<U>(self, with: impl FnOnce(T) -> U) -> Partial<U> {
        let Self { typed, faults, removed } = self;
        Partial { typed: typed.map(with), faults, removed }
    }
}

fn unknown_field(path: FieldPath) -> Fault {
    let last = path.split_last().map(|(_, last)| FieldPath(vec![last.clone()]).to_string());
    let message = format!("unknown field `{}`", last.unwrap_or_default());
    Fault { path, message, hint: None, place: Place::Key, meant: None }
}

fn read_once<T: DeserializeOwned>(
    value: &Value,
    unknown: &mut Vec<FieldPath>,
) -> Result<T, (FieldPath, String)> {
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(value, &mut track);
    let mut note = |path: serde_ignored::Path<'_>| unknown.push(FieldPath::from(&path));
    let deserializer = serde_ignored::Deserializer::new(deserializer, &mut note);
    T::deserialize(deserializer)
        .map_err(|error| (FieldPath::from(&track.path()), error.to_string()))
}

fn node_at<'a>(value: &'a Value, path: &FieldPath) -> Option<&'a Value> {
    path.0.iter().try_fold(value, |node, segment| match segment {
        Segment::Key(key) => node.get(key),
        Segment::Index(index) => node.get(index),
    })
}

/// Whether it is only wrong because of what was taken out before: a field that is missing now, or
/// a list that has become too short.
fn is_consequence(path: &FieldPath, message: &str, faults: &[Fault]) -> bool {
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match missing {
        Some(field) => {
            let full = path.clone().join(Segment::Key(field.to_owned()));
            faults.iter().any(|fault| fault.path.starts_with(&full))
        }
        None => faults.iter().any(|fault| fault.path != *path && fault.path.starts_with(path)),
    }
}
