//! Templates that a template builds on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a text is: a locator, or a locator with a digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PinnedLocator {
    /// Only the locator: `template:NAME`, a path, `https://…`, `github:ORG/REPO`.
    Url(String),
    /// A locator and a digest of what is there.
    Checked {
        /// The locator: `template:NAME`, a path, `https://…`, `github:ORG/REPO`.
        url: String,
        /// What the text must be: `sha256:` and 64 lower-case hexadecimal digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schemars(extend("pattern" = super::image::DIGEST))]
        digest: Option<String>,
    },
}

impl PinnedLocator {
    /// The locator.
    pub fn url(&self) -> &str {
        match self {
            Self::Url(url) | Self::Checked { url, .. } => url,
        }
    }
}

/// One template, or several in the order in which they are merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Base {
    /// One template.
    One(String),
    /// Several, the first has precedence.
    Many(Vec<PinnedLocator>),
}

impl Base {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::One(url) => url.is_empty(),
            Self::Many(locators) => locators.is_empty(),
        }
    }
}
