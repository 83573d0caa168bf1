//! Real VMs. Skipped unless `LIMEKILN_TEST_GUEST` names the folder of the tiny guests
//! (docs/testing.md).

mod agent;
mod boot;
mod death;
mod fallback;
mod guest;
mod instance;
