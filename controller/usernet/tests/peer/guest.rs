//! A VM's network card, driven frame by frame.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, IpProtocol,
    Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use super::Daemon;

/// The gateway's address.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 104, 2);

/// The gateway's hardware address.
pub const GATEWAY_MAC: [u8; 6] = [0x5a, 0x94, 0xef, 0xe4, 0x0c, 0xdd];

/// How long something that must come may take: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing is waited for.
pub const SILENCE: Duration = Duration::from_millis(300);

/// A VM.
pub struct Guest {
    /// The cable.
    pub stream: UnixStream,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// Its address.
    pub ip: Ipv4Addr,
    /// The gateway's hardware address.
    pub gateway: [u8; 6],
    /// Names of datagrams.
    pub ident: u16,
}

impl Guest {
    /// Plugs in; the last byte of its hardware address, and its IP address.
    pub fn plug(daemon: &Daemon, number: u8, ip: u8) -> Self {
        let stream = UnixStream::connect(daemon.path("qemu.sock")).expect("it listens");
        let mut guest = Self::on(stream, number, ip);
        guest.announce();
        guest
    }

    /// At the end of this cable; it has said nothing yet.
    pub fn on(stream: UnixStream, number: u8, ip: u8) -> Self {
        let (mac, ip) = ([0x52, 0x55, 0x55, 0, 0, number], Ipv4Addr::new(192, 168, 104, ip));
        Self { stream, mac, ip, gateway: GATEWAY_MAC, ident: 0 }
    }

    /// Whether the gateway hears it.
    pub fn is_heard(&mut self, patience: Duration) -> bool {
        self.send_udp(1, SocketAddrV4::new(GATEWAY, 53), &[0; 12]);
        self.find_udp(patience, 1).is_some()
    }

    /// Tells all who has its address.
    pub fn announce(&mut self) {
        self.send_arp(ArpOperation::Request, [0xff; 6], self.ip);
    }

