//! What the daemon moves per second of one core, beside a raw relay and libslirp (QEMU's own user
//! network); and what it takes when idle. Prints JSON lines.
//!
//! A figure is the data moved by the processor time that the daemon took: peers run beside it on
//! the same machine, and what they take is not the daemon's. Elapsed time is printed, too.

#[path = "../../tests/peer/mod.rs"]
#[expect(dead_code, reason = "the tests take the rest")]
mod peer;

mod idle;
mod process;
mod relay;
mod slirp;
mod stream;
mod switch;

use std::time::Duration;

/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(3);

fn main() {
    if let Some(sockets) = relay::asked() {
        return relay::run(&sockets);
    }
    let mut ours = Vec::new();
    ours.push(("switch", switch::daemon(SPAN)));
    for (name, mtu) in [("1500", 1500), ("65520", 65_520)] {
        let (up, down) = stream::daemon(mtu, SPAN);
        ours.push((if name == "1500" { "up 1500" } else { "up 65520" }, up));
        ours.push((if name == "1500" { "down 1500" } else { "down 65520" }, down));
    }
    ours.push(("relay", switch::relay(SPAN)));
    for (name, moved) in &ours {
        moved.print(name);
    }
    if let Some((up, down)) = slirp::measure(SPAN) {
        up.print("slirp up 1500");
        down.print("slirp down 1500");
    }
    idle::print();
}
