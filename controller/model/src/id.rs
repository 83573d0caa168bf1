//! Names of the objects that are planned for.

use std::fmt;
use std::str::FromStr;

pub use limekiln_api::{Kind, Name};
use serde::{Deserialize, Serialize};

/// One object: its kind and name. Ordered by kind, then name; printed as `instance/web`.
///
/// Serialised as that text, so that it can be a key of a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ObjectId {
    /// What the object is.
    pub kind: Kind,
    /// Its name, unique within the kind.
    pub name: Name,
}

impl ObjectId {
    /// An object of the given kind.
    pub fn new(kind: Kind, name: Name) -> Self {
        Self { kind, name }
    }

    /// An instance.
    pub fn instance(name: &Name) -> Self {
        Self::new(Kind::Instance, name.clone())
    }

    /// A disk.
    pub fn disk(name: &Name) -> Self {
        Self::new(Kind::Disk, name.clone())
    }

    /// A network.
    pub fn network(name: &Name) -> Self {
        Self::new(Kind::Network, name.clone())
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl From<ObjectId> for String {
    fn from(id: ObjectId) -> Self {
        id.to_string()
    }
}

/// The text is not `kind/name`.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not an object; write it as kind/name, for example instance/web")]
pub struct ObjectIdError {
    /// What was given.
    pub text: String,
}

impl FromStr for ObjectId {
    type Err = ObjectIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ObjectIdError { text: text.to_owned() };
        let (kind, name) = text.split_once('/').ok_or_else(error)?;
        let kind = kind.parse().map_err(|_| error())?;
        let name = Name::new(name).map_err(|_| error())?;
        Ok(Self { kind, name })
    }
}

impl TryFrom<String> for ObjectId {
    type Error = ObjectIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}
