//! A connection.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::command::{Capabilities, Command};
use super::error::QmpError;

/// QEMU is trusted less than its guest is isolated: no answer may eat our memory.
const LONGEST: usize = 1 << 20;

/// How long QEMU may take for one command. It answers between two steps of its main loop.
const DEADLINE: Duration = Duration::from_secs(5);

/// Between two tries to get to its door.
const AT_THE_DOOR: Duration = Duration::from_millis(50);

/// A connection to a QEMU. It serves one client at a time, so connections are kept short.
#[derive(Debug)]
pub struct Qmp {
    stream: BufReader<UnixStream>,
}

#[derive(Deserialize)]
struct Message {
    /// That of the command; none in greetings and events.
    id: Option<u64>,
    #[serde(rename = "return")]
    returned: Option<Value>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    desc: String,
}

impl Qmp {
    /// Connects to the socket at `path` and makes it ready for commands.
    ///
    /// # Errors
    /// The socket does not exist, or QEMU does not answer within five seconds.
    pub async fn connect(path: &Path) -> Result<Self, QmpError> {
        timeout(DEADLINE, Self::handshake(path)).await.unwrap_or(Err(QmpError::Deadline))
    }

    async fn handshake(path: &Path) -> Result<Self, QmpError> {
        let stream = loop {
            match UnixStream::connect(path).await {
                // QEMU is at work and accepts nobody, and no more may wait at its door (unix(7)).
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(AT_THE_DOOR).await,
                stream => break stream?,
            }
        };
        let mut qmp = Self { stream: BufReader::with_capacity(4096, stream) };
        // The greeting; what it says of the version is of no interest.
        qmp.line().await?;
        qmp.answer(&Capabilities).await?;
        Ok(qmp)
    }

    /// Performs a command.
    ///
    /// # Errors
    /// QEMU refuses it, closes the connection, or does not answer within five seconds.
    pub async fn execute<C: Command>(&mut self, command: &C) -> Result<C::Return, QmpError> {
        timeout(DEADLINE, self.answer(command)).await.unwrap_or(Err(QmpError::Deadline))
    }

    async fn answer<C: Command>(&mut self, command: &C) -> Result<C::Return, QmpError> {
        // QEMU answers whoever is connected when a command is done, also to what one asked who was
        // killed meanwhile: numbers that nobody else has tell its answers from ours.
        let id = fastrand::u64(..);
        let mut request = serde_json::json!({ "execute": C::NAME, "id": id });
        match command.arguments() {
            Value::Null => {}
            arguments => request["arguments"] = arguments,
        }
        let line = format!("{request}\n");
        self.stream.get_mut().write_all(line.as_bytes()).await?;
        loop {
            let line = self.line().await?;
            let message: Message = serde_json::from_slice(&line)?;
            if message.id != Some(id) {
                // Events come at any time, also before the answer.
                continue;
            }
            if let Some(refusal) = message.error {
                return Err(QmpError::Refused { command: C::NAME, description: refusal.desc });
            }
            return Ok(serde_json::from_value(message.returned.unwrap_or_default())?);
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, QmpError> {
        let mut line = Vec::new();
        loop {
            let chunk = self.stream.fill_buf().await?;
            if chunk.is_empty() {
                return Err(QmpError::Closed);
            }
            let end = chunk.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(chunk.len(), |end| end + 1);
            line.extend_from_slice(&chunk[..used]);
            self.stream.consume(used);
            if line.len() > LONGEST {
                return Err(QmpError::TooLong(LONGEST));
            }
            if end.is_some() {
                return Ok(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::UnixListener;

    use super::super::{QmpError, QueryBlockStats, Quit};
    use super::Qmp;

    const GREETING: &str = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n";

    /// A peer that answers each command with the next of `answers`, in which `ID` is the command's.
    async fn peer(answers: &'static [&'static str]) -> (tempfile::TempDir, Qmp) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qmp.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            stream.get_mut().write_all(GREETING.as_bytes()).await.unwrap();
            for answer in [&["{\"id\": ID, \"return\": {}}\r\n"], answers].concat() {
                let mut command = String::new();
                stream.read_line(&mut command).await.unwrap();
                let command: serde_json::Value = serde_json::from_str(&command).unwrap();
                let answer = answer.replace("ID", &command["id"].to_string());
                stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (dir, Qmp::connect(&path).await.unwrap())
    }

    #[tokio::test]
    async fn events_before_the_answer_are_passed_over_and_counts_are_summed() {
        let (_dir, mut qmp) = peer(&[concat!(
            "{\"timestamp\": {}, \"event\": \"RESUME\"}\r\n",
            "{\"id\": ID, \"return\": [{\"stats\": {\"rd_operations\": 2, \"wr_operations\": 1}},",
            " {\"stats\": {\"rd_operations\": 3, \"wr_operations\": 0}}]}\r\n"
        )])
        .await;
        let stats = qmp.execute(&QueryBlockStats).await.unwrap().0;
        assert_eq!((stats.reads, stats.writes), (5, 1));
    }

    /// A host agent was killed before QEMU was done with what it had asked.
    #[tokio::test]
    async fn answers_to_others_are_passed_over() {
        let (_dir, mut qmp) = peer(&[concat!(
            "{\"id\": 7, \"return\": {}}\r\n",
            "{\"id\": 8, \"error\": {\"class\": \"X\", \"desc\": \"no\"}}\r\n",
            "{\"return\": {}}\r\n",
            "{\"id\": ID, \"return\": []}\r\n"
        )])
        .await;
        assert_eq!(qmp.execute(&QueryBlockStats).await.unwrap().0.reads, 0);
    }

    /// As while it writes a guest's memory, when it accepts nobody.
    #[tokio::test]
    async fn a_queue_at_the_door_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qmp.sock");
        let socket = tokio::net::UnixSocket::new_stream().unwrap();
        socket.bind(&path).unwrap();
        let listener = socket.listen(1).unwrap();
        let mut queue = Vec::new();
        let full = loop {
            match tokio::net::UnixStream::connect(&path).await {
                Ok(stream) => queue.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(full.kind(), std::io::ErrorKind::WouldBlock);
        let serve = async {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            drop(queue);
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                // Those before have left.
                let _ = stream.write_all(GREETING.as_bytes()).await;
                let mut stream = BufReader::new(stream);
                let mut command = String::new();
                let _ = stream.read_line(&mut command).await;
                let Ok(command) = serde_json::from_str::<serde_json::Value>(&command) else {
                    continue;
                };
                let answer = format!("{{\"id\": {}, \"return\": {{}}}}\r\n", command["id"]);
                stream.write_all(answer.as_bytes()).await.unwrap();
                return stream;
            }
        };
        let (connected, _stream) = tokio::join!(Qmp::connect(&path), serve);
        assert!(connected.is_ok(), "{connected:?}");
    }

    #[tokio::test]
    async fn a_refusal_names_the_command() {
        let (_dir, mut qmp) =
            peer(&["{\"id\": ID, \"error\": {\"class\": \"X\", \"desc\": \"no\"}}\r\n"]).await;
        let error = qmp.execute(&Quit).await.unwrap_err();
        assert_eq!(error.to_string(), "QEMU refused quit: no");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("qmp.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(matches!(Qmp::connect(&path).await, Err(QmpError::Deadline)));
    }
}
