//! Real VMs, under TCG: what only a real guest can show.

mod boot;
#[cfg(target_os = "linux")]
mod bridge;
mod controller;
mod disks;
mod faults;
mod full;
mod guest;
mod life;
mod mounts;
mod networks;
mod outside;
