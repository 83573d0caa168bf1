//! TCP and unix sockets.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use limekiln_proto::guest::{TunnelMessage, limits};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tokio_util::io::ReaderStream;
use tonic::codegen::Bytes;
use tonic::{Status, Streaming};

use super::ToHost;

/// Moves bytes both ways until the guest's side ends. The end of the caller's messages ends only
/// what the program in the guest reads, as between two sockets: it may still answer. (Lima's agent
/// ends the whole tunnel.)
pub(super) fn start<R, W>(
    first: Bytes,
    from_host: Streaming<TunnelMessage>,
    reader: R,
    writer: W,
    place: OwnedSemaphorePermit,
) -> ToHost
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let writing = tokio::spawn(write(first, from_host, writer));
    let reading = ReaderStream::with_capacity(reader, limits::PART);
    Box::pin(Reading { reading, writing, _place: place })
}

/// What the guest's side says; the tunnel lives as long as this.
struct Reading<R> {
    reading: ReaderStream<R>,
    writing: JoinHandle<()>,
    _place: OwnedSemaphorePermit,
}

impl<R: AsyncRead + Unpin> Stream for Reading<R> {
    type Item = Result<TunnelMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let message = |data| TunnelMessage { data, ..TunnelMessage::default() };
        let broken = |error: io::Error| Status::aborted(error.to_string());
        let part = Pin::new(&mut self.reading).poll_next(context);
        part.map(|part| part.map(|part| part.map(message).map_err(broken)))
    }
}

impl<R> Drop for Reading<R> {
    fn drop(&mut self) {
        self.writing.abort();
    }
}

async fn write(
    first: Bytes,
    mut from_host: Streaming<TunnelMessage>,
    mut writer: impl AsyncWrite + Unpin,
) {
    let moved = async {
        writer.write_all(&first).await?;
        while let Some(message) = from_host.message().await.map_err(io::Error::other)? {
            writer.write_all(&message.data).await?;
        }
        writer.shutdown().await
    };
    // A side that takes no more shows itself where it is read.
    let _: io::Result<()> = moved.await;
}
