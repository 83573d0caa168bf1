//! Sizes of memory and disks.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of bytes, written `4GiB`, `512M` or `1073741824`.
///
/// As in Lima (go-units), every multiple is a power of 1024: `4G`, `4GB` and `4GiB` are one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// A text that is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size, write for example 4GiB or 512MiB")]
pub struct SizeError(String);

const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

impl ByteSize {
    /// So many gibibytes.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// So many mebibytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// The size that four significant digits can express, as Lima prints sizes.
    pub(crate) fn rounded(self) -> Self {
        let (number, unit) = self.in_unit();
        format!("{}{}", significant(number), UNITS[unit]).parse().unwrap_or(self)
    }

    /// The number in the largest unit of which there is one, and that unit's position.
    fn in_unit(self) -> (f64, usize) {
        let mut unit = 0;
        while unit + 1 < UNITS.len() && self.0 >= 1 << (10 * (unit + 1)) {
            unit += 1;
        }
        (self.0 as f64 / (1u64 << (10 * unit)) as f64, unit)
    }

    /// Bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// Four significant digits as Lima prints them, but only when that loses nothing: a printed size
/// is always read back as the same number of bytes.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, unit) = self.in_unit();
        let text = format!("{}{}", significant(number), UNITS[unit]);
        if text.parse() == Ok(*self) { f.pad(&text) } else { f.pad(&format!("{}B", self.0)) }
    }
}

/// The number with four significant digits and without trailing zeros.
fn significant(number: f64) -> String {
    let integer_digits = (number.max(1.0).log10().floor() as usize) + 1;
    let text = format!("{number:.*}", 4_usize.saturating_sub(integer_digits));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

impl FromStr for ByteSize {
    type Err = SizeError;
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let bad = || SizeError(text.to_owned());
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(split);
        let suffix = suffix.strip_prefix(' ').unwrap_or(suffix);
        let factor = factor(suffix).ok_or_else(bad)?;
        if let Ok(whole) = number.parse::<u64>() {
            return whole
                .checked_mul(factor)
                .filter(|bytes| *bytes <= i64::MAX as u64)
                .map(Self)
                .ok_or_else(bad);
        }
        let number: f64 = number.parse().map_err(|_| bad())?;
        let bytes = number * factor as f64;
        if bytes.is_finite() && bytes < i64::MAX as f64 {
            Ok(Self(bytes as u64))
        } else {
            Err(bad())
        }
    }
}

fn factor(suffix: &str) -> Option<u64> {
    let lower = suffix.to_ascii_lowercase();
    let mut letters = lower.chars();
    let exponent = match letters.next() {
        None => return Some(1),
        Some('b') if lower.len() == 1 => return Some(1),
        Some(letter) => "kmgtp".find(letter)? + 1,
    };
    matches!(letters.as_str(), "" | "b" | "ib").then(|| 1 << (10 * exponent))
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SizeVisitor;
        impl Visitor<'_> for SizeVisitor {
            type Value = ByteSize;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as 4GiB")
            }
            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }
            fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
                u64::try_from(bytes)
                    .map(ByteSize)
                    .map_err(|_| E::custom(SizeError(bytes.to_string())))
            }
            /// For Lima it is a text, and so it reads one without a unit.
            fn visit_f64<E: de::Error>(self, bytes: f64) -> Result<ByteSize, E> {
                self.visit_str(&bytes.to_string())
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(SizeVisitor)
    }
}

impl JsonSchema for ByteSize {
    fn schema_name() -> Cow<'static, str> {
        "ByteSize".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?([bB]|[kKmMgGtTpP]([iI]?[bB])?)?$"},
            ],
            "x-kubernetes-int-or-string": true,
            "examples": ["4GiB"],
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_lima_reads() {
        for (text, bytes) in [
            ("4GiB", 4 << 30),
            ("4G", 4 << 30),
            ("4gb", 4 << 30),
            ("0.5 GiB", 1 << 29),
            ("10", 10),
            ("10b", 10),
            ("1.5KiB", 1536),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in
            ["", "GiB", "4XB", "4Gi i", "-1", "4  GiB", "1e3", "99999999PiB", ".", "4iB", "4bb"]
        {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn prints_as_lima_prints() {
        assert_eq!(ByteSize::gib(4).to_string(), "4GiB");
        assert_eq!(ByteSize(3 << 29).to_string(), "1.5GiB");
        assert_eq!(ByteSize(1).to_string(), "1B");
        assert_eq!(ByteSize::gib(1023).to_string(), "1023GiB");
        assert_eq!(ByteSize((1 << 30) + 1).to_string(), "1073741825B", "printed exactly");
    }

    proptest! {
        #[test]
        fn printed_is_read_back(bytes in 0..=i64::MAX as u64) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
    }
}
