//! A list of arguments that is pleasant to build.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Arguments of QEMU.
#[derive(Debug, Default)]
pub(super) struct Args(Vec<OsString>);

impl Args {
    /// Adds a flag.
    pub(super) fn flag(&mut self, flag: &str) {
        self.0.push(flag.into());
    }

    /// Adds an option and its value.
    pub(super) fn pair(&mut self, option: &str, value: impl AsRef<OsStr>) {
        self.flag(option);
        self.0.push(value.as_ref().to_owned());
    }

    /// Adds an option whose value is `key=value,` pairs, `before` and then a path.
    pub(super) fn path(&mut self, option: &str, before: &str, path: &Path, after: &str) {
        let mut value = OsString::from(before);
        value.push(escaped(path));
        value.push(after);
        self.pair(option, value);
    }

    pub(super) fn into_vec(self) -> Vec<OsString> {
        self.0
    }
}

/// A path as part of an option: a comma would end it, and is written twice instead.
pub(super) fn escaped(path: &Path) -> OsString {
    let bytes = path.as_os_str();
    match bytes.to_str() {
        Some(text) => text.replace(',', ",,").into(),
        None => escaped_bytes(bytes),
    }
}

fn escaped_bytes(path: &OsStr) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let doubled = path
        .as_bytes()
        .iter()
        .flat_map(|&byte| std::iter::repeat_n(byte, if byte == b',' { 2 } else { 1 }));
    OsString::from_vec(doubled.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn commas_do_not_end_an_option() {
        assert_eq!(super::escaped(Path::new("/a,b")), "/a,,b");
    }
}
