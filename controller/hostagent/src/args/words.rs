//! The words after `hostagent`. One place writes them and reads them, so that they agree.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use super::HostAgentArgs;

/// Words that are no arguments of a host agent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ArgsError {
    /// An option that is not known.
    #[error("unknown argument {0:?}")]
    Unknown(OsString),
    /// An option without its value, or with one that can't be one.
    #[error("{0} needs a value, and not this one")]
    Value(&'static str),
    /// An option that must be there.
    #[error("{0} is missing")]
    Missing(&'static str),
}

const INSTANCE_DIR: &str = "--instance-dir";
const LIMA_HOME: &str = "--lima-home";
const PIDFILE: &str = "--pidfile";
const SOCKET: &str = "--socket";
// Lima's word for it.
const NERDCTL_ARCHIVE: &str = "--nerdctl-archive";
const BOOT_TIMEOUT: &str = "--boot-timeout-ms";
const STOP_TIMEOUT: &str = "--stop-timeout-ms";
const STALL_TIMEOUT: &str = "--stall-timeout-ms";
const ADOPT: &str = "--adopt";

impl HostAgentArgs {
    /// The words for these arguments.
    pub fn to_words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        for (option, path) in [
            (INSTANCE_DIR, &self.instance_dir),
            (LIMA_HOME, &self.lima_home),
            (PIDFILE, &self.pidfile),
            (SOCKET, &self.socket),
        ] {
            words.extend([option.into(), path.into()]);
        }
        for (option, time) in [
            (BOOT_TIMEOUT, self.boot_timeout),
            (STOP_TIMEOUT, self.stop_timeout),
            (STALL_TIMEOUT, self.stall_timeout),
        ] {
            words.extend([option.into(), time.as_millis().to_string().into()]);
        }
        if let Some(path) = &self.nerdctl_archive {
            words.extend([NERDCTL_ARCHIVE.into(), path.into()]);
        }
        if self.adopt {
            words.push(ADOPT.into());
        }
        words
    }

    /// Reads such words. All but the two directories may be left out.
    ///
    /// # Errors
    /// A word is not understood, or a directory is missing.
    pub fn from_words(words: impl IntoIterator<Item = OsString>) -> Result<Self, ArgsError> {
        let mut args = Self::new("", "");
        let (mut pidfile, mut socket) = (None, None);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = |option| words.next().ok_or(ArgsError::Value(option));
            match word.to_str() {
                Some(INSTANCE_DIR) => args.instance_dir = value(INSTANCE_DIR)?.into(),
                Some(LIMA_HOME) => args.lima_home = value(LIMA_HOME)?.into(),
                Some(PIDFILE) => pidfile = Some(value(PIDFILE)?),
                Some(SOCKET) => socket = Some(value(SOCKET)?),
                Some(NERDCTL_ARCHIVE) => {
                    args.nerdctl_archive = Some(value(NERDCTL_ARCHIVE)?.into());
                }
                Some(BOOT_TIMEOUT) => {
                    args.boot_timeout = millis(BOOT_TIMEOUT, &value(BOOT_TIMEOUT)?)?;
                }
                Some(STOP_TIMEOUT) => {
                    args.stop_timeout = millis(STOP_TIMEOUT, &value(STOP_TIMEOUT)?)?;
                }
                Some(STALL_TIMEOUT) => {
                    args.stall_timeout = millis(STALL_TIMEOUT, &value(STALL_TIMEOUT)?)?;
                }
                Some(ADOPT) => args.adopt = true,
                _ => return Err(ArgsError::Unknown(word)),
            }
        }
        let missing =
            |empty: bool, option| if empty { Err(ArgsError::Missing(option)) } else { Ok(()) };
        missing(args.instance_dir.as_os_str().is_empty(), INSTANCE_DIR)?;
        missing(args.lima_home.as_os_str().is_empty(), LIMA_HOME)?;
        args.pidfile = pidfile.map_or_else(|| args.instance_dir.join("ha.pid"), Into::into);
        args.socket = socket.map_or_else(|| args.instance_dir.join("ha.sock"), Into::into);
        Ok(args)
    }
}

fn millis(option: &'static str, text: &OsStr) -> Result<Duration, ArgsError> {
    let number = text.to_str().and_then(|text| text.parse().ok());
    number.map(Duration::from_millis).ok_or(ArgsError::Value(option))
}

#[cfg(test)]
mod tests {
    use super::{ArgsError, HostAgentArgs};

    #[test]
    fn what_is_written_is_read() {
        let mut args = HostAgentArgs::new("/lima/web", "/lima");
        assert_eq!(HostAgentArgs::from_words(args.to_words()), Ok(args.clone()));
        args.adopt = true;
        args.socket = "/run/x.sock".into();
        args.nerdctl_archive = Some("/cache/data".into());
        args.stall_timeout = std::time::Duration::from_millis(1234);
        assert_eq!(HostAgentArgs::from_words(args.to_words()), Ok(args));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let read = |words: &[&str]| HostAgentArgs::from_words(words.iter().map(Into::into));
        assert_eq!(read(&[]), Err(ArgsError::Missing("--instance-dir")));
        assert_eq!(read(&["--socket"]), Err(ArgsError::Value("--socket")));
        assert_eq!(read(&["--oops"]), Err(ArgsError::Unknown("--oops".into())));
    }
}
