//! Objects on the command line.

use limekiln_model::{Kind, Name, ObjectId};
use limekiln_proto::v1alpha1::ObjectFilter;
use limekiln_server::convert::Filter;

use crate::exit::Failure;

/// What was asked for: a kind, and names of it; no names means all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The kinds; more than one only without names.
    pub kinds: Vec<Kind>,
    /// The objects by name; empty means all of the kinds.
    pub objects: Vec<ObjectId>,
}

impl Selection {
    /// The same for the control API.
    pub fn filter(&self) -> ObjectFilter {
        match self.objects.as_slice() {
            [] => Filter::to_wire(&self.kinds, &[]),
            objects => Filter::to_wire(&[], objects),
        }
    }

    /// Exactly these objects.
    pub fn of(objects: &[ObjectId]) -> Self {
        Self { kinds: Vec::new(), objects: objects.to_vec() }
    }

    /// Whether the object is meant.
    pub fn includes(&self, id: &ObjectId) -> bool {
        if self.objects.is_empty() {
            self.kinds.contains(&id.kind)
        } else {
            self.objects.contains(id)
        }
    }
}

/// Reads `kubectl`'s forms: nothing or `all`, `instances`, `instance web`, `instance/web disk/data`.
///
/// # Errors
/// If a word is neither a kind nor `kind/name`.
pub fn selection(words: &[String]) -> anyhow::Result<Selection> {
    match words {
        [] => Ok(Selection { kinds: Kind::ALL.to_vec(), objects: Vec::new() }),
        [all] if all == "all" => Ok(Selection { kinds: Kind::ALL.to_vec(), objects: Vec::new() }),
        [first, rest @ ..] => match (first.parse::<Kind>(), rest) {
            (Ok(kind), []) => Ok(Selection { kinds: vec![kind], objects: Vec::new() }),
            (Ok(kind), names) if !first.contains('/') => {
                let objects =
                    names.iter().map(|name| id(kind, name)).collect::<anyhow::Result<_>>()?;
                Ok(Selection { kinds: vec![kind], objects })
            }
            _ => Ok(Selection { kinds: Vec::new(), objects: objects(words)? }),
        },
    }
}

/// Reads objects: `web` is an instance, `disk/data` and `disk data` say their kind.
///
/// # Errors
/// If a word is no name, or its kind is unknown.
pub fn objects(words: &[String]) -> anyhow::Result<Vec<ObjectId>> {
    if let [first, rest @ ..] = words
        && let (Ok(kind), false) = (first.parse::<Kind>(), rest.is_empty())
    {
        return rest.iter().map(|name| id(kind, name)).collect();
    }
    words.iter().map(|word| object(word)).collect()
}

/// Reads an instance: `web` or `instance/web`.
///
/// # Errors
/// If it is no name, or that of something else.
pub fn instance(word: &str) -> anyhow::Result<Name> {
    let id = object(word)?;
    if id.kind == Kind::Instance {
        return Ok(id.name);
    }
    Err(Failure::bad_input(format!("{id} is no instance")).into())
}

fn object(word: &str) -> anyhow::Result<ObjectId> {
    match word.split_once('/') {
        Some((kind, name)) => {
            let kind =
                kind.parse::<Kind>().map_err(|error| Failure::bad_input(error.to_string()))?;
            id(kind, name)
        }
        None => id(Kind::Instance, word),
    }
}

fn id(kind: Kind, name: &str) -> anyhow::Result<ObjectId> {
    let name = Name::new(name).map_err(|error| Failure::bad_input(error.to_string()))?;
    Ok(ObjectId { kind, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn named(text: &str) -> Vec<String> {
        objects(&words(text)).expect(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn objects_are_read_as_kubectl_reads_them() {
        assert_eq!(named("web db"), ["instance/web", "instance/db"]);
        assert_eq!(named("disk data more"), ["disk/data", "disk/more"]);
        assert_eq!(named("vm/web disks/data"), ["instance/web", "disk/data"]);
        assert!(objects(&words("pod/web")).is_err());
        assert!(objects(&words("-x-")).is_err());
    }

    #[test]
    fn selections_may_be_of_a_whole_kind() {
        assert_eq!(selection(&words("disks")).expect("a kind").kinds, [Kind::Disk]);
        assert_eq!(selection(&[]).expect("all").kinds.len(), 3);
        assert_eq!(selection(&words("instance web")).expect("one").objects.len(), 1);
    }
}
