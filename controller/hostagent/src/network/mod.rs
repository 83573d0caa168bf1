//! Networks between instances: their files, their daemons, and what a host has of its own.

mod config;
mod daemon;
mod endpoint;
mod error;
mod files;
pub mod host;
mod lock;
pub mod vmnet;

pub use config::{
    must_be_understood, networks_and_faults, networks_config, networks_yaml, write_definition,
};
pub use daemon::{Daemon, program};
pub use endpoint::{DnsRecord, Endpoint};
pub use error::NetworkError;
pub use files::NetworkFiles;
