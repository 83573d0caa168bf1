//! The kernel's tables in /proc/net, where netlink is not allowed. They also list every connection,
//! so they cost more on a busy guest.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Listener, Protocol};

const TABLES: [(&str, Protocol); 4] = [
    ("/proc/net/tcp", Protocol::Tcp),
    ("/proc/net/tcp6", Protocol::Tcp),
    ("/proc/net/udp", Protocol::Udp),
    ("/proc/net/udp6", Protocol::Udp),
];

/// A line has about 150 bytes.
const LONGEST: usize = 512;

/// All that listens, at most `most`.
///
/// # Errors
/// The tables can't be read. That a guest has no IPv6 is no error.
pub(super) fn list(most: usize) -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    for (path, protocol) in TABLES {
        match File::open(path) {
            Ok(file) => read(file, protocol, &mut found, most)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.ends_with('6') => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn read(file: File, protocol: Protocol, found: &mut Vec<Listener>, most: usize) -> io::Result<()> {
    let (mut lines, mut line) = (BufReader::new(file), Vec::with_capacity(LONGEST));
    while found.len() < most && lines.read_until(b'\n', &mut line)? > 0 {
        found.extend(std::str::from_utf8(&line).ok().and_then(|line| parse(line, protocol)));
        line.clear();
    }
    Ok(())
}

/// A line: number, local address, remote address, state, and more, all in hexadecimal
/// (proc_net_tcp in the kernel's documentation). `None` for what does not listen.
pub fn parse(line: &str, protocol: Protocol) -> Option<Listener> {
    let mut words = line.split_ascii_whitespace();
    let (local, state) = (words.nth(1)?, words.nth(1)?);
    if u8::from_str_radix(state, 16).ok()? != protocol.state() {
        return None;
    }
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok().filter(|port| *port != 0)?;
    Some(Listener { port, protocol, ip: address(ip)? })
}

/// Words of 32 bits, each printed as a number although it is in network order.
fn address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hex.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_real_table() {
        let tcp = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 21456 1 0000000000000000 100 0 0 10 0";
        let found = parse(tcp, Protocol::Tcp).unwrap();
        assert_eq!((found.ip.to_string().as_str(), found.port), ("127.0.0.1", 8080));
        assert_eq!(parse(&tcp.replace(" 0A ", " 01 "), Protocol::Tcp), None, "connected");
        let six = "   1: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 07 0 0 0";
        assert_eq!(parse(six, Protocol::Udp).unwrap().ip.to_string(), "::1");
        let mapped =
            six.replace("00000000000000000000000001000000", "0000000000000000FFFF00000100007F");
        assert_eq!(parse(&mapped, Protocol::Udp).unwrap().ip.to_string(), "127.0.0.1");
        let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt";
        assert_eq!(parse(head, Protocol::Tcp), None);
    }
}
