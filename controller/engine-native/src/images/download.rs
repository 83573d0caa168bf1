//! One download, resumed where the last one broke.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use limekiln_engine::ActionContext;
use reqwest::header::{
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{Response, StatusCode};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::ImageError;
use super::cache::Entry;
use super::digest::Digest;
use super::http::client;

/// Tries of one download that breaks off; each goes on where the last one ended.
const TRIES: usize = 3;

/// Between looks at an entry that another download has.
const LOOK: Duration = Duration::from_millis(100);

/// The bytes of `url`, from the cache where that is right.
///
/// With a digest the cached bytes are hashed every time, and are fetched again if they have
/// changed. Without one the server is asked for its `Last-Modified`; if it does not answer, what
/// is cached will do, as in Lima.
pub(super) async fn cached(
    cache_dir: &Path,
    url: &str,
    digest: Option<&Digest>,
    ask_server: bool,
    context: &ActionContext,
) -> Result<PathBuf, ImageError> {
    let entry = lock(cache_dir, url, context).await?;
    if entry.data().exists() {
        match digest {
            Some(digest) => match verify(entry.data(), digest, url, context).await {
                Ok(()) => {
                    entry.note_digest(digest)?;
                    return Ok(entry.data());
                }
                Err(ImageError::Digest { .. }) => entry.discard()?,
                Err(error) => return Err(error),
            },
            None if !ask_server => return Ok(entry.data()),
            None if is_current(&entry, url, context).await? => return Ok(entry.data()),
            None => {}
        }
    }
    download(&entry, url, digest, context).await?;
    Ok(entry.data())
}

/// Waits while another download of the same URL, perhaps Lima's, has the entry.
async fn lock(cache_dir: &Path, url: &str, context: &ActionContext) -> Result<Entry, ImageError> {
    let mut told = false;
    loop {
        if let Some(entry) = Entry::try_lock(cache_dir, url)? {
            return Ok(entry);
        }
        if !std::mem::replace(&mut told, true) {
            context.message(format!("waits for another download of {url}"));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = context.cancel.cancelled() => return Err(ImageError::Cancelled),
        }
    }
}

/// Hashes away from the runtime's thread.
pub(super) async fn verify(
    path: PathBuf,
    digest: &Digest,
    what: &str,
    context: &ActionContext,
) -> Result<(), ImageError> {
    let (digest, what, context) = (digest.clone(), what.to_owned(), context.clone());
    let shown = path.clone();
    let total = path.metadata().map(|meta| meta.len()).ok();
    tokio::task::spawn_blocking(move || {
        digest.check(&path, &what, |done| context.bytes("verify", done, total))
    })
    .await
    .unwrap_or_else(|error| Err(ImageError::file("read", &shown)(error.into())))
}

async fn is_current(entry: &Entry, url: &str, context: &ActionContext) -> Result<bool, ImageError> {
    let Ok(client) = client() else { return Ok(true) };
    let answer = tokio::select! {
        answer = client.head(url).send() => answer,
        () = context.cancel.cancelled() => return Err(ImageError::Cancelled),
    };
    Ok(match answer {
        Ok(response) if response.status().is_success() => {
            let now = header(response.headers(), &LAST_MODIFIED);
            now.is_some() && now == entry.time().as_deref()
        }
        // No answer, or an error: what is cached is better than nothing.
        _ => true,
    })
}

async fn download(
    entry: &Entry,
    url: &str,
    digest: Option<&Digest>,
    context: &ActionContext,
) -> Result<(), ImageError> {
    let mut tries = 1;
    let headers = loop {
        match transfer(entry, url, context).await {
            Ok(headers) => break headers,
            // Goes on where it broke off, as long as the server allows that.
            Err(ImageError::Truncated { .. } | ImageError::Network { .. })
                if tries < TRIES && entry.part().exists() && !context.cancel.is_cancelled() =>
            {
                tries += 1;
            }
            Err(error) => return Err(error),
        }
    };
    if let Some(digest) = digest
        && let Err(error) = verify(entry.part(), digest, url, context).await
    {
        // Bytes that are wrong must not be gone on with.
        entry.discard_part()?;
        return Err(error);
    }
    entry.finish(header(&headers, &LAST_MODIFIED), header(&headers, &CONTENT_TYPE), digest)
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A strong `ETag`, else the time: what `If-Range` accepts (RFC 9110, 13.1.5).
fn validator(headers: &HeaderMap) -> Option<&str> {
    header(headers, &ETAG)
        .filter(|tag| !tag.starts_with("W/"))
        .or_else(|| header(headers, &LAST_MODIFIED))
}

/// Brings `part` to its end.
async fn transfer(
    entry: &Entry,
    url: &str,
    context: &ActionContext,
) -> Result<HeaderMap, ImageError> {
    let network = ImageError::network(url);
    let start = resumable(entry);
    let mut request = client().map_err(&network)?.get(url);
    if let Some((offset, validator)) = &start {
        request = request.header(RANGE, format!("bytes={offset}-")).header(IF_RANGE, validator);
    }
    // A server that takes the connection may be silent for a minute.
    let response = tokio::select! {
        response = request.send() => response.map_err(&network)?,
        () = context.cancel.cancelled() => return Err(ImageError::Cancelled),
    };
    let offset = match (response.status(), start) {
        (StatusCode::PARTIAL_CONTENT, Some((offset, known)))
            if continues(&response, offset, &known) =>
        {
            offset
        }
        (StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => {
            entry.discard_part()?;
            return Box::pin(transfer(entry, url, context)).await;
        }
        (status, _) if status == StatusCode::OK => 0,
        (status, _) => {
            return Err(ImageError::Status { what: url.to_owned(), status: status.as_u16() });
        }
    };
    receive(entry, url, response, offset, context).await
}

/// Where to go on, if there is a beginning whose version is known.
fn resumable(entry: &Entry) -> Option<(u64, String)> {
    let length = entry.part().metadata().ok()?.len();
    let validator = entry.part_validator()?;
    (length > 0).then_some((length, validator))
}

/// Whether the answer is the rest that was asked for, of the version that is `known`.
fn continues(response: &Response, offset: u64, known: &str) -> bool {
    header(response.headers(), &CONTENT_RANGE)
        .is_some_and(|range| range.starts_with(&format!("bytes {offset}-")))
        && validator(response.headers()).is_none_or(|now| now == known)
}

async fn receive(
    entry: &Entry,
    url: &str,
    response: Response,
    offset: u64,
    context: &ActionContext,
) -> Result<HeaderMap, ImageError> {
    let headers = response.headers().clone();
    let total = response.content_length().map(|rest| rest + offset);
    let part = entry.part();
    if offset == 0 {
        entry.set_part_validator(validator(&headers))?;
    }
    let mut options = OpenOptions::new();
    options.create(true).write(true).append(offset > 0).truncate(offset == 0);
    let mut file = options.open(&part).await.map_err(ImageError::file("write", &part))?;
    let progress = |done| context.bytes("download", done, total);
    let received = tokio::select! {
        received = append(&mut file, &part, url, response, offset, progress) => received,
        () = context.cancel.cancelled() => Err(ImageError::Cancelled),
    };
    // Also of a broken download: what came is where the next try goes on.
    file.flush().await.map_err(ImageError::file("write", &part))?;
    let done = received?;
    match total {
        Some(expected) if done != expected => {
            Err(ImageError::Truncated { what: url.to_owned(), got: done, expected })
        }
        _ => Ok(headers),
    }
}

/// Writes what comes, from `done` bytes on; returns how many there are at the end.
async fn append(
    file: &mut File,
    part: &Path,
    url: &str,
    response: Response,
    mut done: u64,
    progress: impl Fn(u64),
) -> Result<u64, ImageError> {
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(ImageError::network(url))?;
        file.write_all(&chunk).await.map_err(ImageError::file("write", part))?;
        done += chunk.len() as u64;
        progress(done);
    }
    Ok(done)
}
