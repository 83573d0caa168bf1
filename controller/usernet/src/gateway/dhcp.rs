//! DHCP: each VM gets its address for good.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable, Encoder, Name};
use smoltcp::wire::IpProtocol;

use super::Origin;
use crate::leases::{Assigned, Leases};
use crate::services::Lease;
use crate::switch::PortId;
use crate::turn::{Network, Turn};
use crate::wire::Mac;
use crate::wire::packet::{self, Ip};

/// The server's port.
pub const SERVER: u16 = 67;
const CLIENT: u16 = 68;

/// As Lima's daemon: an hour.
const SECONDS: u32 = 3600;

/// Addresses that one VM may take under names that it makes up, so that it can't take all; in a
/// small network it is half of them.
const MOST_OF_ONE: usize = 32;

/// Options that are read, by code and length (RFC 2132): the address that is asked for, the kind of
/// message, the server.
const READ: [(u8, u8); 3] = [(50, 4), (53, 1), (54, 4)];

/// Options without a length.
const PAD: u8 = 0;
const END: u8 = 255;

/// Addresses that one VM may decline until it is plugged in anew; then it keeps the one it has. Each
/// costs a file that is written.
const DECLINES: usize = 8;

/// Gives addresses out.
#[derive(Debug)]
pub struct Dhcp {
    /// What was given.
    pub leases: Leases,
    /// Domains that guests add to names without dots: the host's own.
    search: Vec<Name>,
    /// How many a VM has declined.
    declined: HashMap<PortId, usize>,
}

impl Dhcp {
    /// With these leases, and the host's search list.
    pub fn new(leases: Leases, search: &[String]) -> Self {
        let search = search.iter().filter_map(|name| Name::from_ascii(name).ok()).collect();
        Self { leases, search, declined: HashMap::new() }
    }

    /// Answers a guest's datagram.
    pub fn arrive(&mut self, turn: &mut Turn<'_>, origin: Origin, data: &[u8]) {
        let Some(query) = read(data) else { return };
        let ours = query.opcode() == Opcode::BootRequest && query.chaddr() == origin.mac.0;
        let Some(kind) = query.opts().msg_type().filter(|_| ours) else { return };
        let known = self.leases.of(origin.mac);
        let answer = match kind {
            MessageType::Discover => self.offer(turn, origin, &query),
            MessageType::Request => self.acknowledge(turn, origin, &query),
            MessageType::Inform => Some(self.answer(turn.network, &query, MessageType::Ack, None)),
            MessageType::Decline => {
                let declined = self.declined.entry(origin.port).or_default();
                // Not that of another VM, in whose name it may speak.
                let own = turn.switch.card(origin.port) == Some(origin.mac);
                if own && known.is_some() && *declined < DECLINES {
                    *declined += 1;
                    self.leases.decline(origin.mac, turn.clock.now());
                    turn.switch.give_back(origin.mac);
                }
                return;
            }
            // An address is a VM's for good: a release changes nothing.
            _ => return,
        };
        let Some(frames) = answer.and_then(|answer| frames(turn, origin, &query, &answer)) else {
            return;
        };
        if self.leases.of(origin.mac) == known {
            turn.switch.queue(origin.mac, &frames);
        } else {
            // Whose it is comes onto the disk before the guest knows of it: a daemon that is killed
            // is no way to more addresses.
            turn.switch.cards().into_iter().for_each(|cards| turn.services.keep(cards));
            let all = self.leases.all();
            turn.services.save(Lease { all, mac: origin.mac, answer: frames });
        }
    }

    /// A port is no more. What its VM was given counts when it comes back: to be plugged in anew
    /// would be a way to all addresses.
    pub fn forget(&mut self, port: PortId) {
        self.declined.remove(&port);
    }

    fn offer(&mut self, turn: &mut Turn<'_>, origin: Origin, query: &Message) -> Option<Message> {
        let address = self.assign(turn, origin, asked(query))?;
        Some(self.answer(turn.network, query, MessageType::Offer, Some(address)))
    }

    fn acknowledge(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        query: &Message,
    ) -> Option<Message> {
        if let Some(DhcpOption::ServerIdentifier(server)) =
            query.opts().get(OptionCode::ServerIdentifier)
            && *server != turn.network.gateway()
        {
            // It took another server's offer.
            return None;
        }
        let asked = asked(query)?;
        let address = self.assign(turn, origin, Some(asked))?;
        if address == asked {
            return Some(self.answer(turn.network, query, MessageType::Ack, Some(address)));
        }
        Some(refusal(turn.network, query))
    }

    fn assign(
        &mut self,
        turn: &mut Turn<'_>,
        origin: Origin,
        wish: Option<Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        let card = turn.switch.name(origin.port).unwrap_or(origin.mac);
        let has = turn.switch.taken(card);
        if self.leases.of(origin.mac).is_none() && has >= most_of_one(turn.network) {
            return None;
        }
        let away = |mac| turn.switch.away(mac);
        let lease = self.leases.assign(origin.mac, wish, turn.clock.now(), away);
        let Some(Assigned { address, new, from }) = lease else {
            tracing::warn!("no address is left for {}", origin.mac);
            return None;
        };
        if new {
            from.into_iter().for_each(|from| turn.switch.give_back(from));
            turn.switch.take(origin.mac, card);
        }
        Some(address)
    }

