//! Additional disks of an instance.

use schemars::{JsonSchema, Schema, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// An additional disk to attach. A bare string is the name.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = or_name)]
pub struct AdditionalDisk {
    /// The disk's name.
    pub name: String,
    /// Whether the guest formats it when it has no file system.
    pub format: Option<bool>,
    /// The file system, `ext4` unless set; `swap` is special.
    pub fs_type: Option<String>,
    /// Arguments of `mkfs`.
    pub fs_args: Option<Vec<String>>,
}

/// Lets the schema accept a bare string, too.
fn or_name(schema: &mut Schema) {
    let mapping = std::mem::take(schema);
    *schema =
        json_schema!({"anyOf": [{"type": "string", "description": "The disk's name."}, mapping]});
}

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
