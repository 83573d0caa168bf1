//! Values that Lima reads loosely.
//!
//! Lima's YAML reader (goccy/go-yaml, decoding into Go types) takes a number or a truth value
//! where a text is wanted, digits in quotes where a number is, and an empty text for a choice
//! that is not made. Templates in use depend on each of these.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Int, Text};
use crate::ByteSize;

/// A text, or a scalar that stands for one.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
}

/// A text that must be there.
pub(super) fn required_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    match Option::<Text>::deserialize(deserializer)? {
        Some(text) => Ok(text.0),
        None => Err(de::Error::custom(
            "null is no text; a `~` that means the home directory needs quotes: \"~\"",
        )),
    }
}

/// Texts.
pub(super) fn texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let texts = Option::<Vec<Text>>::deserialize(deserializer)?;
    Ok(texts.map(|texts| texts.into_iter().map(|text| text.0).collect()))
}

/// Texts by name; `null` is the empty one.
pub(super) fn text_map<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    let map = values(deserializer)?;
    Ok(map.map(|map| map.into_iter().map(|(key, text)| (key, text.0)).collect()))
}

/// The same for texts that know they were loose.
pub(super) fn values<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, Text>>, D::Error> {
    let map = Option::<BTreeMap<String, Option<Text>>>::deserialize(deserializer)?;
    Ok(map.map(|map| map.into_iter().map(|(key, text)| (key, text.unwrap_or_default())).collect()))
}

/// A number from 0, also in quotes.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(Int(number)) = Option::deserialize(deserializer)? else { return Ok(None) };
    u32::try_from(number)
        .map(Some)
        .map_err(|_| de::Error::custom(format!("{number} is not between 0 and {}", u32::MAX)))
}

/// A size; an empty text is none.
pub(super) fn size<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ByteSize>, D::Error> {
    Ok(Option::<MaybeEmpty<ByteSize>>::deserialize(deserializer)?.and_then(|size| size.0))
}

/// A choice; an empty text is none.
pub(super) fn or_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<MaybeEmpty<T>>::deserialize(deserializer)?.and_then(|value| value.0))
}

/// A choice; an empty text and `default` are none.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    match text.as_deref() {
        None | Some("" | "default") => Ok(None),
        Some(name) => T::deserialize(de::value::StrDeserializer::new(name)).map(Some),
    }
}

/// A value, or the empty text.
struct MaybeEmpty<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for MaybeEmpty<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MaybeEmptyVisitor(PhantomData)).map(Self)
    }
}

struct MaybeEmptyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MaybeEmptyVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<T>, E> {
        if text.is_empty() {
            return Ok(None);
        }
        T::deserialize(de::value::StrDeserializer::new(text)).map(Some)
    }
    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Option<T>, E> {
        T::deserialize(de::value::U64Deserializer::new(number)).map(Some)
    }
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Option<T>, E> {
        T::deserialize(de::value::I64Deserializer::new(number)).map(Some)
    }
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Option<T>, E> {
        T::deserialize(de::value::F64Deserializer::new(number)).map(Some)
    }
    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Option<T>, E> {
        T::deserialize(de::value::BoolDeserializer::new(flag)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use crate::lima::{Int, Proto};
    use crate::{ByteSize, Lima, read_lima};

    fn read(yaml: &str) -> Lima {
        read_lima(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"))
    }

    /// What Lima makes of scalars that do not have their field's type.
    #[test]
    fn texts_take_other_scalars() {
        let yaml = "
timezone: 5
message: true
user: {name: 007, comment: 1.5}
provision:
- {mode: data, path: /a, content: 12, permissions: 0644, owner: 1000}
- {mode: data, path: /a, permissions: 644}
- {mode: data, path: /a, permissions: '0644'}
additionalDisks: [12, {name: 13, fsArgs: [-m, 0]}]
hostResolver: {hosts: {a: 1, b: null}}
env: {A: , B: ~, C: 2}
param: {a: null}
cpuType: {x86_64: }
caCerts: {files: [5]}
";
        let lima = read(yaml);
        assert_eq!((lima.timezone.as_deref(), lima.message.as_deref()), (Some("5"), Some("true")));
        let user = lima.user.expect("there");
        assert_eq!((user.name.as_deref(), user.comment.as_deref()), (Some("7"), Some("1.5")));
        let steps = lima.provision.expect("there");
        let permissions: Vec<_> = steps
            .iter()
            .map(|step| step.permissions.as_ref().map(|mode| mode.0.as_str()))
            .collect();
        assert_eq!(permissions, [Some("420"), Some("644"), Some("0644")], "0644 is octal in YAML");
        assert_eq!(steps[0].content.as_deref(), Some("12"));
        let disks = lima.additional_disks.expect("there");
        assert_eq!((disks[0].name.as_str(), disks[1].name.as_str()), ("12", "13"));
        assert_eq!(disks[1].fs_args, Some(vec!["-m".to_owned(), "0".to_owned()]));
        let hosts = lima.host_resolver.and_then(|r| r.hosts).expect("there");
        assert_eq!((hosts["a"].as_str(), hosts["b"].as_str()), ("1", ""), "null is empty for Go");
        let env: Vec<_> = lima.env.iter().flatten().map(|(_, value)| value.0.as_str()).collect();
        assert_eq!(env, ["", "", "2"]);
        assert_eq!(lima.param.expect("there")["a"].0, "");
        assert_eq!(lima.cpu_type.expect("there")["x86_64"], "");
        assert_eq!(lima.ca_certs.and_then(|certs| certs.files), Some(vec!["5".to_owned()]));
    }

    #[test]
    fn numbers_take_quotes() {
        let lima = read(
            "cpus: '4'\nuser: {uid: '501'}\nportForwards: [{guestPort: '80', hostPortRange: ['1', 2.0], proto: ''}]\nnetworks: [{metric: '7'}]",
        );
        assert_eq!((lima.cpus, lima.user.and_then(|user| user.uid)), (Some(Int(4)), Some(501)));
        let forward = &lima.port_forwards.expect("there")[0];
        assert_eq!(forward.guest_port, Some(Int(80)));
        assert_eq!(forward.host_port_range, Some([Int(1), Int(2)]));
        assert_eq!(forward.proto, None::<Proto>);
        assert_eq!(lima.networks.expect("there")[0].metric, Some(7));
    }

    #[test]
    fn empty_texts_are_no_choice() {
        let lima = read(
            "os: ''\narch: default\nmemory: ''\ndisk: 1024\nimages: [{location: /a, arch: '', digest: ''}]",
        );
        assert_eq!((lima.os, lima.arch, lima.memory), (None, None, None));
        assert_eq!(lima.disk, Some(ByteSize(1024)));
        assert_eq!(lima.images.expect("there")[0].arch, None);
    }

    #[test]
    fn binary_texts_are_decoded() {
        let lima = read("provision:\n- script: !!binary |\n    IyEvYmluL3NoCmVjaG8JaGk=\n");
        let step = &lima.provision.expect("there")[0];
        assert_eq!(step.script.as_deref(), Some("#!/bin/sh\necho\thi"));
    }

    #[test]
    fn what_is_no_scalar_is_refused() {
        for yaml in [
            "timezone: [a]",
            "message: {a: b}",
            "user: {uid: -1}",
            "user: {uid: 4294967296}",
            "plain: 1",
            "mounts: [{location: ~}]",
            "networks: [{metric: x}]",
            "memory: [1]",
            "images: [{location: /a, arch: amd64}]",
        ] {
            assert!(read_lima(yaml).is_err(), "{yaml}");
        }
    }
}
