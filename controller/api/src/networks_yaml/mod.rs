//! Lima's `networks.yaml`: which networks a home has, and where socket_vmnet is.
//!
//! Reading is as lenient as Lima's: unknown keys are left alone. Changing keeps the text of
//! everything else, comments included, as long as the file is laid out as Lima and people lay it
//! out; a file of another shape has its `networks` written anew.

mod config;
mod edit;

pub use config::{NetworksConfig, VmnetPaths};
pub use edit::with_network;
