//! A guest's end of a connection, segment by segment.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{IpProtocol, TcpControl, TcpPacket, TcpRepr, TcpSeqNumber};

use super::Guest;
use super::guest::PATIENCE;

/// A segment that came.
#[derive(Clone, Debug)]
pub struct Segment {
    /// What it is besides data.
    pub control: TcpControl,
    /// Its number.
    pub seq: TcpSeqNumber,
    /// Up to where the sender heard us.
    pub ack: Option<TcpSeqNumber>,
    /// What the sender takes, not scaled.
    pub window: usize,
    /// Data.
    pub data: Vec<u8>,
    /// The largest segment that the sender takes.
    pub mss: Option<u16>,
    /// How its windows are scaled.
    pub scale: Option<u8>,
}

/// One end.
#[derive(Clone, Debug)]
pub struct Tcp {
    /// Our port.
    pub port: u16,
    /// The other end.
    pub remote: SocketAddrV4,
    /// Our next number.
    pub seq: TcpSeqNumber,
    /// The next number of the other end.
    pub ack: TcpSeqNumber,
    /// What we take, scaled by 7 after the handshake.
    pub window: u16,
    /// The largest segment that we take.
    pub mss: u16,
    /// How the other end's windows are scaled.
    pub scale: u8,
}

impl Tcp {
    /// Connects.
    pub fn connect(guest: &mut Guest, port: u16, remote: SocketAddrV4) -> Self {
        let mut tcp = Self::new(port, remote);
        tcp.send_syn(guest);
        let answer = tcp.next(guest, PATIENCE).expect("an answer to a SYN");
        assert_eq!(answer.control, TcpControl::Syn, "{answer:?}");
        tcp.established(guest, &answer);
        tcp
    }

    /// An end that has said nothing yet.
    pub fn new(port: u16, remote: SocketAddrV4) -> Self {
        let (seq, ack) = (TcpSeqNumber(1_000_000), TcpSeqNumber(0));
        Self { port, remote, seq, ack, window: 0xffff, mss: 1460, scale: 0 }
    }

    /// Asks for a connection.
    pub fn send_syn(&self, guest: &mut Guest) {
        let mut repr = self.repr(TcpControl::Syn, &[]);
        repr.ack_number = None;
        repr.max_seg_size = Some(self.mss);
        repr.window_scale = Some(7);
        self.send_repr(guest, &repr);
    }

    /// The other end accepted.
    pub fn established(&mut self, guest: &mut Guest, answer: &Segment) {
        self.seq += 1;
        self.scale = answer.scale.unwrap_or(0);
        self.ack = answer.seq + 1;
        self.send(guest, TcpControl::None, &[]);
    }

    /// Sends a segment; what it takes of the numbers counts as sent.
    pub fn send(&mut self, guest: &mut Guest, control: TcpControl, data: &[u8]) {
        self.send_repr(guest, &self.repr(control, data));
        self.seq += data.len() + control.len();
    }

    /// A segment.
    pub fn repr<'a>(&self, control: TcpControl, payload: &'a [u8]) -> TcpRepr<'a> {
        TcpRepr {
            src_port: self.port,
            dst_port: self.remote.port(),
            control,
            seq_number: self.seq,
            ack_number: Some(self.ack),
            window_len: self.window,
            window_scale: None,
            max_seg_size: None,
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload,
        }
    }

    /// Sends this segment.
    pub fn send_repr(&self, guest: &mut Guest, repr: &TcpRepr) {
        let bytes = bytes(guest.ip, *self.remote.ip(), repr);
        guest.send_ip(*self.remote.ip(), IpProtocol::Tcp, &bytes);
    }

    /// The next segment of the other end.
    pub fn next(&self, guest: &mut Guest, patience: Duration) -> Option<Segment> {
        let (port, remote) = (self.port, self.remote);
        guest.find_ip(patience, IpProtocol::Tcp, |packet| {
            let tcp = TcpPacket::new_checked(packet.payload()).ok()?;
            let (from, to) = (packet.src_addr().into(), packet.dst_addr().into());
            let all = ChecksumCapabilities::default();
            let repr = TcpRepr::parse(&tcp, &from, &to, &all).expect("a right segment");
            let ours = (packet.src_addr(), repr.src_port, repr.dst_port)
                == (*remote.ip(), remote.port(), port);
            ours.then(|| Segment {
                control: repr.control,
                seq: repr.seq_number,
                ack: repr.ack_number,
                window: repr.window_len.into(),
                data: repr.payload.to_vec(),
                mss: repr.max_seg_size,
                scale: repr.window_scale,
            })
        })
    }

    /// The next segment that is more than an acknowledgement or a question whether we are there.
    pub fn next_new(&self, guest: &mut Guest, patience: Duration) -> Option<Segment> {
        loop {
            let segment = self.next(guest, patience)?;
            let old = segment.data.is_empty() || segment.seq < self.ack;
            if segment.control != TcpControl::None || !old {
                return Some(segment);
            }
        }
    }

    /// Reads data, acknowledging it, until so much came or the other end has no more.
    pub fn read(&mut self, guest: &mut Guest, most: usize) -> (Vec<u8>, bool) {
        let mut data = Vec::new();
        while data.len() < most {
            let Some(segment) = self.next(guest, PATIENCE) else { break };
            assert_ne!(segment.control, TcpControl::Rst, "after {} bytes", data.len());
            if segment.seq != self.ack {
                continue;
            }
            let end = segment.control == TcpControl::Fin;
            self.ack += segment.data.len() + usize::from(end);
            let heard = !segment.data.is_empty() || end;
            data.extend_from_slice(&segment.data);
            if heard {
                self.send(guest, TcpControl::None, &[]);
            }
            if end {
                return (data, true);
            }
        }
        (data, false)
    }

    /// Waits until the other end heard all that we sent.
    pub fn heard(&self, guest: &mut Guest) -> Segment {
        loop {
            let segment = self.next(guest, PATIENCE).expect("an acknowledgement");
            if segment.ack == Some(self.seq) {
                return segment;
            }
        }
    }
}

/// A segment's bytes.
pub fn bytes(from: Ipv4Addr, to: Ipv4Addr, repr: &TcpRepr) -> Vec<u8> {
    let mut bytes = vec![0; repr.buffer_len()];
    let mut packet = TcpPacket::new_unchecked(&mut bytes[..]);
    repr.emit(&mut packet, &from.into(), &to.into(), &ChecksumCapabilities::default());
    bytes
}
