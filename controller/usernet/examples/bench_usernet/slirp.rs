//! libslirp, as QEMU has it: a QEMU without a machine, whose user network is joined to a socket.

use std::net::Ipv4Addr;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::peer::Guest;
use crate::process::Moved;
use crate::stream;

/// Up and down at its MTU of 1500; `None` where there is no such QEMU.
pub fn measure(span: Duration) -> Option<(Moved, Moved)> {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("s");
    let listener = UnixListener::bind(&path).expect("a socket");
    let mut qemu = Command::new("qemu-system-x86_64")
        .args([
            "-M",
            "none",
            "-display",
            "none",
            "-nodefaults",
            "-serial",
            "none",
            "-monitor",
            "none",
        ])
        .args(["-netdev", "user,id=u", "-netdev"])
        .arg(format!("stream,id=s,server=off,addr.type=unix,addr.path={}", path.display()))
        .args([
            "-netdev",
            "hubport,hubid=0,id=a,netdev=u",
            "-netdev",
            "hubport,hubid=0,id=b,netdev=s",
        ])
        .stdin(Stdio::null())
        .spawn()
        .ok()?;
    let (stream, _) = listener.accept().expect("QEMU connects");
    let mut guest = Guest {
        stream,
        mac: [0x52, 0x55, 0x55, 0, 0, 1],
        ip: Ipv4Addr::new(10, 0, 2, 15),
        // Of 10.0.2.2, by libslirp's rule.
        gateway: [0x52, 0x55, 10, 0, 2, 2],
        ident: 0,
    };
    guest.announce();
    let both = stream::both(qemu.id(), &mut guest, Ipv4Addr::new(10, 0, 2, 2), 1500, span);
    // It may have ended.
    let _ = qemu.kill();
    let _ = qemu.wait();
    Some(both)
}
