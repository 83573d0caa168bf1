//! The daemon as its VMs see it, frame by frame.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../peer/mod.rs"]
mod peer;

mod api;
mod cards;
mod dhcp;
mod dns;
mod floods;
mod life;
mod lima;
mod outside;
mod shares;
mod switch;
mod tcp;
mod udp;
