//! The seed volume that tells the guest who it is (cloud-init's NoCloud, label `cidata`).
//!
//! Stock cloud images read `user-data` with cloud-init, which makes the user and runs the boot
//! script from the same volume; images without cloud-init read `lima.env` themselves.

mod archive;
mod contents;
mod iso;
mod lima_env;
mod network_config;
mod scripts;
mod user_data;

use std::path::Path;

pub use archive::Archive;
pub use contents::{Contents, Seed, contents};
use hadris_iso::write::InputEntry;
pub(crate) use lima_env::step_variables;
pub(crate) use scripts::PROVISION;

use crate::files::InstanceFiles;
use crate::{Error, atomic};

/// Lima's name of the guest agent on the seed volume.
const GUEST_AGENT: &str = "lima-guestagent";

/// Writes the seed volume and, for readers, `cloud-config.yaml`.
pub(crate) fn write(files: &InstanceFiles, seed: &Seed<'_>) -> Result<(), Error> {
    let contents = contents(seed);
    let mut more = Vec::new();
    more.extend(seed.guest_agent.map(|program| InputEntry::file(GUEST_AGENT, program)));
    more.extend(seed.containerd.map(Archive::entry));
    // Scripts may hold secrets.
    atomic::write_by(&files.cidata(), 0o600, |file| iso::write(file, &contents, more))
        .map_err(|error| Error::Cidata { reason: error.to_string() })?;
    let reference = user_data::reference(seed);
    write_reference(&files.file("cloud-config.yaml"), &reference)
}

fn write_reference(path: &Path, text: &str) -> Result<(), Error> {
    atomic::write(path, text.as_bytes(), 0o444)
}
