//! Packed files to plain ones.

use std::path::Path;

use async_compression::tokio::bufread::{BzDecoder, GzipDecoder, XzDecoder, ZstdDecoder};
use limekiln_engine::ActionContext;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{ImageError, copy};

/// No image unpacks to more than so many times its size, unless the instance has room for it: a
/// bomb does. Beneath a GiB nobody is harmed.
const MAX_RATIO: u64 = 200;
const ALWAYS_ALLOWED: u64 = 1 << 30;

/// As much as is read at once. Comparing with it is quicker than looking at every byte.
const ZEROS: &[u8; 1 << 18] = &[0; 1 << 18];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

/// Writes the plain bytes of `from`, which came from `location`, durably to the new file `to`,
/// which may have `room` bytes whatever its packed size is.
pub(crate) async fn unpack(
    from: &Path,
    location: &str,
    to: &Path,
    room: u64,
    context: &ActionContext,
) -> Result<(), ImageError> {
    let file = File::open(from).await.map_err(ImageError::file("read", from))?;
    let size = file.metadata().await.map_err(ImageError::file("read", from))?.len();
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let Some(packing) =
        packing(location, &mut reader).await.map_err(ImageError::file("read", from))?
    else {
        return copy(from.to_owned(), to.to_owned()).await;
    };
    let mut plain: Box<dyn AsyncRead + Send + Unpin> = match packing {
        // More than one stream in a file is allowed by all four formats.
        Packing::Gzip => Box::new(multi(GzipDecoder::new(reader), GzipDecoder::multiple_members)),
        Packing::Bzip2 => Box::new(multi(BzDecoder::new(reader), BzDecoder::multiple_members)),
        Packing::Xz => Box::new(multi(XzDecoder::new(reader), XzDecoder::multiple_members)),
        Packing::Zstd => Box::new(multi(ZstdDecoder::new(reader), ZstdDecoder::multiple_members)),
    };
    let limit = size.saturating_mul(MAX_RATIO).max(ALWAYS_ALLOWED).max(room);
    write(&mut plain, location, to, limit, context).await
}

fn multi<D>(mut decoder: D, set: fn(&mut D, bool)) -> D {
    set(&mut decoder, true);
    decoder
}

/// By the location's extension, else by the first bytes, as Lima decides.
async fn packing(location: &str, reader: &mut BufReader<File>) -> std::io::Result<Option<Packing>> {
    use tokio::io::AsyncBufReadExt;
    let by_name = [
        (".gz", Packing::Gzip),
        (".bz2", Packing::Bzip2),
        (".xz", Packing::Xz),
        (".zst", Packing::Zstd),
    ];
    if let Some((_, packing)) =
        by_name.into_iter().find(|(extension, _)| location.ends_with(extension))
    {
        return Ok(Some(packing));
    }
    let start = reader.fill_buf().await?;
    let magics: [(&[u8], Packing); 4] = [
        (b"\x1f\x8b", Packing::Gzip),
        (b"BZh", Packing::Bzip2),
        (b"\xfd7zXZ\0", Packing::Xz),
        (b"\x28\xb5\x2f\xfd", Packing::Zstd),
    ];
    Ok(magics.into_iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, packing)| packing))
}

/// Blocks of zeros become holes.
async fn write(
    plain: &mut (dyn AsyncRead + Send + Unpin),
    location: &str,
    to: &Path,
    limit: u64,
    context: &ActionContext,
) -> Result<(), ImageError> {
    use tokio::io::AsyncSeekExt;
    let unpack = |why: String| ImageError::Unpack { what: location.to_owned(), why };
    let mut file = File::create_new(to).await.map_err(ImageError::file("write", to))?;
    let (mut buffer, mut done) = (ZEROS.to_vec(), 0_u64);
    loop {
        if context.cancel.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        let count = plain.read(&mut buffer).await.map_err(|error| unpack(error.to_string()))?;
        if count == 0 {
            break;
        }
        let block = &buffer[..count];
        done += count as u64;
        if done > limit {
            return Err(unpack(format!("it unpacks to more than {} MiB", limit >> 20)));
        }
        if block == &ZEROS[..count] {
            file.seek(std::io::SeekFrom::Current(count as i64))
                .await
                .map_err(ImageError::file("write", to))?;
        } else {
            file.write_all(block).await.map_err(ImageError::file("write", to))?;
        }
        context.bytes("unpack", done, None);
    }
    file.flush().await.map_err(ImageError::file("write", to))?;
    file.set_len(done).await.map_err(ImageError::file("write", to))?;
    file.sync_all().await.map_err(ImageError::file("write", to))
}
