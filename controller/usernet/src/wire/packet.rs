//! Packets that the gateway makes itself.

use std::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4DstUnreachable, Icmpv4Packet,
    Icmpv4Repr, Icmpv4TimeExceeded, IpProtocol, Ipv4Packet, Ipv4Repr, TcpPacket, UdpPacket,
    UdpRepr,
};

use super::Mac;
use super::frames::{ETHERNET, PREFIX};

/// Bytes of an IPv4 header without options.
pub const IP: usize = 20;

/// What a router decrements; Linux's default.
const HOPS: u8 = 64;

/// Appends room for a frame of this payload to `out`, with length and header written; returns
/// the payload.
pub fn frame(out: &mut Vec<u8>, to: Mac, protocol: EthernetProtocol, payload: usize) -> &mut [u8] {
    let start = out.len();
    out.resize(start + PREFIX + ETHERNET + payload, 0);
    header(&mut out[start..], to, protocol, payload);
    &mut out[start + PREFIX + ETHERNET..]
}

/// Writes length and Ethernet header of a frame from the gateway.
pub fn header(out: &mut [u8], to: Mac, protocol: EthernetProtocol, payload: usize) {
    let length = u32::try_from(ETHERNET + payload).unwrap_or(u32::MAX);
    out[..PREFIX].copy_from_slice(&length.to_be_bytes());
    let mut frame = EthernetFrame::new_unchecked(&mut out[PREFIX..]);
    frame.set_dst_addr(EthernetAddress(to.0));
    frame.set_src_addr(EthernetAddress(Mac::GATEWAY.0));
    frame.set_ethertype(protocol);
}

/// An IPv4 header's addresses and protocol.
#[derive(Clone, Copy, Debug)]
pub struct Ip {
    /// The sender's address.
    pub from: Ipv4Addr,
    /// The receiver's address.
    pub to: Ipv4Addr,
    /// What is inside.
    pub protocol: IpProtocol,
}

/// Appends an IPv4 packet's frames to `out`: several if it is longer than the link's MTU.
pub fn ip(out: &mut Vec<u8>, link: Link, ip: Ip, payload: &[u8]) {
    // All parts but the last hold a multiple of eight bytes (RFC 791).
    let most = if payload.len() + IP <= link.mtu { payload.len() } else { (link.mtu - IP) & !7 };
    let mut at = 0;
    loop {
        let part = &payload[at..payload.len().min(at + most)];
        let packet = frame(out, link.to, EthernetProtocol::Ipv4, IP + part.len());
        let repr = Ipv4Repr {
            src_addr: ip.from,
            dst_addr: ip.to,
            next_header: ip.protocol,
            payload_len: part.len(),
            hop_limit: HOPS,
        };
        let mut packet = Ipv4Packet::new_unchecked(packet);
        repr.emit(&mut packet, &ChecksumCapabilities::ignored());
        packet.payload_mut().copy_from_slice(part);
        let last = at + part.len() == payload.len();
        if at > 0 || !last {
            packet.set_dont_frag(false);
            packet.set_ident(link.ident);
            packet.set_more_frags(!last);
            packet.set_frag_offset(u16::try_from(at).unwrap_or(u16::MAX));
        }
        packet.fill_checksum();
        at += part.len();
        if last {
            return;
        }
    }
}

/// Where frames go.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The guest's hardware address.
    pub to: Mac,
    /// The longest IP packet.
    pub mtu: usize,
    /// Names the parts of a packet that is cut.
    pub ident: u16,
}

/// A UDP datagram with its checksum, without an IP header.
pub fn udp(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), data: &[u8]) -> Vec<u8> {
    let repr = UdpRepr { src_port: from.1, dst_port: to.1 };
    let mut out = vec![0; repr.header_len() + data.len()];
    repr.emit(
        &mut UdpPacket::new_unchecked(&mut out[..]),
        &from.0.into(),
        &to.0.into(),
        data.len(),
        |payload| payload.copy_from_slice(data),
        &ChecksumCapabilities::default(),
    );
    out
}

/// Why a packet went nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The host has no way there.
    Network,
    /// Nobody answers there.
    Host,
    /// Somebody answers there, but not on this port.
    Port,
    /// The policy of this network forbids it.
    Prohibited,
    /// It came to the end of its life on the way.
    Expired,
}

