//! Networks: their definitions in Lima's `networks.yaml`, and their daemons.

mod carrier;
mod define;
mod run;
mod users;

pub(crate) use carrier::Carrier;
pub(crate) use define::{define, define_if, forget, is_parked, may_park, park, restore};
pub(crate) use run::{must_be_possible, start, stop};
