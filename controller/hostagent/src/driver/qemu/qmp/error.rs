//! How QMP fails.

use std::io;

/// Why a command was not answered.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The socket failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// QEMU is silent: stopped, or another client holds the socket.
    #[error("QEMU did not answer in time")]
    Deadline,
    /// QEMU closed the socket.
    #[error("QEMU closed the connection")]
    Closed,
    /// QEMU said something that can't be understood.
    #[error("QEMU's answer can't be understood")]
    Json(#[from] serde_json::Error),
    /// QEMU sent more than an answer can be.
    #[error("QEMU's answer is longer than {0} bytes")]
    TooLong(usize),
    /// QEMU refused the command.
    #[error("QEMU refused {command}: {description}")]
    Refused {
        /// The command.
        command: &'static str,
        /// QEMU's words.
        description: String,
    },
}
