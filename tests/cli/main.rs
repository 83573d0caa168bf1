//! The program as a user meets it, without a VM: output, exit codes, names.

mod manifests;
mod plans;
mod program;
mod templates;
