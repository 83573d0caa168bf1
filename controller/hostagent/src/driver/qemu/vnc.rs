//! The VNC server of a QEMU, and who may look.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::qmp::{ChangeVncPassword, Qmp, QueryVnc};
use crate::driver::DriverError;
use crate::files::InstanceFiles;
use crate::spec::{Screen, VmSpec};
use crate::{Error, atomic};

/// As long as VNC's passwords can be (RFC 6143, 7.2.2: the key has eight bytes).
const PASSWORD: usize = 8;
/// VNC's display 0 is this port.
const PORT: u16 = 5900;

/// Sets a new password and writes it, and where the server listens, into the instance's directory,
/// in files of Lima's names. Until then the server lets nobody in.
pub(super) async fn let_in(spec: &VmSpec) -> Result<(), DriverError> {
    let Screen::Vnc(wanted) = &spec.devices.screen else { return Ok(()) };
    let files = &spec.files;
    let urandom = Path::new("/dev/urandom");
    let password = password(urandom).map_err(|source| failed(urandom, source))?;
    let mut qmp = Qmp::connect(&files.qmp_sock()).await?;
    qmp.execute(&ChangeVncPassword { password: &password }).await?;
    let server = qmp.execute(&QueryVnc).await?;
    let place = display(wanted, server.service.as_deref().unwrap_or_default());
    write(&files.vnc_password(), &password)?;
    write(&files.vnc_display(), &place)?;
    tracing::info!("VNC at {place}; the password is in {}", files.vnc_password().display());
    Ok(())
}

/// The same for a VM that was taken over, if its host agent did not come to it.
pub(super) async fn let_in_if_not_yet(spec: &VmSpec) -> Result<(), DriverError> {
    if spec.files.vnc_display().exists() { Ok(()) } else { let_in(spec).await }
}

/// What is left of a VM that has ended.
pub(super) fn forget(files: &InstanceFiles) {
    for path in [files.vnc_display(), files.vnc_password()] {
        let _ = std::fs::remove_file(path);
    }
}

/// Address and display, with the port that QEMU found free (`to=`).
fn display(wanted: &str, service: &str) -> String {
    let place = wanted.split(',').next().unwrap_or_default();
    let number = service.parse::<u16>().ok().and_then(|port| port.checked_sub(PORT));
    match (place.rsplit_once(':'), number) {
        (Some((host, _)), Some(number)) if !place.starts_with("unix:") => {
            format!("{host}:{number}")
        }
        _ => place.to_owned(),
    }
}

/// Letters and digits, each as likely as the other.
fn password(source: &Path) -> io::Result<String> {
    const WORDS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut source = File::open(source)?;
    let mut text = String::new();
    while text.len() < PASSWORD {
        let mut byte = [0];
        source.read_exact(&mut byte)?;
        // Six bits are 64, of which the last two are thrown away.
        if let Some(&letter) = WORDS.get(usize::from(byte[0] & 63)) {
            text.push(char::from(letter));
        }
    }
    Ok(text)
}

fn write(path: &Path, text: &str) -> Result<(), DriverError> {
    atomic::write(path, text.as_bytes(), 0o600).map_err(|error| match error {
        Error::File { source, .. } => failed(path, source),
        other => failed(path, io::Error::other(other)),
    })
}

fn failed(path: &Path, source: io::Error) -> DriverError {
    DriverError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_display_is_the_one_that_was_free() {
        assert_eq!(display("127.0.0.1:0,to=9", "5903"), "127.0.0.1:3");
        assert_eq!(display("[::1]:0", "5900"), "[::1]:0");
        assert_eq!(display("unix:/run/v,x=y", ""), "unix:/run/v");
        assert_eq!(display("127.0.0.1:7", ""), "127.0.0.1:7");
    }

    #[test]
    fn passwords_are_of_letters_and_differ() {
        let one = || password(Path::new("/dev/urandom")).expect("random");
        let (first, second) = (one(), one());
        assert_ne!(first, second);
        assert!(first.len() == 8 && first.chars().all(|c| c.is_ascii_alphanumeric()), "{first}");
    }
}
