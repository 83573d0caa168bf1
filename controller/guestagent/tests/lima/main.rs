//! What Lima's own client sent, byte for byte: `lima-hostagent.bin` holds its side of a connection
//! (grpc-go 1.83, Lima's package `guestagent/api/client`): GetInfo, GetEvents, Tunnel, SyncTime and
//! PostInotify, all with an empty `:authority`. Only the port that the tunnel leads to is another,
//! one where somebody listens. The time that it tells is long past: the agent under test leaves the
//! clock alone.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod answers;
mod fields;

use std::time::Duration;

use answers::{Answer, Answers};
use limekiln_guestagent::{GuestAgent, serve};
use limekiln_proto::guest::{Event, Info, IpPort, TimeSyncResponse, TunnelMessage};
use tokio::io::{AsyncWriteExt, copy, duplex};
use tokio::net::TcpListener;
use tokio::time::timeout;

const RECORDED: &[u8] = include_bytes!("../lima-hostagent.bin");
/// The port in it.
const PORT: &[u8] = b":43823";

/// The streams of its calls.
const GET_INFO: u32 = 1;
const TUNNEL: u32 = 3;
const GET_EVENTS: u32 = 5;
const SYNC_TIME: u32 = 7;
const POST_INOTIFY: u32 = 9;

/// A program in the guest that sends back what it hears, and ends when the other side does.
async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut reader, mut writer) = stream.split();
            copy(&mut reader, &mut writer).await.unwrap();
        }
    });
    port
}

/// The recording, with a tunnel to this port.
fn recorded(port: u16) -> Vec<u8> {
    let port = format!(":{port}").into_bytes();
    assert_eq!(port.len(), PORT.len(), "lengths are in the recording, too");
    let mut bytes = RECORDED.to_vec();
    let places: Vec<_> =
        (0..bytes.len()).filter(|place| bytes[*place..].starts_with(PORT)).collect();
    assert_eq!(places.len(), 2, "each message of the tunnel has it");
    for place in places {
        bytes[place..place + port.len()].copy_from_slice(&port);
    }
    bytes
}

/// What an agent answers to the recording: until all is there that shall be, or a call that shall
/// not end did, or it takes too long.
async fn answers(agent: GuestAgent, port: u16) -> Answers {
    let (mut host, guest) = duplex(1 << 20);
    let serving = tokio::spawn(serve(agent, guest));
    // In small parts, as a slow transport may bring them.
    for part in recorded(port).chunks(7) {
        host.write_all(part).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answers = Answers::default();
    let complete = |(stream, answer): (&u32, &Answer)| match *stream {
        GET_EVENTS => answer.well.is_some() || answer.message::<Event>().is_some(),
        _ => answer.well.is_some(),
    };
    let _ = timeout(Duration::from_secs(20), async {
        while answers.calls.len() < 5 || !answers.calls.iter().all(complete) {
            answers.frame(&mut host).await;
        }
    })
    .await;
    serving.abort();
    answers
}

#[tokio::test]
async fn every_call_of_limas_host_agent_is_answered() {
    let port = echo().await;
    let Answers { calls, .. } = answers(GuestAgent::new(), port).await;
    assert_eq!(calls.len(), 5, "{calls:?}");
    for stream in [GET_INFO, TUNNEL, SYNC_TIME, POST_INOTIFY] {
        assert_eq!(calls[&stream].well, Some(true), "stream {stream}: {calls:?}");
    }
    assert_eq!(calls[&GET_EVENTS].well, None, "events go on: {calls:?}");

    let ours = |listener: &IpPort| listener.ip == "127.0.0.1" && listener.port == i32::from(port);
    let info: Info = calls[&GET_INFO].message().unwrap();
    assert!(info.local_ports.iter().any(ours), "{info:?}");
    let event: Event = calls[&GET_EVENTS].message().unwrap();
    assert!(event.added_local_ports.iter().any(ours), "{event:?}");
    let time: TimeSyncResponse = calls[&SYNC_TIME].message().unwrap();
    assert!(time.drift_ms > 0 && !time.adjusted && !time.error.is_empty(), "{time:?}");
    let back: TunnelMessage = calls[&TUNNEL].message().unwrap();
    assert_eq!(&back.data[..], b"hello");
    calls[&POST_INOTIFY].message::<()>().unwrap();
}

/// The test above must see what is refused: this agent opens no tunnel and tells of no ports.
#[tokio::test]
async fn what_is_refused_is_no_answer() {
    let Answers { calls, .. } = answers(GuestAgent::for_show(), echo().await).await;
    for (stream, answer) in &calls {
        let refused = [TUNNEL, GET_EVENTS].contains(stream);
        assert_eq!(answer.well, Some(!refused), "stream {stream}: {answer:?}");
    }
    assert!(calls[&TUNNEL].message::<TunnelMessage>().is_none());
    assert!(calls[&GET_EVENTS].message::<Event>().is_none());
}
