//! The program inside the guest: what listens there, tunnels to it, the clock, and changes of
//! files on the host.
//!
//! It speaks Lima's guest service, so that it and Lima's own agent can stand in for each other on
//! either side. It is small and static, so that it runs in any Linux guest; one thread serves all.
//! Everything that a caller or a program in the guest can make grow has a bound.

mod args;
mod authority;
mod clock;
mod daemon;
mod dns;
mod error;
mod inotify;
mod install;
pub mod listeners;
mod serve;
mod service;
mod tunnel;
mod virtio;
mod yq;

use std::ffi::OsString;
use std::process::ExitCode;

pub use args::{ArgsError, DaemonArgs, Verb};
pub use authority::NoEmptyAuthority;
pub use dns::DnsArgs;
pub use error::Error;
pub use serve::serve;
pub use service::GuestAgent;
pub use yq::YqArgs;

/// The whole program. `words` are its arguments, without its name.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let verb = match Verb::from_words(words) {
        Ok(verb) => verb,
        Err(error) => return fail(&error, 2),
    };
    let done = match verb {
        Verb::Version => {
            println!("limekiln-guestagent {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        Verb::InstallSystemd(args) => install::systemd(&args),
        Verb::Daemon(args) => daemon::run(&args),
        Verb::Yq(args) => yq::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

/// Standard error is the journal, or the log of whatever started it.
fn fail(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    eprintln!("limekiln-guestagent: {error}{cause}");
    ExitCode::from(code)
}
