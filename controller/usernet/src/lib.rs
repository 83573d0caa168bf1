//! The daemon of a user-v2 network: an Ethernet switch between VMs, and a gateway to the host and
//! beyond that needs no privilege.
//!
//! ```text
//!  VM ── socket ─┐                     ┌─ ARP, DHCP, echo
//!  VM ── socket ─┼─ switch ── gateway ─┼─ TCP: smoltcp ⇄ a socket of the host
//!  VM ── socket ─┘                     └─ UDP: a socket of the host per flow
//!        └───────── datapath ─────────┘ mailbox ⇅ channel
//!                     services: DNS, HTTP API, files, signals
//! ```
//!
//! One thread moves frames and waits for nothing but its poll. The other one does all that may
//! take its time: it asks the host's resolver, answers the API and writes files. Everything that
//! a guest can make grow has a bound, and no guest uses up what is another's.
//!
//! Files, socket names and the API are Lima's, so that its host agent can use this daemon, and
//! our VMs can use Lima's.

mod api;
mod args;
mod clock;
mod config;
mod daemon;
mod datapath;
mod dns;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod holdings;
mod leases;
mod log;
mod mail;
mod pidfile;
mod reach;
mod sandbox;
mod services;
mod share;
mod spool;
mod subnet;
mod switch;
mod tcp;
mod token;
mod turn;
mod wire;
mod worker;

pub use args::UsernetArgs;
pub use config::Config;
pub use error::Error;
pub use subnet::Subnet;
pub use wire::Mac;

use daemon::run;

/// Serves a network until SIGINT or SIGTERM, with its log on standard error: at once 64 lines of a
/// kind, then one in a minute. Nothing waits for the log: lines that it doesn't take in time are
/// lost, and counted.
///
/// # Errors
/// Another daemon has it; a socket or file can't be made; the operating system fails.
pub fn main(args: UsernetArgs) -> Result<(), Error> {
    let spool = spool::Spool::default();
    // Somebody may have set one up before.
    let _ = tracing_subscriber::fmt()
        .with_writer(log::Log::new(spool.clone()))
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_target(false)
        .try_init();
    let ended = run(&args.into_config(), &spool);
    // What nobody takes is lost.
    let _ = spool.finish();
    ended
}
