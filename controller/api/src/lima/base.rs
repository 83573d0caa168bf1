//! Templates that a template builds on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a text is: a locator, or a locator with a digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PinnedLocator {
    /// Only the locator.
    Url(String),
    /// A locator and a digest of what is there.
    Checked {
        /// The locator.
        url: String,
        /// `sha256:<hex>`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// One.
    One(String),
    /// Several.
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
