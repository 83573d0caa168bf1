//! Row 17 of the failure modes: a server that misbehaves puts nothing wrong into the cache.

use limekiln_engine::ErrorClass;
use limekiln_model::Progress;

use crate::case::{Case, noting};
use crate::server::{Answer, BODY, DIGEST, serve};

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_ended() {
    let (case, server) = (Case::new(), serve([Answer::Cut(10), Answer::Whole]));
    assert_eq!(case.fetch(&server.image(true)).await.expect("whole at last"), BODY);
    let requests = server.requests();
    assert!(
        requests[1].contains("range: bytes=10-") && requests[1].contains("if-range: \"one\""),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_server_without_ranges_starts_again() {
    let (case, server) = (Case::new(), serve([Answer::Cut(10), Answer::NoRange]));
    assert_eq!(case.fetch(&server.image(true)).await.expect("whole at last"), BODY);
}

#[tokio::test]
async fn what_stays_cut_is_an_error_that_may_pass() {
    let (case, server) = (Case::new(), serve([Answer::Cut(0)]));
    let error = case.fetch(&server.image(false)).await.expect_err("never whole");
    assert_eq!(error.class, ErrorClass::Transient, "{}", error.chain());
    assert_eq!(case.cached(), None);
}

#[tokio::test]
async fn changed_bytes_never_enter_the_cache() {
    let (case, server) = (Case::new(), serve([Answer::Changed]));
    let error = case.fetch(&server.image(true)).await.expect_err("another digest");
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(
        error.chain().contains(DIGEST) && error.chain().contains(&server.url),
        "{}",
        error.chain()
    );
    assert_eq!(case.cached(), None);
}

#[tokio::test]
async fn cached_bytes_that_changed_are_fetched_again() {
    let (case, server) = (Case::new(), serve([Answer::Whole]));
    case.fetch(&server.image(true)).await.expect("whole");
    std::fs::write(case.entry(&server.url).join("data"), "rotten").expect("ours");
    assert_eq!(case.fetch(&server.image(true)).await.expect("fetched again"), BODY);
}

#[tokio::test]
async fn redirect_loops_and_refusals_end() {
    for (answer, class) in [
        (Answer::Loop, ErrorClass::Permanent),
        (Answer::Status(404), ErrorClass::Permanent),
        (Answer::Status(503), ErrorClass::Transient),
    ] {
        let (case, server) = (Case::new(), serve([answer]));
        let error = case.fetch(&server.image(false)).await.expect_err("no image");
        assert_eq!(error.class, class, "{}", error.chain());
        assert_eq!(case.cached(), None);
    }
}

#[tokio::test]
async fn the_next_image_of_the_list_is_taken() {
    let (case, gone, here) = (Case::new(), serve([Answer::Status(404)]), serve([Answer::Whole]));
    let list = format!("{}, {}", gone.image(false), here.image(true));
    assert_eq!(case.fetch(&list).await.expect("the second"), BODY);
    let both = format!("{}, {{location: /nowhere/at/all}}", gone.image(false));
    let error = case.fetch(&both).await.expect_err("neither");
    assert!(
        error.chain().contains("404") && error.chain().contains("/nowhere/at/all"),
        "{}",
        error.chain()
    );
}

#[tokio::test]
async fn the_next_run_goes_on_where_the_last_one_was_broken_off() {
    let cut = Answer::Cut(10);
    let (case, server) = (Case::new(), serve([cut, Answer::Status(503), Answer::Whole]));
    case.fetch(&server.image(true)).await.expect_err("broken off");
    assert_eq!(case.fetch(&server.image(true)).await.expect("whole at last"), BODY);
    let last = server.requests().pop().expect("requests");
    assert!(last.contains("range: bytes=10-"), "{last}");
}

/// A server may ignore `If-Range` and send the rest of something else.
#[tokio::test]
async fn the_rest_of_another_version_is_not_taken() {
    let (case, server) =
        (Case::new(), serve([Answer::Cut(10), Answer::OtherRest, Answer::NoRange]));
    assert_eq!(case.fetch(&server.image(false)).await.expect("whole at last"), BODY);
}

#[tokio::test]
async fn bytes_are_reported_as_they_come() {
    let (case, server) = (Case::new(), serve([Answer::Whole]));
    let (context, notes) = noting();
    case.fetch_with(&server.image(true), &context).await.expect("whole");
    let whole = BODY.len() as u64;
    for what in ["download", "verify"] {
        let last = Progress::Bytes { what: what.to_owned(), done: whole, total: Some(whole) };
        assert!(notes.lock().expect("no panics").contains(&last), "{what}: {notes:?}");
    }
}

#[tokio::test]
async fn a_digest_that_is_none_is_refused() {
    let (case, server) = (Case::new(), serve([Answer::Whole]));
    for digest in ["sha256:beef", "md5:0123", &DIGEST.to_uppercase()] {
        let image = format!("{{location: '{}', digest: '{digest}'}}", server.url);
        let error = case.fetch(&image).await.expect_err("no digest");
        assert!(error.chain().contains(digest), "{}", error.chain());
    }
    assert_eq!(server.requests(), [""; 0], "found before anything is asked for");
}

/// Digests of files on this host are checked, too: they may be anybody's.
#[tokio::test]
async fn a_local_file_is_hashed() {
    let case = Case::new();
    let (good, bad) = (case.path("good.raw"), case.path("bad.raw"));
    std::fs::write(&good, BODY).expect("writable");
    std::fs::write(&bad, "rotten").expect("writable");
    let image = |path: &std::path::Path| {
        format!("{{location: 'file://{}', digest: '{DIGEST}'}}", path.display())
    };
    let error = case.fetch(&image(&bad)).await.expect_err("another digest");
    assert!(error.chain().contains(DIGEST), "{}", error.chain());
    let list = format!("{}, {}", image(&bad), image(&good));
    assert_eq!(case.fetch(&list).await.expect("the second"), BODY);
    assert_eq!(case.cached(), None, "local files are not cached");
}