    fn answer(
        &self,
        network: &Network,
        query: &Message,
        kind: MessageType,
        address: Option<Ipv4Addr>,
    ) -> Message {
        let gateway = network.gateway();
        let mut answer = reply(query, kind, gateway);
        answer.set_siaddr(gateway);
        if let Some(address) = address {
            answer.set_yiaddr(address);
            answer.opts_mut().insert(DhcpOption::AddressLeaseTime(SECONDS));
        } else {
            answer.set_ciaddr(query.ciaddr());
        }
        let options = answer.opts_mut();
        options.insert(DhcpOption::SubnetMask(network.subnet.mask()));
        options.insert(DhcpOption::Router(vec![gateway]));
        options.insert(DhcpOption::DomainNameServer(vec![gateway]));
        options.insert(DhcpOption::InterfaceMtu(u16::try_from(network.mtu).unwrap_or(1500)));
        if !self.search.is_empty() {
            options.insert(DhcpOption::DomainSearch(self.search.clone()));
        }
        answer
    }
}

/// A message with no options but those that are read here, each of its one possible length. The
/// library takes lengths on trust: that of a hardware address above 16 ended the daemon, and with
/// debug assertions those of some options.
fn read(data: &[u8]) -> Option<Message> {
    // RFC 2131: the length of a hardware address, the names of server and file, where options begin.
    const HLEN: usize = 2;
    const NAMES: std::ops::Range<usize> = 44..236;
    const OPTIONS: usize = 240;
    let (head, mut rest) = data.split_at_checked(OPTIONS)?;
    if usize::from(head[HLEN]) != Mac::BROADCAST.0.len() {
        return None;
    }
    let mut plain = head.to_vec();
    plain[NAMES].fill(0);
    while let Some((code, after)) = rest.split_first().filter(|(code, _)| **code != END) {
        rest = after;
        if *code == PAD {
            continue;
        }
        let (length, after) = after.split_first()?;
        let (value, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        if READ.contains(&(*code, *length)) {
            plain.extend([*code, *length]);
            plain.extend(value);
        }
    }
    plain.push(END);
    Message::decode(&mut Decoder::new(&plain)).ok()
}

fn most_of_one(network: &Network) -> usize {
    let half = network.subnet.guests().take(2 * MOST_OF_ONE).count() / 2;
    half.max(1)
}

fn reply(query: &Message, kind: MessageType, gateway: Ipv4Addr) -> Message {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut answer =
        Message::new_with_id(query.xid(), none, none, none, query.giaddr(), query.chaddr());
    answer.set_opcode(Opcode::BootReply).set_flags(query.flags());
    answer.opts_mut().insert(DhcpOption::MessageType(kind));
    answer.opts_mut().insert(DhcpOption::ServerIdentifier(gateway));
    answer
}

fn refusal(network: &Network, query: &Message) -> Message {
    let mut answer = reply(query, MessageType::Nak, network.gateway());
    // RFC 2131, 4.3.2: to all, since the guest's address may be wrong.
    answer.set_flags(Flags::default().set_broadcast());
    answer
}

/// The address that the guest asks for or uses.
fn asked(query: &Message) -> Option<Ipv4Addr> {
    match query.opts().get(OptionCode::RequestedIpAddress) {
        Some(DhcpOption::RequestedIpAddress(address)) => Some(*address),
        _ => Some(query.ciaddr()).filter(|address| !address.is_unspecified()),
    }
}

/// The answer's frames.
fn frames(turn: &Turn<'_>, origin: Origin, query: &Message, answer: &Message) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    answer.encode(&mut Encoder::new(&mut bytes)).ok()?;
    let from = turn.network.gateway();
    let known = [query.ciaddr(), answer.yiaddr()].into_iter().find(|a| !a.is_unspecified());
    let to = known.filter(|_| !answer.flags().broadcast()).unwrap_or(Ipv4Addr::BROADCAST);
    let datagram = packet::udp((from, SERVER), (to, CLIENT), &bytes);
    Some(turn.frames(origin.mac, Ip { from, to, protocol: IpProtocol::Udp }, &datagram))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_nobody_reads_do_no_harm() {
        let mut query = Message::default();
        query.set_chaddr(&[2; 6]);
        query.opts_mut().insert(DhcpOption::MessageType(MessageType::Discover));
        let mut good = Vec::new();
        query.encode(&mut Encoder::new(&mut good)).unwrap();
        assert_eq!(read(&good).unwrap().opts().msg_type(), Some(MessageType::Discover));
        let with = |option: &[u8]| [&good[..240], option, &[PAD, 53, 1, 1, END]].concat();
        // A route with a prefix of 33 bits, a rapid commit that says something, no interface.
        for option in [&[121, 9, 33, 1, 2, 3, 4, 5, 6, 7, 8][..], &[80, 1, 1], &[94, 1, 1]] {
            let query = read(&with(option)).unwrap();
            assert_eq!(query.opts().msg_type(), Some(MessageType::Discover));
        }
        assert!(read(&with(&[50, 200, 1])).is_none(), "cut off");
        let mut long = good.clone();
        long[2] = 255;
        assert!(read(&long).is_none());
        (0..good.len()).for_each(|end| drop(read(&good[..end])));
    }
}
