//! The program as a user meets it, without a VM: output, exit codes, names.

mod full_disk;
mod manifests;
mod plans;
mod program;
