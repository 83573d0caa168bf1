//! The cache: Lima's place and layout, and what is believed of it.

use std::fs;
use std::sync::PoisonError;

use limekiln_engine::{ActionContext, ErrorClass};
use limekiln_model::Progress;
use tokio_util::sync::CancellationToken;

use crate::case::{Case, noting};
use crate::server::{Answer, BODY, DIGEST, serve};

const TIME: &str = "Mon, 02 Nov 2026 10:00:00 GMT";

#[tokio::test]
async fn entries_are_as_lima_keeps_them() {
    let (case, server) = (Case::new(), serve([Answer::Whole]));
    case.fetch(&server.image(true)).await.expect("whole");
    let read = |name: &str| fs::read_to_string(case.entry(&server.url).join(name)).expect(name);
    assert_eq!(read("url"), server.url);
    assert_eq!(read("data").as_bytes(), BODY);
    assert_eq!(read("time"), TIME);
    assert_eq!(read("type"), "application/octet-stream");
    assert_eq!(read("sha256.digest"), DIGEST);
    let mut names: Vec<_> = fs::read_dir(case.entry(&server.url))
        .expect("there")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["data", "sha256.digest", "time", "type", "url"], "and nothing else");
}

#[tokio::test]
async fn what_lima_fetched_is_not_fetched_again() {
    let (case, server) = (Case::new(), serve([Answer::Whole]));
    let entry = case.entry(&server.url);
    fs::create_dir_all(&entry).expect("writable");
    for (name, text) in [("url", server.url.as_bytes()), ("data", BODY), ("time", TIME.as_bytes())]
    {
        fs::write(entry.join(name), text).expect("writable");
    }
    assert_eq!(case.fetch(&server.image(true)).await.expect("cached"), BODY);
    assert_eq!(server.requests(), [""; 0], "its digest is right");
    assert_eq!(case.fetch(&server.image(false)).await.expect("cached"), BODY);
    let asked = server.requests();
    assert!(asked.len() == 1 && asked[0].starts_with("head "), "{asked:?}");
}

#[tokio::test]
async fn without_a_digest_the_servers_time_decides() {
    let (case, server) = (Case::new(), serve([Answer::Whole]));
    case.fetch(&server.image(false)).await.expect("whole");
    let entry = case.entry(&server.url);
    fs::write(entry.join("data"), "an older version").expect("ours");
    assert_eq!(case.fetch(&server.image(false)).await.expect("cached"), b"an older version");
    fs::write(entry.join("time"), "Sun, 01 Nov 2026 10:00:00 GMT").expect("ours");
    assert_eq!(case.fetch(&server.image(false)).await.expect("fetched again"), BODY);
}

#[tokio::test]
async fn what_is_cached_will_do_when_the_server_does_not_answer() {
    let (case, server) = (Case::new(), serve([Answer::Whole, Answer::Status(503)]));
    case.fetch(&server.image(false)).await.expect("whole");
    assert_eq!(case.fetch(&server.image(false)).await.expect("cached"), BODY);
}

/// Lima compares the noted digest with the template's, and does not hash again.
#[tokio::test]
async fn no_false_digest_stays_beside_new_bytes() {
    let (case, server) = (Case::new(), serve([Answer::Whole, Answer::Changed]));
    case.fetch(&server.image(true)).await.expect("whole");
    fs::remove_file(case.entry(&server.url).join("time")).expect("ours");
    let new = case.fetch(&server.image(false)).await.expect("fetched again");
    assert_ne!(new, BODY);
    assert!(!case.entry(&server.url).join("sha256.digest").exists());
}

#[tokio::test]
async fn two_at_once_download_once() {
    let (case, server) = (Case::new(), serve([Answer::Whole]));
    let image = server.image(true);
    let (one, other) = tokio::join!(case.fetch(&image), case.fetch(&image));
    assert_eq!((one.expect("whole"), other.expect("whole")), (BODY.to_vec(), BODY.to_vec()));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn who_waits_for_another_download_says_so_and_can_be_stopped() {
    let (case, server) = (Case::new(), serve([Answer::Whole]));
    let entry = case.entry(&server.url);
    fs::create_dir_all(&entry).expect("writable");
    let other = fs::File::open(&entry).expect("there");
    other.lock().expect("free");
    let (cancel, notes) = (CancellationToken::new(), noting().1);
    let (token, sink) = (cancel.clone(), notes.clone());
    let context = ActionContext::new(cancel, move |progress| {
        sink.lock().unwrap_or_else(PoisonError::into_inner).push(progress);
        token.cancel();
    });
    let error = case.fetch_with(&server.image(true), &context).await.expect_err("cancelled");
    assert_eq!(error.class, ErrorClass::Cancelled);
    let notes = notes.lock().expect("no panics");
    let Some(Progress::Message { text }) = notes.first() else { panic!("{notes:?}") };
    assert!(text.contains("another download"), "{text}");
}
