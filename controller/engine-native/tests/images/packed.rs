//! Packed images, made by the programs that pack them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::case::{Case, tool};

/// Zeros between data, which become a hole.
fn plain() -> Vec<u8> {
    let noise = |seed: u32| {
        (0..200_000u32)
            .map(move |index| (index.wrapping_mul(2_654_435_761) ^ seed).to_be_bytes()[0])
    };
    noise(1).chain(std::iter::repeat_n(0, 3 << 20)).chain(noise(2)).collect()
}

/// Packs `from` into `to` with a program that writes to its standard output.
fn pack(program: &str, from: &Path, to: &Path) -> bool {
    let file = fs::File::create(to).expect("writable");
    let mut command = Command::new(program);
    command.args(["-q", "-c"]).arg(from).stdout(Stdio::from(file)).stderr(Stdio::null());
    match command.status() {
        Ok(status) => {
            assert!(status.success(), "{program}");
            true
        }
        Err(_) => {
            println!("SKIPPED: {program} is not installed");
            false
        }
    }
}

/// By the name's ending, and by the first bytes where the name has none.
#[tokio::test]
async fn every_packing_is_undone() {
    let source = Case::new();
    let raw = source.path("disk.raw");
    fs::write(&raw, plain()).expect("writable");
    for (program, extension) in
        [("gzip", ".gz"), ("bzip2", ".bz2"), ("xz", ".xz"), ("zstd", ".zst")]
    {
        for name in [format!("image{extension}"), "image".to_owned()] {
            let case = Case::new();
            let image = case.path(&name);
            if !pack(program, &raw, &image) {
                continue;
            }
            let disk = case.create(&image, "8MiB").await.expect(program);
            let bytes = fs::read(disk).expect("readable");
            assert_eq!(bytes.len(), 8 << 20, "{program}: as large as the template says");
            assert!(bytes.starts_with(&plain()), "{program}");
        }
    }
}

#[tokio::test]
async fn a_packed_qcow2_is_a_qcow2() {
    let case = Case::new();
    let image = case.path("disk.qcow2");
    let mut create = Command::new("qemu-img");
    create.args(["create", "-q", "-f", "qcow2"]).arg(&image).arg("16M");
    let packed = case.path("disk.qcow2.gz");
    if !tool(&mut create) || !pack("gzip", &image, &packed) {
        return;
    }
    let disk = case.create(&packed, "32MiB").await.expect("made");
    let mut info = Command::new("qemu-img");
    info.args(["info", "--output=json", "-f", "qcow2"]).arg(&disk);
    let text = String::from_utf8(info.output().expect("installed").stdout).expect("JSON");
    let info: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(info["virtual-size"], 32 << 20, "{info}");
    let note = fs::read_to_string(disk.with_extension("format")).expect("noted");
    assert_eq!(note, "qcow2");
}

#[tokio::test]
async fn a_torn_file_is_refused_and_leaves_nothing() {
    let case = Case::new();
    let (raw, packed) = (case.path("disk.raw"), case.path("disk.raw.gz"));
    fs::write(&raw, plain()).expect("writable");
    if !pack("gzip", &raw, &packed) {
        return;
    }
    let whole = fs::read(&packed).expect("readable");
    fs::write(&packed, &whole[..whole.len() / 2]).expect("writable");
    let error = case.create(&packed, "8MiB").await.expect_err("torn");
    assert!(error.chain().contains("cannot unpack"), "{}", error.chain());
    assert!(case.is_clean());
}

/// Row 18: a few kilobytes that unpack to more than a GiB.
#[tokio::test]
async fn a_bomb_does_not_go_off() {
    let case = Case::new();
    let (zeros, bomb) = (case.path("zeros"), case.path("bomb.zst"));
    fs::File::create(&zeros).and_then(|file| file.set_len(1_100 << 20)).expect("sparse");
    if !pack("zstd", &zeros, &bomb) {
        return;
    }
    assert!(fs::metadata(&bomb).expect("there").len() < 200_000);
    let error = case.create(&bomb, "100MiB").await.expect_err("too much");
    assert!(error.chain().contains("more than 1024 MiB"), "{}", error.chain());
    assert!(case.is_clean());
    // An empty disk of the size that the template itself asks for is no bomb.
    case.create(&bomb, "1100MiB").await.expect("made");
}
