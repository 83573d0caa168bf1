//! Templates that a template builds on.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Where a text is: a locator, or a locator with a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
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

/// By hand, so that what is wrong is said of the part that is wrong.
impl<'de> Deserialize<'de> for PinnedLocator {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            url: String,
            digest: Option<String>,
        }
        struct LocatorVisitor;
        impl<'de> Visitor<'de> for LocatorVisitor {
            type Value = PinnedLocator;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a locator, or a mapping with `url`")
            }
            fn visit_str<E: de::Error>(self, url: &str) -> Result<PinnedLocator, E> {
                Ok(PinnedLocator::Url(url.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PinnedLocator, A::Error> {
                let Fields { url, digest } = Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(PinnedLocator::Checked { url, digest })
            }
        }
        deserializer.deserialize_any(LocatorVisitor)
    }
}

impl<'de> Deserialize<'de> for Base {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BaseVisitor;
        impl<'de> Visitor<'de> for BaseVisitor {
            type Value = Base;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a locator, or a list of locators")
            }
            fn visit_str<E: de::Error>(self, url: &str) -> Result<Base, E> {
                Ok(Base::One(url.to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Base, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(items)).map(Base::Many)
            }
        }
        deserializer.deserialize_any(BaseVisitor)
    }
}
