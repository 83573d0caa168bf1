//! Archives of containerd.

use std::fs;

use limekiln_api::{Lima, read_lima};
use limekiln_engine_native::images::Images;
use limekiln_model::Progress;

use crate::case::{Case, noting};

fn lima(case: &Case, names: &[&str]) -> Lima {
    let archive = |name: &&str| format!("{{location: '{}'}}", case.path(name).display());
    let archives = names.iter().map(archive).collect::<Vec<_>>().join(", ");
    read_lima(&format!("containerd: {{system: true, archives: [{archives}]}}")).expect("YAML")
}

#[tokio::test]
async fn one_that_is_passed_over_is_told() {
    let case = Case::new();
    fs::write(case.path("second"), "packed").expect("writable");
    let (context, notes) = noting();
    let images = Images::new(&case.path("cache"), &case.path(""));
    let lima = lima(&case, &["first", "second", "third"]);
    let found = images.fetch_archive(&lima, true, &context).await.expect("the second");
    assert_eq!(found, Some(case.path("second")));
    let first = case.path("first");
    let text = format!("cannot read {}; goes on with the next archive", first.display());
    assert_eq!(*notes.lock().expect("no panics"), [Progress::Message { text }]);
}

#[tokio::test]
async fn what_to_do_is_told_of_archives() {
    let case = Case::new();
    let images = Images::new(&case.path("cache"), &case.path(""));
    for names in [&["first"][..], &["first", "second"]] {
        let (context, notes) = noting();
        let fetched = images.fetch_archive(&lima(&case, names), true, &context).await;
        let error = fetched.expect_err("none is there");
        assert!(error.message.starts_with("containerd cannot be had: "), "{}", error.message);
        let hint = error.hint.expect("there is something to do");
        assert!(hint.starts_with("correct `containerd.archives`"), "{hint}");
        assert_eq!(notes.lock().expect("no panics").len(), names.len() - 1);
    }
}