    /// Sends an ARP packet about an address.
    pub fn send_arp(&mut self, operation: ArpOperation, to: [u8; 6], target: Ipv4Addr) {
        let repr = ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr: EthernetAddress(self.mac),
            source_protocol_addr: self.ip,
            target_hardware_addr: EthernetAddress([0; 6]),
            target_protocol_addr: target,
        };
        let mut payload = vec![0; repr.buffer_len()];
        repr.emit(&mut ArpPacket::new_unchecked(&mut payload[..]));
        self.send_frame(to, EthernetProtocol::Arp, &payload);
    }

    /// Sends a frame.
    pub fn send_frame(&mut self, to: [u8; 6], protocol: EthernetProtocol, payload: &[u8]) {
        let mut frame = vec![0; 14 + payload.len()];
        let mut packet = EthernetFrame::new_unchecked(&mut frame[..]);
        packet.set_dst_addr(EthernetAddress(to));
        packet.set_src_addr(EthernetAddress(self.mac));
        packet.set_ethertype(protocol);
        packet.payload_mut().copy_from_slice(payload);
        self.send_raw(&frame);
    }

    /// Sends bytes as a frame.
    pub fn send_raw(&mut self, frame: &[u8]) {
        let length = u32::try_from(frame.len()).expect("a frame is short");
        let whole = [&length.to_be_bytes()[..], frame].concat();
        self.stream.write_all(&whole).expect("it reads");
    }

    /// Sends an IPv4 packet to the gateway.
    pub fn send_ip(&mut self, to: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) {
        let packet = self.ip_packet(to, protocol, payload);
        self.send_frame(self.gateway, EthernetProtocol::Ipv4, &packet);
    }

    /// An IPv4 packet.
    pub fn ip_packet(&self, to: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
        let repr = Ipv4Repr {
            src_addr: self.ip,
            dst_addr: to,
            next_header: protocol,
            payload_len: payload.len(),
            hop_limit: 64,
        };
        let mut bytes = vec![0; 20 + payload.len()];
        let mut packet = Ipv4Packet::new_unchecked(&mut bytes[..]);
        repr.emit(&mut packet, &ChecksumCapabilities::default());
        packet.payload_mut().copy_from_slice(payload);
        bytes
    }

    /// Sends a datagram.
    pub fn send_udp(&mut self, from: u16, to: SocketAddrV4, data: &[u8]) {
        let bytes = self.udp(from, to, data);
        self.send_ip(*to.ip(), IpProtocol::Udp, &bytes);
    }

    /// A datagram.
    pub fn udp(&self, from: u16, to: SocketAddrV4, data: &[u8]) -> Vec<u8> {
        let repr = UdpRepr { src_port: from, dst_port: to.port() };
        let mut bytes = vec![0; 8 + data.len()];
        repr.emit(
            &mut UdpPacket::new_unchecked(&mut bytes[..]),
            &self.ip.into(),
            &(*to.ip()).into(),
            data.len(),
            |room| room.copy_from_slice(data),
            &ChecksumCapabilities::default(),
        );
        bytes
    }

    /// The next frame; `None` if none comes in time.
    pub fn receive(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let timeout = patience.max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(timeout)).expect("a socket has timeouts");
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
        self.stream.read_exact(&mut frame).expect("the whole frame comes");
        Some(frame)
    }

    /// The first frame of which `pick` makes something, within the time; answers who asks for
    /// its address meanwhile.
    pub fn find<T>(
        &mut self,
        patience: Duration,
        mut pick: impl FnMut(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let end = Instant::now() + patience;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let frame = self.receive(left)?;
            if let Some(found) = pick(&frame) {
                return Some(found);
            }
            self.answer_arp(&frame);
        }
        None
    }

    /// The first IPv4 packet to it of this protocol of which `pick` makes something.
    pub fn find_ip<T>(
        &mut self,
        patience: Duration,
        protocol: IpProtocol,
        mut pick: impl FnMut(&Ipv4Packet<&[u8]>) -> Option<T>,
    ) -> Option<T> {
        let mac = self.mac;
        self.find(patience, |frame| {
            let frame = EthernetFrame::new_checked(frame).ok()?;
            let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let ours = frame.ethertype() == EthernetProtocol::Ipv4
                && frame.dst_addr().0 == mac
                && packet.next_header() == protocol;
            if !ours {
                return None;
            }
            assert!(packet.verify_checksum(), "a packet of the gateway has a right checksum");
            pick(&packet)
        })
    }

    /// The next datagram to this port: who sent it, and what.
    pub fn find_udp(&mut self, patience: Duration, port: u16) -> Option<(SocketAddrV4, Vec<u8>)> {
        self.find_ip(patience, IpProtocol::Udp, |packet| {
            let udp = UdpPacket::new_checked(packet.payload()).ok()?;
            let (from, to) = (packet.src_addr(), packet.dst_addr());
            assert!(udp.verify_checksum(&from.into(), &to.into()));
            let sender = SocketAddrV4::new(from, udp.src_port());
            (udp.dst_port() == port).then(|| (sender, udp.payload().to_vec()))
        })
    }

    /// The next ICMP error: type and code.
    pub fn find_icmp(&mut self, patience: Duration) -> Option<(u8, u8)> {
        self.find_ip(patience, IpProtocol::Icmp, |packet| {
            let icmp = packet.payload();
            Some((*icmp.first()?, *icmp.get(1)?))
        })
    }

    fn answer_arp(&mut self, frame: &[u8]) {
        let Ok(frame) = EthernetFrame::new_checked(frame) else { return };
        if frame.ethertype() != EthernetProtocol::Arp {
            return;
        }
        let Ok(packet) = ArpPacket::new_checked(frame.payload()) else { return };
        let Ok(ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Request,
            source_protocol_addr,
            target_protocol_addr,
            ..
        }) = ArpRepr::parse(&packet)
        else {
            return;
        };
        if target_protocol_addr == self.ip {
            let to = frame.src_addr().0;
            self.send_arp(ArpOperation::Reply, to, source_protocol_addr);
        }
    }
}
