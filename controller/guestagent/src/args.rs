//! The command line, with Lima's verbs and options, so that one agent can replace the other.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::{DnsArgs, YqArgs};

/// Where Lima's host agents look.
const SOCKET: &str = "/run/lima-guestagent.sock";

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Serve until killed.
    Daemon(DaemonArgs),
    /// Make systemd run it from now on.
    InstallSystemd(DaemonArgs),
    /// Edit a file.
    Yq(YqArgs),
    /// Print the version.
    Version,
}

/// How to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonArgs {
    /// The unix socket, mode 0600.
    pub socket: PathBuf,
    /// Whose the socket is; root's without. The host agent comes through SSH as this user.
    pub socket_owner: Option<u32>,
    /// The virtio-serial port to serve besides, if the machine has it.
    pub virtio_port: String,
    /// Leave the clock alone: for an agent that is tried outside of a guest.
    pub no_clock: bool,
    /// Whether programs in the guest ask the host agent for names.
    pub dns: Option<DnsArgs>,
}

impl Default for DaemonArgs {
    fn default() -> Self {
        Self {
            socket: SOCKET.into(),
            socket_owner: None,
            virtio_port: PORT.to_owned(),
            no_clock: false,
            dns: None,
        }
    }
}

/// The name that Lima gives the port of its guest agent.
const PORT: &str = "io.lima-vm.guest_agent.0";

/// Words that can't be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ArgsError {
    /// No verb, or another one.
    #[error("say `daemon`, `install-systemd`, `yq` or `--version`")]
    Verb,
    /// An option that is not known.
    #[error("unknown option {0:?}")]
    Unknown(String),
    /// An option without its value, or with one that can't be one.
    #[error("{0} needs a value, and not this one")]
    Value(String),
}

impl Verb {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// A word is not understood.
    pub fn from_words(words: impl IntoIterator<Item = OsString>) -> Result<Self, ArgsError> {
        let mut words = words.into_iter().map(|word| word.to_string_lossy().into_owned());
        // Lima's takes `--debug` before the verb, too.
        let verb = words.find(|word| !word.starts_with("--debug")).ok_or(ArgsError::Verb)?;
        match verb.as_str() {
            "daemon" => options(words).map(Self::Daemon),
            "install-systemd" => options(words).map(Self::InstallSystemd),
            "yq" => YqArgs::from_words(words).map(Self::Yq),
            "--version" => Ok(Self::Version),
            _ => Err(ArgsError::Verb),
        }
    }
}

fn options(mut words: impl Iterator<Item = String>) -> Result<DaemonArgs, ArgsError> {
    let mut args = DaemonArgs::default();
    while let Some(word) = words.next() {
        let (option, inline) = match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        if matches!(option.as_str(), "--debug" | "--guestagent-updated") {
            continue;
        }
        if option == "--no-clock" {
            args.no_clock = true;
            continue;
        }
        let value = inline.or_else(|| words.next());
        let value = value.ok_or_else(|| ArgsError::Value(option.clone()))?;
        match option.as_str() {
            "--socket" => args.socket = value.into(),
            "--socket-owner" => {
                let owner = value.parse().map_err(|_| ArgsError::Value(option))?;
                args.socket_owner = Some(owner);
            }
            "--dns" => {
                args.dns = Some(value.parse().map_err(|()| ArgsError::Value(option))?);
            }
            // Empty where Lima uses none; the usual one is served if it is there.
            "--virtio-port" if value.is_empty() => {}
            "--virtio-port" => args.virtio_port = value,
            // What Lima's needs, and this one does without: nothing is kept in files, what changes
            // is seen by other means, and 0 is the only port of hosts without vsock.
            "--runtime-dir" | "--tick" | "--vsock-port" => {}
            _ => return Err(ArgsError::Unknown(option)),
        }
    }
    Ok(args)
}

impl DaemonArgs {
    /// The words for a daemon with these arguments.
    pub fn to_words(&self) -> Vec<String> {
        let mut words = vec!["daemon".to_owned()];
        let socket = self.socket.to_string_lossy().into_owned();
        words.extend(["--socket".to_owned(), socket]);
        if let Some(owner) = self.socket_owner {
            words.extend(["--socket-owner".to_owned(), owner.to_string()]);
        }
        words.extend(["--virtio-port".to_owned(), self.virtio_port.clone()]);
        if let Some(dns) = self.dns {
            words.extend(["--dns".to_owned(), dns.to_string()]);
        }
        words.extend(self.no_clock.then(|| "--no-clock".to_owned()));
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Verb, ArgsError> {
        Verb::from_words(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn limas_words_are_understood() {
        let lines = [
            "daemon --vsock-port 0 --runtime-dir=/run/lima-guestagent --socket-owner 501",
            "--debug daemon --debug=false --vsock-port 0 --virtio-port= --socket-owner=501 --tick 3s",
        ];
        let wanted = DaemonArgs { socket_owner: Some(501), ..DaemonArgs::default() };
        for line in lines {
            assert_eq!(read(line), Ok(Verb::Daemon(wanted.clone())), "{line}");
        }
        let line = "install-systemd --guestagent-updated --socket-owner 501";
        assert_eq!(read(line), Ok(Verb::InstallSystemd(wanted)));
    }

    #[test]
    fn what_is_written_is_read() {
        let args = DaemonArgs {
            socket: "/tmp/s".into(),
            socket_owner: Some(7),
            virtio_port: "x".to_owned(),
            no_clock: true,
            dns: "10.0.0.3=10.0.0.2:4053:4054".parse().ok(),
        };
        assert!(args.dns.is_some());
        assert_eq!(read(&args.to_words().join(" ")), Ok(Verb::Daemon(args)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(read(""), Err(ArgsError::Verb));
        assert_eq!(read("fake-cloud-init"), Err(ArgsError::Verb));
        assert_eq!(read("daemon --what 1"), Err(ArgsError::Unknown("--what".to_owned())));
        let bad = Err(ArgsError::Value("--socket-owner".to_owned()));
        assert_eq!(read("daemon --socket-owner me"), bad);
        assert_eq!(read("daemon --socket-owner"), bad);
        let bad = Err(ArgsError::Value("--dns".to_owned()));
        assert_eq!(read("daemon --dns 192.168.5.3"), bad);
    }
}
