//! Real git on real repositories, which the tests make.

mod content;
mod crash;
mod faults;
mod fixture;
mod history;
mod keys;
mod references;
mod room;
mod signatures;
