//! Guest images, made from Debian's packages without root and without touching the host.

mod apt;
mod arch;
pub mod containerd;
mod cpio;
mod disk;
pub mod full;
mod modules;
mod stamp;
pub mod tiny;

pub use apt::KEYRING;
pub use arch::Arch;
