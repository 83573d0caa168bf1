//! Additional disks of an instance.

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use super::loose;

/// An additional disk to attach. A bare string is the name.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = or_name)]
pub struct AdditionalDisk {
    /// The name of a Disk; in the guest it is mounted at `/mnt/lima-NAME`.
    #[schemars(extend("pattern" = crate::Name::PATTERN, "maxLength" = crate::Name::MAX))]
    pub name: String,
    /// Whether the guest makes a file system on it when it has none.
    #[schemars(extend("default" = true))]
    pub format: Option<bool>,
    /// The file system to make; `swap` makes and uses swap space instead.
    #[schemars(extend("default" = "ext4"))]
    pub fs_type: Option<String>,
    /// Further arguments of `mkfs`.
    pub fs_args: Option<Vec<String>>,
}

/// Lets the schema accept a bare string, too.
fn or_name(schema: &mut Schema) {
    let mapping = std::mem::take(schema);
    *schema = json_schema!({"anyOf": [
        {"type": "string", "pattern": crate::Name::PATTERN, "description": "The name of a Disk."},
        mapping,
    ]});
}

#[serde_with::apply(
    String => #[serde(deserialize_with = "loose::required_text")],
    Option<String> => #[serde(default, deserialize_with = "loose::text")],
    Option<Vec<String>> => #[serde(default, deserialize_with = "loose::texts")],
)]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    name: String,
    format: Option<bool>,
    fs_type: Option<String>,
    fs_args: Option<Vec<String>>,
}

impl<'de> Deserialize<'de> for AdditionalDisk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DiskVisitor;
        impl<'de> serde::de::Visitor<'de> for DiskVisitor {
            type Value = AdditionalDisk;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a disk's name, or a mapping with `name`")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<AdditionalDisk, E> {
                Ok(AdditionalDisk { name: name.to_owned(), ..AdditionalDisk::default() })
            }
            fn visit_i64<E: serde::de::Error>(self, name: i64) -> Result<AdditionalDisk, E> {
                self.visit_str(&name.to_string())
            }
            fn visit_u64<E: serde::de::Error>(self, name: u64) -> Result<AdditionalDisk, E> {
                self.visit_str(&name.to_string())
            }
            fn visit_f64<E: serde::de::Error>(self, name: f64) -> Result<AdditionalDisk, E> {
                self.visit_str(&name.to_string())
            }
            fn visit_bool<E: serde::de::Error>(self, name: bool) -> Result<AdditionalDisk, E> {
                self.visit_str(&name.to_string())
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<AdditionalDisk, A::Error> {
                let Fields { name, format, fs_type, fs_args } =
                    Fields::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(AdditionalDisk { name, format, fs_type, fs_args })
            }
        }
        deserializer.deserialize_any(DiskVisitor)
    }
}
