//! `limekiln.lock`: what manifests resolved to when somebody looked at it.
//!
//! Recording and checking are the same walk: the texts pass through a [`Fetch`] that notes their
//! digests or compares them, and the images of every template are noted or compared. Texts in
//! files are not locked: they lie beside the manifests, under the same version control.
//!
//! [`Fetch`]: limekiln_api::template::Fetch

mod checked;
mod file;
mod hash;
mod image_digest;
mod images;
mod recorder;

pub use checked::Checked;
pub use file::{Lock, LockError};
pub use image_digest::{ImageDigests, ImageError};
pub use images::{NeededImage, needed_images};
pub use recorder::Recorder;
