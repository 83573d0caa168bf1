//! What one VM is made of, resolved: no defaults are left to be filled and no file to be found.

mod copy;
mod devices;
mod disk;
mod format;
mod from_lima;
mod guest;
mod host_facts;
mod layers;
mod machine_id;
mod mount;
mod nic;
mod proxy;
mod resolver;
mod step_digest;
mod vm_spec;

pub use copy::CopySpec;
pub use devices::{Devices, Screen, Sound, SoundCard};
pub use disk::{AttachedDisk, DiskLock};
pub use format::DiskFormat;
pub use from_lima::{SpecError, attached_disk, filled, probes, resolve, steps};
pub use guest::{ContainerdSpec, GuestSpec, ReadinessProbe, Step, StepKind};
pub use host_facts::host_facts;
pub use layers::LayerError;
pub use mount::{MountKind, MountSpec, mounts};
pub use nic::{Link, Nic, UserV2};
pub use resolver::ResolverSpec;
pub use vm_spec::{BootDisk, DirectKernel, Firmware, Reconnect, VmSpec};
