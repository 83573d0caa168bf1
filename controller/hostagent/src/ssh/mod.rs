//! SSH into the guest, with OpenSSH's own programs.

mod banner;
mod config;
mod error;
#[cfg(test)]
mod fake_sudo;
mod forward;
mod key;
mod options;
mod port;
mod session;
pub(crate) mod shell;

pub(crate) use banner::wait_for_banner;
pub(crate) use config::write_config;
pub use error::SshError;
#[cfg(test)]
pub(crate) use fake_sudo::{fake_sudo, programs};
pub(crate) use forward::{Direction, forward_end, forward_path};
pub(crate) use key::authorized_keys;
pub use options::{SshOption, options};
pub(crate) use port::choose_port;
pub(crate) use session::Session;
