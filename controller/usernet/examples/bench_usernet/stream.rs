//! One TCP stream between a guest and the host. The guest's end is no more than is needed: it
//! keeps to windows and acknowledges what comes in order.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use smoltcp::wire::{IpProtocol, TcpControl, TcpSeqNumber};

use crate::peer::guest::{GATEWAY, PATIENCE};
use crate::peer::tcp::Tcp;
use crate::peer::{Daemon, Guest};
use crate::process::{Meter, Moved};

/// Length, Ethernet, IP and TCP.
const HEADERS: usize = 4 + 14 + 20 + 20;

/// Up and down through the daemon.
pub fn daemon(mtu: usize, span: Duration) -> (Moved, Moved) {
    let words = ["--mtu".to_owned(), mtu.to_string()];
    let daemon = Daemon::start(&[&words[0], &words[1]]);
    let mut guest = Guest::plug(&daemon, 1, 1);
    both(daemon.pid(), &mut guest, GATEWAY, mtu, span)
}

/// Up and down between a guest and the host, which the guest finds at this address.
pub fn both(
    pid: u32,
    guest: &mut Guest,
    host: Ipv4Addr,
    mtu: usize,
    span: Duration,
) -> (Moved, Moved) {
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(&guest.stream, 1 << 20);
    let (sink, at) = listen(host, |mut stream| {
        let mut buffer = vec![0; 1 << 20];
        while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let up = Speaker::connect(guest, 40_000, at, mtu).send(pid, span);
    let (source, at) = listen(host, |mut stream| {
        let buffer = vec![0; 1 << 20];
        while stream.write_all(&buffer).is_ok() {}
    });
    let down = Speaker::connect(guest, 40_001, at, mtu).receive(pid, span);
    sink.join().expect("the sink ends");
    source.join().expect("the source ends");
    (up, down)
}

fn listen(
    host: Ipv4Addr,
    serve: impl FnOnce(TcpStream) + Send + 'static,
) -> (JoinHandle<()>, SocketAddrV4) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let thread = std::thread::spawn(move || serve(listener.accept().expect("a connection").0));
    (thread, SocketAddrV4::new(host, port))
}

/// A guest's end, made for speed.
struct Speaker<'a> {
    guest: &'a mut Guest,
    tcp: Tcp,
    /// Segments' data.
    mss: usize,
    seq: u32,
    ack: u32,
    /// Up to where the other end takes data.
    edge: u32,
    heard: u32,
    /// How the other end's windows are scaled.
    scale: u8,
    begun: Vec<u8>,
}

impl<'a> Speaker<'a> {
    fn connect(guest: &'a mut Guest, port: u16, at: SocketAddrV4, mtu: usize) -> Self {
        let mut tcp = Tcp::new(port, at);
        tcp.mss = u16::try_from(mtu - 40).expect("an MTU");
        tcp.send_syn(guest);
        let answer = tcp.next(guest, PATIENCE).expect("an answer");
        tcp.established(guest, &answer);
        let seq = tcp.seq.0.cast_unsigned();
        let mss = usize::from(answer.mss.unwrap_or(536)).min(mtu - 40);
        Self {
            mss,
            seq,
            ack: tcp.ack.0.cast_unsigned(),
            edge: seq.wrapping_add(u32::try_from(answer.window).unwrap_or(0)),
            heard: seq,
            scale: answer.scale.unwrap_or(0),
            begun: Vec::new(),
            guest,
            tcp,
        }
    }

    fn send(mut self, pid: u32, span: Duration) -> Moved {
        let most = ((256 << 10) / (HEADERS + self.mss)).max(1);
        let mut frames = self.frame(self.mss).repeat(most);
        let meter = Meter::start(pid);
        let before = self.heard;
        let (mut bytes, mut last) = (0u64, before);
        while !meter.lasted(span) {
            let room = self.edge.wrapping_sub(self.seq).cast_signed().max(0);
            let count = (usize::try_from(room).unwrap_or(0) / self.mss).min(most);
            for frame in frames.chunks_mut(HEADERS + self.mss).take(count) {
                self.number(frame);
                self.seq = self.seq.wrapping_add(u32::try_from(self.mss).unwrap_or(0));
            }
            let length = count * (HEADERS + self.mss);
            self.guest.stream.write_all(&frames[..length]).expect("it reads");
            self.hear(count == 0);
            bytes += u64::from(self.heard.wrapping_sub(last));
            last = self.heard;
        }
        let moved = meter.stop(bytes);
        self.close();
        moved
    }

