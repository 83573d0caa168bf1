//! Hostile files are refused with a place, harmless oddities are read. How quickly and in how
//! little memory is a figure of `cargo xtask bench manifests`.

#[path = "../examples/bench_manifests/hostile.rs"]
mod hostile;

use std::path::Path;

use limekiln_api::parse_documents;

#[test]
fn hostile_files_are_refused_and_odd_ones_read() {
    for input in hostile::inputs() {
        let parsed = parse_documents(&input.bytes, Path::new("/m/web.yaml"));
        let (name, count) = (input.name, parsed.diagnostics.len());
        assert_eq!(parsed.diagnostics.is_empty(), input.good, "{name}");
        assert!(count <= 101, "{name}: {count} diagnostics are more than anybody reads");
        if input.good {
            assert_eq!(parsed.objects.len(), 1, "{name}");
        } else {
            assert!(parsed.objects.is_empty(), "{name}");
            assert!(parsed.unreadable || !parsed.broken.is_empty(), "{name}: nothing is deleted");
        }
    }
}

#[test]
fn no_document_behind_a_bomb_is_read() {
    let bomb = hostile::inputs().remove(0);
    let text = String::from_utf8(bomb.bytes).expect("text") + "---\ncpus: 2\n";
    let parsed = parse_documents(text.as_bytes(), Path::new("/m/web.yaml"));
    assert!(parsed.unreadable && parsed.objects.is_empty());
}
