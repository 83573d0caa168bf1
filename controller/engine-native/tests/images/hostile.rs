//! Row 18: images that would make QEMU open what they name. Most are made by qemu-img itself.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use limekiln_engine::EngineError;

use crate::case::{Case, qemu_img_create, tool};

/// Makes an instance from the image, which must be refused for this reason, with nothing left.
async fn refused(case: &Case, image: &Path, why: &str) -> EngineError {
    let error = match case.create(image, "64MiB").await {
        Ok(_) => panic!("{} is let through", image.display()),
        Err(error) => error,
    };
    let said = error.chain();
    assert!(said.contains(why) && said.contains(&image.display().to_string()), "{said}");
    assert!(case.is_clean());
    error
}

#[tokio::test]
async fn a_backing_file_is_refused() {
    let (case, secret) = (Case::new(), Case::new());
    let secret = secret.path("secret");
    fs::write(&secret, vec![b's'; 1 << 20]).expect("writable");
    let image = case.path("image.qcow2");
    let words = format!("-q -f qcow2 -F raw -b {}", secret.display());
    if !qemu_img_create(&words, &image, "") {
        return;
    }
    let error = refused(&case, &image, "it has a backing file").await;
    assert!(error.hint.unwrap_or_default().contains("qemu-img convert"));
}

#[tokio::test]
async fn a_data_file_is_refused() {
    let case = Case::new();
    let image = case.path("image.qcow2");
    let words = format!("-q -f qcow2 -o data_file={}", case.path("data").display());
    if !qemu_img_create(&words, &image, "1M") {
        return;
    }
    refused(&case, &image, "it has an external data file").await;
}

#[tokio::test]
async fn an_encrypted_image_is_refused() {
    let case = Case::new();
    let image = case.path("image.qcow2");
    let words = "-q --object secret,id=s,data=x -f qcow2 -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10";
    if !qemu_img_create(words, &image, "1M") {
        return;
    }
    refused(&case, &image, "it is encrypted").await;
}

#[tokio::test]
async fn unknown_features_are_refused() {
    let case = Case::new();
    let image = case.path("image.qcow2");
    if !qemu_img_create("-q -f qcow2", &image, "1M") {
        return;
    }
    // An incompatible feature that nobody has defined: bit 40.
    let file = OpenOptions::new().write(true).open(&image).expect("ours");
    file.write_all_at(&[1], 74).expect("writable");
    refused(&case, &image, "it needs unknown features").await;
}

#[tokio::test]
async fn a_huge_disk_is_refused() {
    let case = Case::new();
    let image = case.path("image.qcow2");
    // 16 PiB in a file of a few MiB.
    if !qemu_img_create("-q -f qcow2 -o cluster_size=2M", &image, "16P") {
        return;
    }
    refused(&case, &image, "it says that the disk has 18014398509481984 bytes").await;
}

#[tokio::test]
async fn a_disk_that_does_not_fit_is_refused_with_the_size_that_does() {
    let case = Case::new();
    let image = case.path("image.qcow2");
    if !qemu_img_create("-q -f qcow2", &image, "1G") {
        return;
    }
    let error = refused(&case, &image, "holds a disk of 1GiB, and `disk` is 64MiB").await;
    assert_eq!(error.hint.as_deref(), Some("set `disk` to 1GiB or more"));
}

#[tokio::test]
async fn other_formats_are_named() {
    let case = Case::new();
    for (format, name) in [("vmdk", "VMDK"), ("vdi", "VDI"), ("vhdx", "VHDX"), ("qed", "QED")] {
        let image = case.path(format);
        if qemu_img_create(&format!("-q -f {format}"), &image, "1M") {
            refused(&case, &image, &format!("it is a {name} image")).await;
        }
    }
    let empty = case.path("empty");
    fs::write(&empty, "").expect("writable");
    refused(&case, &empty, "it is empty").await;
}

/// A raw disk whose guest writes a qcow2 header into it stays raw: its format is noted once.
#[tokio::test]
async fn a_guest_cannot_turn_its_raw_disk_into_something_else() {
    let (case, secret) = (Case::new(), Case::new());
    let (raw, evil) = (case.path("disk.raw"), case.path("evil.qcow2"));
    fs::write(&raw, vec![1; 1 << 20]).expect("writable");
    let secret = secret.path("secret");
    fs::write(&secret, vec![b's'; 1 << 20]).expect("writable");
    let disk = case.create(&raw, "1MiB").await.expect("made");
    if !qemu_img_create(&format!("-q -f qcow2 -F raw -b {}", secret.display()), &evil, "") {
        return;
    }
    let header = fs::read(&evil).expect("readable");
    OpenOptions::new().write(true).open(&disk).expect("ours").write_all_at(&header, 0).expect("ok");
    let note = fs::read_to_string(disk.with_extension("format")).expect("noted");
    assert_eq!(note, "raw");
    let mut resize = Command::new("qemu-img");
    resize.args(["info", "-f", note.trim()]).arg(&disk);
    assert!(tool(&mut resize));
}
