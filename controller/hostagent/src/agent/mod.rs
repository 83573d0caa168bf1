//! The life of one instance, from its files to its last event.

mod adopt;
#[expect(clippy::module_inception, reason = "the file is named after its type")]
mod agent;
mod begin;
mod boot;
mod changes;
mod copy_to_host;
mod drift;
mod live;
mod mounting;
mod networks;
mod orders;
mod prepare;
mod probing;
mod provisioning;
mod readiness;
mod reload;
mod room;
mod run;
mod services;
mod signals;
mod steps;
mod stop;
mod without_vm;

pub use run::{main, run};
pub use without_vm::forward_without_vm;
