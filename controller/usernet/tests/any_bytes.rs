//! Any bytes, and good ones with faults in them, through the daemon's parsers: what the fuzz
//! targets do at length (`cargo xtask fuzz`), for a moment with every run of the tests.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;

use limekiln_usernet::fuzzing;
use proptest::collection::vec;
use proptest::prelude::*;

/// The fuzz target's corpus.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(name);
    let files = std::fs::read_dir(dir).unwrap().flatten();
    let all: Vec<_> = files.map(|file| std::fs::read(file.path()).unwrap()).collect();
    assert!(all.len() >= 4);
    all
}

/// A good input of which some bytes are others, and the end is missing.
fn faulty(name: &str) -> impl Strategy<Value = Vec<u8>> {
    let good = proptest::sample::select(corpus(name));
    (good, vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), any::<prop::sample::Index>())
        .prop_map(|(mut bytes, faults, end)| {
            for (at, byte) in faults {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let cut = end.index(4 * bytes.len());
            bytes.truncate(bytes.len().min(cut + 1));
            bytes
        })
}

proptest! {
    #[test]
    fn frames(bytes in prop_oneof![vec(any::<u8>(), 0..400), faulty("usernet_frames")]) {
        fuzzing::frames(&bytes);
    }

    #[test]
    fn packets(bytes in faulty("usernet_packets")) {
        fuzzing::packets(&bytes);
    }

    #[test]
    fn dhcp(bytes in prop_oneof![vec(any::<u8>(), 0..400), faulty("usernet_dhcp")]) {
        fuzzing::dhcp(&bytes);
    }

    #[test]
    fn arp(bytes in prop_oneof![vec(any::<u8>(), 0..400), faulty("usernet_arp")]) {
        fuzzing::arp(&bytes);
    }

    #[test]
    fn fragments(bytes in prop_oneof![vec(any::<u8>(), 0..400), faulty("usernet_fragments")]) {
        fuzzing::fragments(&bytes);
    }

    #[test]
    fn files(bytes in prop_oneof![vec(any::<u8>(), 0..400), faulty("usernet_files")]) {
        fuzzing::files(&bytes);
    }

    #[test]
    fn api(bytes in prop_oneof![vec(any::<u8>(), 0..400), faulty("usernet_api")]) {
        fuzzing::api(&bytes);
    }

    #[test]
    fn framing(bytes in prop_oneof![vec(any::<u8>(), 0..400), faulty("usernet_framing")]) {
        fuzzing::framing(&bytes);
    }

    #[test]
    fn queries(bytes in prop_oneof![vec(any::<u8>(), 0..400), faulty("usernet_dns")]) {
        fuzzing::dns(&bytes);
    }
}

#[test]
fn packets_with_right_checksums_come_through() {
    let corpus = corpus("usernet_packets").into_iter();
    let heard: Vec<_> = corpus.map(|bytes| fuzzing::heard(&bytes)).collect();
    for wanted in [&b"hello"[..], b"sooner...later"] {
        assert!(heard.iter().any(|heard| heard == wanted), "{heard:?}");
    }
}

#[test]
fn the_corpus() {
    type Target = (&'static str, fn(&[u8]));
    let targets: [Target; 9] = [
        ("frames", fuzzing::frames),
        ("packets", fuzzing::packets),
        ("dns", fuzzing::dns),
        ("dhcp", fuzzing::dhcp),
        ("arp", fuzzing::arp),
        ("fragments", fuzzing::fragments),
        ("files", fuzzing::files),
        ("api", fuzzing::api),
        ("framing", fuzzing::framing),
    ];
    for (name, target) in targets {
        corpus(&format!("usernet_{name}")).iter().for_each(|bytes| target(bytes));
    }
}
