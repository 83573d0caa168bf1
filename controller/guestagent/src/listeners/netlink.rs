//! The kernel's answer by netlink (sock_diag(7)): exact and quick, for it sends what listens and
//! nothing else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

use super::{Listener, Protocol};

/// Sizes of `nlmsghdr`, `inet_diag_req_v2` and the part of `inet_diag_msg` that is read.
const HEADER: usize = 16;
const REQUEST: usize = 56;
const ANSWER: usize = 24;

/// Of a message: a request for all that fits, `SOCK_DIAG_BY_FAMILY`, and the two that end a list.
const ALL: u16 = 0x301;
const BY_FAMILY: u16 = 20;
const ERROR: u16 = 2;
const DONE: u16 = 3;

const FAMILIES: [u8; 2] = [2, 10];

/// The kernel answers while the request is made; this only bounds the unthinkable.
const DEADLINE: Duration = Duration::from_secs(1);

/// A socket to the kernel.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    pub(super) fn open() -> io::Result<Self> {
        let kind = SocketType::DGRAM;
        let protocol = Some(netlink::SOCK_DIAG);
        let socket = socket_with(AddressFamily::NETLINK, kind, SocketFlags::CLOEXEC, protocol)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(DEADLINE))?;
        // The kernel fills at most 32 KiB at a time, and no more than is read.
        Ok(Self { socket, sequence: 0, buffer: vec![0; 16 << 10] })
    }

    /// All that listens, at most `most`.
    ///
    /// # Errors
    /// The kernel refuses; the answer so far means nothing then.
    pub(super) fn list(&mut self, most: usize) -> io::Result<Vec<Listener>> {
        let mut found = Vec::new();
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            for family in FAMILIES {
                self.ask(protocol, family)?;
                while !self.read(protocol, &mut found, most)? {}
            }
        }
        Ok(found)
    }

    fn ask(&mut self, protocol: Protocol, family: u8) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = request(protocol, family, self.sequence);
        send(&self.socket, &request, SendFlags::empty())?;
        Ok(())
    }

    /// Reads a part of the answer; whether it was the last one.
    fn read(
        &mut self,
        protocol: Protocol,
        found: &mut Vec<Listener>,
        most: usize,
    ) -> io::Result<bool> {
        let (read, whole) = recv(&self.socket, &mut self.buffer, RecvFlags::TRUNC)?;
        if whole > read {
            return Err(io::Error::other("an answer does not fit"));
        }
        let part = &self.buffer[..read];
        parse(part, protocol, self.sequence, &mut |listener| {
            // The rest is read all the same, so that the next answer is the next question's.
            if found.len() < most {
                found.push(listener);
            }
        })
    }
}

fn request(protocol: Protocol, family: u8, sequence: u32) -> [u8; HEADER + REQUEST] {
    let mut bytes = [0; HEADER + REQUEST];
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    bytes[0..4].copy_from_slice(&length.to_ne_bytes());
    bytes[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&ALL.to_ne_bytes());
    bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
    bytes[HEADER] = family;
    bytes[HEADER + 1] = protocol.number();
    let states = 1_u32 << protocol.state();
    bytes[HEADER + 4..HEADER + 8].copy_from_slice(&states.to_ne_bytes());
    bytes
}

/// Reads one part of an answer to question `sequence`; whether it was the last part.
///
/// # Errors
/// The kernel reports one, or the bytes are no such answer.
pub fn parse(
    mut part: &[u8],
    protocol: Protocol,
    sequence: u32,
    found: &mut dyn FnMut(Listener),
) -> io::Result<bool> {
    let odd = || io::Error::from(io::ErrorKind::InvalidData);
    while !part.is_empty() {
        let header = part.get(..HEADER).ok_or_else(odd)?;
        let length = number(header, 0).ok_or_else(odd)? as usize;
        let message = part.get(..length).filter(|message| message.len() >= HEADER);
        let message = message.ok_or_else(odd)?;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        if number(header, 8) == Some(sequence) {
            match kind {
                DONE => return Ok(true),
                ERROR => return Err(failure(&message[HEADER..])),
                BY_FAMILY => {
                    listener(&message[HEADER..], protocol).into_iter().for_each(&mut *found);
                }
                _ => {}
            }
        }
        part = part.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// `nlmsgerr` begins with the negative error number.
fn failure(payload: &[u8]) -> io::Error {
    let code = number(payload, 0).map(u32::cast_signed).unwrap_or_default();
    io::Error::from_raw_os_error(code.saturating_neg())
}

/// `inet_diag_msg`: family, state, two bytes, then ports and addresses in network order.
fn listener(payload: &[u8], protocol: Protocol) -> Option<Listener> {
    let payload = payload.get(..ANSWER)?;
    let (family, state) = (payload[0], payload[1]);
    let port = u16::from_be_bytes([payload[4], payload[5]]);
    let source: [u8; 16] = payload[8..24].try_into().ok()?;
    let ip = match family {
        2 => IpAddr::V4(Ipv4Addr::new(source[0], source[1], source[2], source[3])),
        10 => IpAddr::V6(Ipv6Addr::from(source)).to_canonical(),
        _ => return None,
    };
    (state == protocol.state() && port != 0).then_some(Listener { port, protocol, ip })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The kernel is trusted, and still nothing that it says makes the agent panic.
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), length in 0..80_u32) {
            let _ = parse(&bytes, Protocol::Tcp, 1, &mut |_| ());
            let mut message = length.to_ne_bytes().to_vec();
            message.extend(BY_FAMILY.to_ne_bytes());
            message.extend([0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
            message.extend(bytes);
            let _ = parse(&message, Protocol::Udp, 1, &mut |found| assert_ne!(found.port, 0));
        }
    }

    #[test]
    fn a_refusal_is_an_error_and_not_an_empty_list() {
        let mut message = Vec::new();
        message.extend(36_u32.to_ne_bytes());
        message.extend(ERROR.to_ne_bytes());
        message.extend([0; 2]);
        message.extend(7_u32.to_ne_bytes());
        message.extend([0; 4]);
        message.extend((-13_i32).to_ne_bytes());
        message.extend([0; 16]);
        let error = parse(&message, Protocol::Tcp, 7, &mut |_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        // Of an earlier question, it means nothing.
        assert!(!parse(&message, Protocol::Tcp, 8, &mut |_| ()).unwrap());
    }
}
