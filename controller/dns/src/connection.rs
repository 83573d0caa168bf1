//! Queries on a connection.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::{Names, Upstream, answer};

/// How long a guest may keep a connection without a query.
const IDLE: Duration = Duration::from_secs(30);

/// Answers queries, each with its length before it (RFC 7766), until the connection ends or nothing
/// comes for half a minute.
pub async fn connection<S>(names: &impl Names, upstream: &Upstream, mut stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Ok(Ok(length)) = timeout(IDLE, stream.read_u16()).await {
        let mut query = vec![0; usize::from(length)];
        let Ok(Ok(_)) = timeout(IDLE, stream.read_exact(&mut query)).await else { return };
        let Some(answer) = answer(names, upstream, &query).await else { return };
        let Ok(length) = u16::try_from(answer.len()) else { return };
        let whole = [&length.to_be_bytes()[..], &answer].concat();
        if !matches!(timeout(IDLE, stream.write_all(&whole)).await, Ok(Ok(()))) {
            return;
        }
    }
}