    fn receive(mut self, pid: u32, span: Duration) -> Moved {
        let (meter, mut bytes) = (Meter::start(pid), 0);
        while !meter.lasted(span) {
            let before = self.ack;
            self.hear(true);
            let progress = self.ack.wrapping_sub(before);
            bytes += u64::from(progress);
            if progress == 0 {
                // Half a frame: an acknowledgement of nothing would ask for what was lost.
                continue;
            }
            let mut frame = self.frame(0);
            self.number(&mut frame);
            self.guest.stream.write_all(&frame).expect("it reads");
        }
        let moved = meter.stop(bytes);
        self.close();
        moved
    }

    /// Takes in what came; waits for it if so asked. Returns how many bytes it was.
    fn hear(&mut self, wait: bool) -> usize {
        self.guest.stream.set_nonblocking(!wait).expect("a socket");
        let mut buffer = std::mem::take(&mut self.begun);
        let start = buffer.len();
        buffer.resize(start + (512 << 10), 0);
        let count = match self.guest.stream.read(&mut buffer[start..]) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        };
        self.guest.stream.set_nonblocking(false).expect("a socket");
        buffer.truncate(start + count);
        let mut at = 0;
        while let Some(length) = buffer[at..].first_chunk::<4>() {
            let end = at + 4 + u32::from_be_bytes(*length) as usize;
            if end > buffer.len() {
                break;
            }
            self.segment(&buffer[at + 4..end]);
            at = end;
        }
        buffer.drain(..at);
        self.begun = buffer;
        count
    }

    fn segment(&mut self, frame: &[u8]) {
        if frame.len() < HEADERS - 4 || frame[12..14] != [8, 0] || frame[23] != 6 {
            return;
        }
        let word = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
        let long = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
        if word(36) != self.tcp.port {
            return;
        }
        let (seq, ack) = (long(38), long(42));
        let header = usize::from(frame[46] >> 4) * 4;
        let data = usize::from(word(16)) - 20 - header;
        if seq == self.ack {
            self.ack = self.ack.wrapping_add(u32::try_from(data).unwrap_or(0));
        }
        if ack.wrapping_sub(self.heard).cast_signed() >= 0 {
            self.heard = ack;
            self.edge = ack.wrapping_add(u32::from(word(48)) << self.scale);
        }
    }

    /// A frame with so many zeros as data.
    fn frame(&self, data: usize) -> Vec<u8> {
        let mut repr = self.tcp.repr(TcpControl::None, &[]);
        repr.window_len = 0xffff;
        let zeros = vec![0; data];
        repr.payload = &zeros;
        let (from, to) = (self.guest.ip, *self.tcp.remote.ip());
        let segment = crate::peer::tcp::bytes(from, to, &repr);
        let packet = self.guest.ip_packet(to, IpProtocol::Tcp, &segment);
        let length = u32::try_from(14 + packet.len()).expect("a frame is short");
        let head = [&self.guest.gateway[..], &self.guest.mac, &[8, 0]].concat();
        [&length.to_be_bytes()[..], &head, &packet].concat()
    }

    /// Puts the numbers of now into a frame.
    fn number(&self, frame: &mut [u8]) {
        let tcp = &mut frame[HEADERS - 20..];
        tcp[4..8].copy_from_slice(&self.seq.to_be_bytes());
        tcp[8..12].copy_from_slice(&self.ack.to_be_bytes());
        tcp[16..18].fill(0);
        let length = u32::try_from(tcp.len()).unwrap_or(0);
        // Data is zeros, and adds nothing.
        let words = frame[4 + 14 + 12..HEADERS].chunks(2);
        let mut sum: u32 = words.map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
        sum += 6 + length;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let sum = !u16::try_from(sum).unwrap_or(0);
        frame[HEADERS - 4..HEADERS - 2].copy_from_slice(&sum.to_be_bytes());
    }

    fn close(mut self) {
        self.tcp.seq = TcpSeqNumber(self.seq.cast_signed());
        self.tcp.ack = TcpSeqNumber(self.ack.cast_signed());
        self.tcp.send(self.guest, TcpControl::Rst, &[]);
        // What is still on its way is not the next connection's.
        let patience = Some(Duration::from_secs(1));
        self.guest.stream.set_read_timeout(patience).expect("a socket has timeouts");
        while self.hear(true) > 0 {}
        self.guest.stream.set_read_timeout(Some(PATIENCE)).expect("a socket has timeouts");
    }
}