/// An ICMP error about a packet, without an IP header. `about` is the packet's start: header and
/// at least eight bytes more.
pub fn icmp_error(why: Unreachable, about: &[u8]) -> Option<Vec<u8>> {
    let packet = Ipv4Packet::new_unchecked(about);
    if about.len() < IP || usize::from(packet.header_len()) > about.len() {
        return None;
    }
    let header = Ipv4Repr {
        src_addr: packet.src_addr(),
        dst_addr: packet.dst_addr(),
        next_header: packet.next_header(),
        payload_len: usize::from(packet.total_len()).saturating_sub(IP),
        hop_limit: packet.hop_limit(),
    };
    let data = &about[usize::from(packet.header_len())..];
    // RFC 792 asks for eight bytes; more is of no use to a guest.
    let data = &data[..data.len().min(8)];
    let code = |code| Icmpv4Repr::DstUnreachable { reason: code, header, data };
    let repr = match why {
        Unreachable::Network => code(Icmpv4DstUnreachable::NetUnreachable),
        Unreachable::Host => code(Icmpv4DstUnreachable::HostUnreachable),
        Unreachable::Port => code(Icmpv4DstUnreachable::PortUnreachable),
        Unreachable::Prohibited => code(Icmpv4DstUnreachable::CommProhibited),
        Unreachable::Expired => {
            Icmpv4Repr::TimeExceeded { reason: Icmpv4TimeExceeded::TtlExpired, header, data }
        }
    };
    let mut out = vec![0; repr.buffer_len()];
    let all = ChecksumCapabilities::default();
    repr.emit(&mut Icmpv4Packet::new_unchecked(&mut out[..]), &all);
    Some(out)
}

/// A TCP segment's packet without the data that came with it; `None` if its checksum is wrong, which
/// the shorter one would not show.
pub fn bare_segment(packet: &[u8]) -> Option<Vec<u8>> {
    let ip = Ipv4Packet::new_checked(packet).ok()?;
    let (from, to) = (ip.src_addr().into(), ip.dst_addr().into());
    let segment = TcpPacket::new_checked(ip.payload()).ok()?;
    if !segment.verify_checksum(&from, &to) {
        return None;
    }
    let length = usize::from(ip.header_len()) + usize::from(segment.header_len());
    let mut bare = packet[..length].to_vec();
    let mut ip = Ipv4Packet::new_unchecked(&mut bare[..]);
    ip.set_total_len(u16::try_from(length).ok()?);
    ip.fill_checksum();
    TcpPacket::new_unchecked(ip.payload_mut()).fill_checksum(&from, &to);
    Some(bare)
}

/// The answer to a segment that belongs to no connection (RFC 9293, 3.10.7.1), without an IP
/// header; `None` for one that is itself a reset.
pub fn reset(segment: &TcpPacket<&[u8]>, from: Ipv4Addr, to: Ipv4Addr) -> Option<Vec<u8>> {
    if segment.rst() {
        return None;
    }
    let mut out = vec![0; 20];
    let mut answer = TcpPacket::new_unchecked(&mut out[..]);
    answer.set_src_port(segment.dst_port());
    answer.set_dst_port(segment.src_port());
    answer.set_header_len(20);
    answer.set_rst(true);
    if segment.ack() {
        answer.set_seq_number(segment.ack_number());
    } else {
        answer.set_ack(true);
        answer.set_ack_number(segment.seq_number() + segment.segment_len());
    }
    answer.fill_checksum(&from.into(), &to.into());
    Some(out)
}

#[cfg(test)]
mod tests {
    use smoltcp::wire::{IpProtocol, Ipv4Packet};

    use super::super::frames::{ETHERNET, Frames, PREFIX};
    use super::{Ip, Link, Mac};

    #[test]
    fn a_long_packet_is_cut_and_every_part_is_right() {
        let link = Link { to: Mac([2; 6]), mtu: 576, ident: 7 };
        let addresses =
            Ip { from: [10, 0, 0, 1].into(), to: [10, 0, 0, 2].into(), protocol: IpProtocol::Udp };
        let payload: Vec<u8> = (0..2000u32).map(|n| n as u8).collect();
        let mut out = Vec::new();
        super::ip(&mut out, link, addresses, &payload);
        let (mut frames, mut joined) = (Frames::new(&out), Vec::new());
        while let Some(range) = frames.next_range().unwrap() {
            let packet = Ipv4Packet::new_checked(&out[range][PREFIX + ETHERNET..]).unwrap();
            assert!(packet.verify_checksum());
            assert!(usize::from(packet.total_len()) <= 576);
            assert_eq!(usize::from(packet.frag_offset()), joined.len());
            joined.extend_from_slice(packet.payload());
            assert_eq!(packet.more_frags(), joined.len() < payload.len());
        }
        assert_eq!(joined, payload);
    }
}
