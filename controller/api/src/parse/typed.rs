//! JSON values to types, with all errors.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::bounds::MAX_DIAGNOSTICS;
use super::path::{FieldPath, Segment};

/// Something that is wrong with a field.
pub(super) struct Fault {
    pub(super) path: FieldPath,
    pub(super) message: String,
    /// The key is what is wrong, not its value.
    pub(super) at_key: bool,
}

/// More than these are not worth reading at once.
const MAX_FAULTS: usize = 20;

/// The value as a type, or everything that keeps it from being one.
///
/// `known` says which keys the type does not have and that are fine all the same.
pub(super) fn read<T: DeserializeOwned>(
    mut value: Value,
    known: fn(&FieldPath) -> bool,
) -> Result<T, Vec<Fault>> {
    let (mut faults, mut typed) = (Vec::new(), None);
    let mut unknown = Vec::new();
    while faults.len() < MAX_FAULTS {
        unknown.clear();
        match read_once(&value, &mut unknown) {
            Ok(read) => {
                typed = Some(read);
                break;
            }
            Err((path, message)) => {
                let known = is_consequence(&path, &message, &faults);
                let removed = remove(&mut value, &path);
                if !known {
                    faults.push(Fault { path, message, at_key: false });
                }
                if !removed {
                    break;
                }
            }
        }
    }
    let strangers = unknown.into_iter().filter(|path| !known(path)).take(MAX_DIAGNOSTICS + 1);
    faults.extend(strangers.map(|path| Fault {
        message: format!("unknown field {}", last(&path)),
        path,
        at_key: true,
    }));
    match typed {
        Some(typed) if faults.is_empty() => Ok(typed),
        _ => Err(faults),
    }
}

fn last(path: &FieldPath) -> String {
    path.split_last()
        .map(|(_, last)| FieldPath(vec![last.clone()]))
        .map(|path| format!("`{path}`"))
        .unwrap_or_default()
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

/// Whether a field is missing only because it was taken out before.
fn is_consequence(path: &FieldPath, message: &str, faults: &[Fault]) -> bool {
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    missing.is_some_and(|field| {
        let full = path.clone().join(Segment::Key(field.to_owned()));
        faults.iter().any(|fault| fault.path == full)
    })
}

/// Takes the value out that failed, so that the rest can be read.
fn remove(value: &mut Value, path: &FieldPath) -> bool {
    let Some((parent, last)) = path.split_last() else { return false };
    let mut node = value;
    for segment in &parent.0 {
        let next = match segment {
            Segment::Key(key) => node.get_mut(key),
            Segment::Index(index) => node.get_mut(index),
        };
        match next {
            Some(next) => node = next,
            None => return false,
        }
    }
    match (last, node) {
        (Segment::Key(key), Value::Object(fields)) => fields.shift_remove(key).is_some(),
        // Items after it would get other positions, so they go too and are read the next time.
        (Segment::Index(index), Value::Array(items)) if *index < items.len() => {
            items.truncate(*index);
            true
        }
        _ => false,
    }
}
