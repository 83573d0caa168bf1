//! Disk images, kernels and RAM disks: found, fetched, checked, unpacked.
//!
//! Nothing that a server or a repository sent is opened by QEMU before [`header`] has seen it.

mod cache;
mod copy;
mod digest;
mod download;
mod error;
mod fetch;
pub mod header;
mod http;
mod location;
mod unpack;

pub(crate) use copy::{copy, copy_now};
pub use error::ImageError;
pub use fetch::{Fetched, Images};
pub(crate) use unpack::unpack;
