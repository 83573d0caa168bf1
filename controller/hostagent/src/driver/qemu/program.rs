//! QEMU's program.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::Command;

use limekiln_api::Arch;

use super::machine_type;

/// The program, and arguments before all others: `QEMU_SYSTEM_X86_64` and its like may say what they
/// are, in the words of a shell, as with Lima.
///
/// # Errors
/// The variable's quotes do not match.
pub fn program_for(arch: Arch) -> io::Result<Command> {
    let system = machine_type::system(arch);
    let variable = format!("QEMU_SYSTEM_{}", system.to_uppercase());
    let named = std::env::var_os(&variable).unwrap_or_default();
    let Some(mut words) = words(&named) else {
        let message = format!("the quotes in {variable} do not match");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let mut command =
        Command::new(words.next().unwrap_or_else(|| format!("qemu-system-{system}").into()));
    command.args(words);
    Ok(command)
}

fn words(text: &OsStr) -> Option<impl Iterator<Item = OsString>> {
    shlex::bytes::split(text.as_bytes()).map(|words| words.into_iter().map(OsString::from_vec))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_word_is_the_program() {
        for (text, expected) in [
            ("", Some(&[][..])),
            (" ", Some(&[])),
            ("/opt/qemu", Some(&["/opt/qemu"])),
            ("'/my qemu/x' -trace \"a b\"", Some(&["/my qemu/x", "-trace", "a b"])),
            ("/my\\ qemu/x", Some(&["/my qemu/x"])),
            ("'/opt/qemu", None),
        ] {
            let found = super::words(text.as_ref()).map(Iterator::collect::<Vec<_>>);
            let expected = expected.map(|words| words.iter().map(Into::into).collect());
            assert_eq!(found, expected, "{text}");
        }
    }
}
