//! Names of instances, disks and networks.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Letters and digits in groups that are joined by one `.`, `_` or `-` each; 1 to 76 bytes.
///
/// The rule is Lima's for identifiers; an instance's name becomes a directory and a host name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a name cannot be empty")]
    Empty,
    /// More than [`Name::MAX`] bytes.
    #[error("the name has {0} bytes, at most {max} are allowed", max = Name::MAX)]
    TooLong(usize),
    /// A character, or a separator at a place, that is not allowed.
    #[error("{0:?} is not a name: letters and digits, joined by single `.`, `_` or `-`")]
    Form(String),
}

impl Name {
    /// The longest name in bytes.
    pub const MAX: usize = 76;
    /// The rule as a regular expression, for schemas.
    pub const PATTERN: &str = "^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$";

    /// Checks a name.
    ///
    /// # Errors
    /// If it is empty, too long or malformed.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::MAX {
            return Err(NameError::TooLong(text.len()));
        }
        let well_formed = text
            .split(['.', '_', '-'])
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if well_formed { Ok(Self(text.into())) } else { Err(NameError::Form(text)) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The guest's host name: `lima-` and the name with every `.` and `_` replaced by `-`.
    pub fn hostname(&self) -> String {
        format!("lima-{}", self.0.replace(['.', '_'], "-"))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": Self::PATTERN, "minLength": 1, "maxLength": Self::MAX})
    }
}
