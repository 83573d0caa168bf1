//! Which QEMU it is.

use std::process::Stdio;

use limekiln_api::Arch;

use super::program::program_for;

/// The version of the QEMU that runs guests of this architecture: major, minor, micro. `None` if
/// it is not there, or does not tell.
pub fn version(arch: Arch) -> Option<[u32; 3]> {
    let mut program = program_for(arch).ok()?;
    let output = program.arg("--version").stdin(Stdio::null()).output().ok()?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

/// The version in what `--version` prints.
pub fn parse(text: &str) -> Option<[u32; 3]> {
    let digit = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let number = text.split_whitespace().find(digit)?;
    let number = number.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut parts = number.split('.').map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    Some([next(), next(), next()])
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn versions_are_found_in_what_qemu_prints() {
        for (text, version) in [
            ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\nCopyright", Some([7, 2, 22])),
            ("QEMU emulator version 9.2.0-rc1", Some([9, 2, 0])),
            ("QEMU emulator version 10.0 (x)", Some([10, 0, 0])),
            ("nonsense", None),
            ("", None),
        ] {
            assert_eq!(parse(text), version, "{text}");
        }
    }
}
