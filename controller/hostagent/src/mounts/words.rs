//! What the two ends of a mount print.

use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::time::timeout;

use super::guest::MOUNTED;

/// So much of a line is kept; the guest may print without end.
const LONGEST: usize = 400;

/// How long after a process's end its last words may be on their way.
const SETTLE: Duration = Duration::from_millis(200);

/// What was printed so far. The guest wrote it, so it is only ever shown, as printable text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// The guest said that the mount is in place.
    pub(super) mounted: bool,
    /// The last line that says something.
    pub(super) last: Option<String>,
}

/// Reads the pipe until both ends have closed it.
pub(super) fn listen(pipe: OwnedFd) -> std::io::Result<watch::Receiver<Words>> {
    let mut pipe = Receiver::from_owned_fd(pipe)?;
    let (sender, receiver) = watch::channel(Words::default());
    tokio::spawn(async move {
        let (mut chunk, mut line) = ([0; 1024], Vec::new());
        while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
            for &byte in &chunk[..length] {
                if byte == b'\n' {
                    hear(&sender, &line);
                    line.clear();
                } else if line.len() < LONGEST {
                    line.push(byte);
                }
            }
        }
        hear(&sender, &line);
    });
    Ok(receiver)
}

/// What was printed last; what is still in the pipe is waited for.
pub(super) async fn last(mut words: watch::Receiver<Words>) -> Option<String> {
    let closed = async { while words.changed().await.is_ok() {} };
    let _ = timeout(SETTLE, closed).await;
    words.borrow().last.clone()
}

fn hear(sender: &watch::Sender<Words>, line: &[u8]) {
    let line: String = String::from_utf8_lossy(line)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = line.trim();
    if line == MOUNTED {
        sender.send_modify(|words| words.mounted = true);
    } else if !line.is_empty() && !line.starts_with("Warning: Permanently added") {
        sender.send_modify(|words| words.last = Some(line.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::Words;

    #[tokio::test]
    async fn the_last_line_is_kept_and_a_flood_is_not() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut words = super::listen(reader.into()).unwrap();
        writer.write_all(b"Warning: Permanently added x\nlimekiln: mounted\n\x1b[1mno").unwrap();
        std::thread::spawn(move || {
            writer.write_all(&vec![b'x'; 1 << 20]).unwrap();
            writer.write_all(b"\nthe end\n").unwrap();
        });
        let end = Words { mounted: true, last: Some("the end".to_owned()) };
        words.wait_for(|words| *words == end).await.unwrap();
    }
}
