//! What `limekiln doctor` says about acceleration.

use std::path::Path;

use super::{Accelerator, Remembered, device, host_file, kvm_opens};

/// Whether guests of the host's own architecture are accelerated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccelVerdict {
    /// It will be tried; nothing is known against it.
    Usable(Accelerator),
    /// It is there and does not work.
    Broken(Accelerator, Remembered),
    /// There is none; the text says why.
    Absent(String),
}

/// Looks without starting anything.
pub fn verdict(lima_home: &Path) -> AccelVerdict {
    let accelerator = match std::env::consts::OS {
        "linux" => Accelerator::Kvm,
        "macos" => Accelerator::Hvf,
        os => return AccelVerdict::Absent(format!("no accelerator is known for {os}")),
    };
    if accelerator == Accelerator::Kvm && !kvm_opens() {
        let why = if Path::new(device::KVM).exists() {
            format!("{} exists, but this user may not open it for writing", device::KVM)
        } else {
            format!("{} does not exist", device::KVM)
        };
        return AccelVerdict::Absent(why);
    }
    match host_file::recall(lima_home, accelerator) {
        Some(remembered) => AccelVerdict::Broken(accelerator, remembered),
        None => AccelVerdict::Usable(accelerator),
    }
}
