//! Ports of the host that nobody has.

use std::io;
use std::net::TcpListener;

/// So many of 127.0.0.1, held together, so that no two are the same.
///
/// # Errors
/// There are not so many.
pub fn free_ports(count: usize) -> io::Result<Vec<u16>> {
    let held: Vec<_> =
        (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
    held.iter().map(|one| Ok(one.local_addr()?.port())).collect()
}
