//! The program as a user meets it, without a VM: output, exit codes, names, signals.

mod control;
mod controller;
mod daily;
mod exits;
mod export;
mod frozen;
mod full_disk;
mod manifests;
mod moves;
mod networks;
mod old_state;
mod plans;
mod policy;
mod program;
mod reboot;
mod service;
mod signals;
mod templates;
mod terminal;
mod unwatched;
