//! The HTTP API on a unix socket: Lima's host agent asks it for leases, and has it forward ports
//! and know names.

mod forwards;
mod server;
mod state;
mod vm;

pub use forwards::Forwards;
pub use server::{Api, connection, serve};
pub use state::StateFile;
