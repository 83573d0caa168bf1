//! What Lima's own client sent, byte for byte: `lima-hostagent.bin` holds its side of a connection
//! (grpc-go 1.83, Lima's package `guestagent/api/client`): GetInfo, GetEvents, Tunnel, SyncTime and
//! PostInotify, all with an empty `:authority`. The time that it tells is long past: the agent under
//! test leaves the clock alone.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use limekiln_guestagent::{GuestAgent, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

const RECORDED: &[u8] = include_bytes!("lima-hostagent.bin");

/// Types of frames (RFC 9113, 6).
const HEADERS: u8 = 1;
const GO_AWAY: u8 = 7;

/// The types of frames that each stream was answered with, until nothing comes for a while.
async fn answered(host: &mut DuplexStream) -> BTreeMap<u32, Vec<u8>> {
    let mut frames: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut header = [0; 9];
    while let Ok(Ok(_)) = timeout(Duration::from_secs(1), host.read_exact(&mut header)).await {
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        let stream = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
        let mut payload = vec![0; length as usize];
        host.read_exact(&mut payload).await.unwrap();
        frames.entry(stream).or_default().push(header[3]);
    }
    frames
}

#[tokio::test]
async fn every_call_of_limas_host_agent_is_answered() {
    assert!(RECORDED.windows(9).any(|part| part[3] == HEADERS), "it is a recording of calls");
    let (mut host, guest) = duplex(1 << 20);
    let serving = tokio::spawn(serve(GuestAgent::new(), guest));
    // In small parts, as a slow transport may bring them.
    for part in RECORDED.chunks(7) {
        host.write_all(part).await.unwrap();
        tokio::task::yield_now().await;
    }
    let frames = answered(&mut host).await;
    let calls: Vec<_> = frames.iter().filter(|(stream, _)| **stream != 0).collect();
    assert_eq!(calls.len(), 5, "{frames:?}");
    for (stream, kinds) in calls {
        assert_eq!(kinds.first(), Some(&HEADERS), "stream {stream}: {kinds:?}");
    }
    assert!(!frames[&0].contains(&GO_AWAY), "{frames:?}");
    serving.abort();
}
