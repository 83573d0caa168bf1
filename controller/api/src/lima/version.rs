//! Versions of Lima.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The version of Lima that made an instance, as its file `lima-version` has it: `2.2.0`, or what
/// `git describe` prints, such as `v2.1.1-16-gf3dc6ed.m`. Some defaults depend on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LimaVersion(String);

impl LimaVersion {
    /// The Lima whose behaviour we follow. Instances of ours are made as if by it.
    pub const CURRENT: &str = "2.2.0";

    /// What the file holds.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// [`Self::CURRENT`].
    pub fn current() -> Self {
        Self(Self::CURRENT.to_owned())
    }

    /// What an instance without the file has: older than every version, because Lima before 0.20
    /// wrote none.
    pub fn unrecorded() -> Self {
        Self(String::new())
    }

    /// Whether it is this version or a later one, by Lima's rules: a text that is no version is
    /// later than all, and one with a `-` is later than the version before the `-`.
    pub fn is_at_least(&self, version: [u64; 3]) -> bool {
        !self.0.is_empty() && self.numbers().is_none_or(|numbers| numbers >= version)
    }

    /// Whether its numbers are lower than another's; what is no version is before none.
    pub fn is_before(&self, other: &Self) -> bool {
        self.numbers().zip(other.numbers()).is_some_and(|(own, other)| own < other)
    }

    /// The three numbers, if it has them.
    pub fn numbers(&self) -> Option<[u64; 3]> {
        let text = self.0.strip_prefix('v').unwrap_or(&self.0);
        let base = text.split(['-', '+']).next()?;
        let base = base.strip_suffix(".m").unwrap_or(base);
        let parts: Option<Vec<u64>> = base.split('.').map(number).collect();
        parts?.try_into().ok()
    }
}

fn number(part: &str) -> Option<u64> {
    if part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
}

impl Default for LimaVersion {
    fn default() -> Self {
        Self::current()
    }
}

impl fmt::Display for LimaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_in_lima() {
        let cases = [
            ("2.1.0", true),
            ("v2.1.0", true),
            ("2.0.3", false),
            ("2.1.0-rc.1", true),
            ("v2.0.3-99-gabcdef", false),
            ("2.2.0.m", true),
            ("10.0.0", true),
            ("", false),
            ("f3dc6ed", true),
            ("<unknown>", true),
        ];
        for (text, expected) in cases {
            assert_eq!(LimaVersion::new(text).is_at_least([2, 1, 0]), expected, "{text:?}");
        }
        assert_eq!(LimaVersion::new("v0.19.1-16-gf3dc6ed.m\n").numbers(), Some([0, 19, 1]));
        assert_eq!(LimaVersion::new("1.2").numbers(), None);
        let before = |a: &str, b: &str| LimaVersion::new(a).is_before(&LimaVersion::new(b));
        assert!(before("v1.9.9", "1.10.0") && before("1.0.0", "1.0.1+x"));
        assert!(
            !before("1.0.0", "1.0.0-rc.1") && !before("odd", "1.0.0") && !before("1.0.0", "odd")
        );
    }
}
