//! What an agent answers on a connection, call by call.

use std::collections::BTreeMap;

use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::fields::Fields;

/// Types of frames and flags (RFC 9113, 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GO_AWAY: u8 = 7;
const END_STREAM: u8 = 1;
/// Before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What one call was answered with.
#[derive(Debug, Default)]
pub struct Answer {
    data: Vec<u8>,
    /// Whether its end said that all went well.
    pub well: Option<bool>,
}

impl Answer {
    /// The first message, if it came whole and is one.
    pub fn message<M: Message + Default>(&self) -> Option<M> {
        let (prefix, rest) = self.data.split_first_chunk::<PREFIX>()?;
        let [0, length @ ..] = *prefix else { return None };
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        M::decode(rest.get(..length)?).ok()
    }
}

/// The answers by the calls' streams.
#[derive(Default)]
pub struct Answers {
    fields: Fields,
    /// What was said so far.
    pub calls: BTreeMap<u32, Answer>,
}

impl Answers {
    /// Reads one frame.
    pub async fn frame(&mut self, agent: &mut (impl AsyncRead + Unpin)) {
        let mut header = [0; 9];
        agent.read_exact(&mut header).await.unwrap();
        let [a, b, c, kind, flags, stream @ ..] = header;
        let stream = u32::from_be_bytes(stream);
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        agent.read_exact(&mut payload).await.unwrap();
        assert_ne!(kind, GO_AWAY, "the connection ends");
        match kind {
            DATA => self.calls.entry(stream).or_default().data.extend(payload),
            HEADERS => {
                let well = self.fields.ended_well(&payload);
                assert_eq!(well.is_some(), flags & END_STREAM != 0, "a status is at the end");
                self.calls.entry(stream).or_default().well = well;
            }
            // After the end it only says that no more need be sent (RFC 9113, 8.1).
            RST_STREAM => {
                let ended = self.calls.get(&stream).is_some_and(|call| call.well.is_some());
                assert!(ended, "the call of stream {stream} is broken off");
            }
            _ => {}
        }
    }
}
