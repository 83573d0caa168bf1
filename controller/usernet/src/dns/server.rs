//! Answers to guests' queries.

use std::net::Ipv4Addr;
use std::sync::Mutex;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, CNAME, PTR};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::Upstream;
use super::zones::{Known, Zones};

/// Seconds that guests may keep an answer: a VM's address may be another tomorrow, and the host's
/// resolver has its own cache.
const TTL: u32 = 5;

/// What a datagram may hold unless the guest says otherwise (RFC 1035).
const DATAGRAM: usize = 512;

/// Names that stand for names that stand for names.
const ALIASES: usize = 8;

/// Answers a query as a datagram: cut, with a mark, if it is too long for one.
pub async fn datagram(zones: &Mutex<Zones>, upstream: &Upstream, query: &[u8]) -> Option<Vec<u8>> {
    let answer = answer(zones, upstream, query).await?;
    let asked = Message::from_vec(query).ok().map_or(DATAGRAM, |q| usize::from(q.max_payload()));
    if answer.len() <= asked.clamp(DATAGRAM, 4096) {
        return Some(answer);
    }
    Message::from_vec(&answer).ok()?.truncate().to_vec().ok()
}

/// Answers a query; `None` for what is no query.
pub async fn answer(zones: &Mutex<Zones>, upstream: &Upstream, bytes: &[u8]) -> Option<Vec<u8>> {
    let query = match Message::from_vec(bytes) {
        Ok(query) => query,
        Err(_) => return malformed(bytes),
    };
    if query.metadata.message_type != MessageType::Query {
        return None;
    }
    let [question] = &query.queries[..] else { return code(&query, ResponseCode::FormErr) };
    if query.metadata.op_code != OpCode::Query {
        return code(&query, ResponseCode::NotImp);
    }
    let found = if question.query_class() == DNSClass::IN {
        find(zones, upstream, question).await
    } else {
        Found::Ask
    };
    match found {
        Found::Records(records) => reply(&query, ResponseCode::NoError, records),
        Found::Missing => code(&query, ResponseCode::NXDomain),
        Found::Ask => match upstream.relay(bytes).await {
            Some(answer) => Some(answer),
            None => code(&query, ResponseCode::ServFail),
        },
    }
}

enum Found {
    Records(Vec<Record>),
    Missing,
    /// The host's servers are to be asked with the guest's own query.
    Ask,
}

async fn find(zones: &Mutex<Zones>, upstream: &Upstream, question: &Query) -> Found {
    match question.query_type() {
        RecordType::A => addresses(zones, upstream, question.name()).await,
        // There is no IPv6 on the network: a guest need not try it first.
        RecordType::AAAA => match known(zones, &question.name().to_ascii()) {
            Known::Missing => Found::Missing,
            _ => Found::Records(Vec::new()),
        },
        RecordType::PTR => pointer(zones, question.name()),
        _ => match known(zones, &question.name().to_ascii()) {
            Known::Missing => Found::Missing,
            Known::Nothing => Found::Ask,
            Known::Address(_) | Known::Alias(_) => Found::Records(Vec::new()),
        },
    }
}

fn known(zones: &Mutex<Zones>, name: &str) -> Known {
    match zones.lock() {
        Ok(mut zones) => zones.find(name),
        Err(_) => Known::Nothing,
    }
}

async fn addresses(zones: &Mutex<Zones>, upstream: &Upstream, name: &Name) -> Found {
    let (mut records, mut at) = (Vec::new(), name.clone());
    for _ in 0..ALIASES {
        match known(zones, &at.to_ascii()) {
            Known::Address(address) => {
                records.push(Record::from_rdata(at, TTL, RData::A(A(address))));
                return Found::Records(records);
            }
            Known::Alias(alias) => {
                let Ok(alias) = Name::from_utf8(format!("{}.", alias.trim_end_matches('.'))) else {
                    return Found::Missing;
                };
                records.push(Record::from_rdata(at, TTL, RData::CNAME(CNAME(alias.clone()))));
                at = alias;
            }
            Known::Missing => return Found::Missing,
            Known::Nothing => return from_host(upstream, records, at).await,
        }
    }
    Found::Missing
}

async fn from_host(upstream: &Upstream, mut records: Vec<Record>, name: Name) -> Found {
    let found = upstream.addresses(name.to_utf8().trim_end_matches('.')).await;
    if found.is_empty() && records.is_empty() {
        // Only the servers know whether there is no such name, or whether they failed.
        return Found::Ask;
    }
    let record = |address| Record::from_rdata(name.clone(), TTL, RData::A(A(address)));
    records.extend(found.into_iter().map(record));
    Found::Records(records)
}

fn pointer(zones: &Mutex<Zones>, name: &Name) -> Found {
    let name_of = |address| zones.lock().ok()?.name_of(address);
    let Some(target) = reverse(&name.to_ascii()).and_then(name_of) else { return Found::Ask };
    let Ok(target) = Name::from_ascii(format!("{target}.")) else { return Found::Ask };
    Found::Records(vec![Record::from_rdata(name.clone(), TTL, RData::PTR(PTR(target)))])
}

/// The address in a name such as `1.104.168.192.in-addr.arpa`.
fn reverse(name: &str) -> Option<Ipv4Addr> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let octets: Ipv4Addr = name.strip_suffix(".in-addr.arpa")?.parse().ok()?;
    let [a, b, c, d] = octets.octets();
    Some(Ipv4Addr::new(d, c, b, a))
}

fn reply(query: &Message, code: ResponseCode, records: Vec<Record>) -> Option<Vec<u8>> {
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.metadata.recursion_desired = query.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer.add_queries(query.queries.iter().take(1).cloned());
    answer.add_answers(records);
    if query.edns.is_some() {
        let mut ours = hickory_proto::op::Edns::new();
        ours.set_max_payload(4096).set_version(0);
        answer.set_edns(ours);
    }
    answer.to_vec().ok()
}

fn code(query: &Message, code: ResponseCode) -> Option<Vec<u8>> {
    reply(query, code, Vec::new())
}

/// A query that can't be read is told so, if it has at least a header.
fn malformed(bytes: &[u8]) -> Option<Vec<u8>> {
    let header = bytes.first_chunk::<12>()?;
    let is_query = header[2] & 0x80 == 0;
    let id = u16::from_be_bytes([header[0], header[1]]);
    let answer = Message::error_msg(id, OpCode::Query, ResponseCode::FormErr);
    is_query.then(|| answer.to_vec().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::reverse;

    #[test]
    fn a_reverse_name_is_an_address() {
        let address = reverse("1.104.168.192.IN-ADDR.arpa.").unwrap();
        assert_eq!(address.to_string(), "192.168.104.1");
        assert_eq!(reverse("1.104.168.in-addr.arpa"), None);
    }
}
