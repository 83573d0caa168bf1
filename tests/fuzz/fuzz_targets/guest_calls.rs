//! Any bytes as what a host sends to a guest agent on one connection. This one opens no tunnel,
//! touches no file and sets no clock.
#![no_main]

use libfuzzer_sys::fuzz_target;
use limekiln_guestagent::{GuestAgent, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// More than a connection has to say of what fits into one input.
const PIPE: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("there are descriptors").block_on(async {
        let (host, guest) = duplex(PIPE);
        let (mut answers, mut says) = tokio::io::split(host);
        let told = async {
            // Nobody reads any more when the agent has hung up.
            let _ = says.write_all(bytes).await;
            let _ = says.shutdown().await;
        };
        let heard = async {
            let mut buffer = vec![0; 4096];
            while answers.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
        };
        let served = async { drop(serve(GuestAgent::for_show(), guest).await) };
        tokio::join!(told, heard, served);
    });
});
