//! Real VMs. Skipped unless `LIMEKILN_TEST_GUEST` names the folder of the tiny guests
//! (docs/testing.md).

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod agent;
mod boot;
mod death;
mod devices;
mod disks;
mod fallback;
mod forwards;
mod full;
mod guest;
mod instance;
mod introduction;
mod mounts;
mod openrc;
mod post_mortem;
mod room;
mod snapshots;
mod stop;
