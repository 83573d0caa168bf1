//! The daemon as its VMs see it, frame by frame.

#[path = "../peer/mod.rs"]
mod peer;

mod api;
mod dhcp;
mod dns;
mod floods;
mod life;
mod switch;
mod tcp;
mod udp;
