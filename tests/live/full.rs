//! The full Debian image: UEFI, systemd, cloud-init.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use limekiln_tests::{Home, skip};

use crate::guest::{inside, instance};

/// One at a time: under emulation each keeps two processors busy for a minute.
static MACHINE: Mutex<()> = Mutex::new(());

fn template(image: &Path, extra: &str) -> String {
    format!(
        "    vmType: qemu\n    arch: x86_64\n    cpus: 2\n    memory: 1GiB\n    disk: 6GiB\n    images:\n    - {{location: {}, arch: x86_64}}\n{extra}",
        image.display()
    )
}

#[test]
fn a_stock_image_with_cloud_init_boots_under_uefi_and_grows() {
    let Some(image) = skip::full_image() else { return };
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let home = Home::new();
    home.write("deb.yaml", &instance("deb", "", &template(&image, "")));
    home.run("apply -f {m} --yes --timeout 10m").ok();
    let seen = inside(
        &home,
        "deb",
        "test -d /sys/firmware/efi && echo uefi; hostname; sudo -n id -u; cloud-init status --wait | tail -1; df -k / | tail -1 | awk '{print ($2 > 5000000)}'",
    );
    assert_eq!(seen, "uefi\nlima-deb\n0\nstatus: done\n1");
    home.run("stop deb").ok();
    let log =
        std::fs::read_to_string(home.instance("deb").join("ha.stderr.log")).expect("readable");
    assert!(!log.contains("\"level\":\"error\""), "a graceful stop: {log}");
}

#[test]
fn a_stock_image_boots_under_the_legacy_bios() {
    let Some(image) = skip::full_image() else { return };
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let home = Home::new();
    home.write(
        "bios.yaml",
        &instance("bios", "", &template(&image, "    firmware: {legacyBIOS: true}\n")),
    );
    home.run("apply -f {m} --yes --timeout 10m").ok();
    assert_eq!(inside(&home, "bios", "test -d /sys/firmware/efi || echo bios"), "bios");
}

/// cloud-init writes the mounts into fstab before any script runs; the guest's kernel has no 9p.
#[test]
fn a_stock_image_mounts_host_directories() {
    let Some(image) = skip::full_image() else { return };
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let (home, dir) = (Home::new(), tempfile::tempdir().expect("a directory"));
    std::fs::write(dir.path().join("file"), "from the host").expect("writable");
    let mounts = |kind: &str| {
        let path = dir.path().display();
        format!(
            "    mountType: {kind}\n    mounts: [{{location: {path}, mountPoint: /mnt/host}}]\n"
        )
    };
    home.write("deb.yaml", &instance("deb", "", &template(&image, &mounts("virtiofs"))));
    let applied = home.run("apply -f {m} --yes --timeout 10m");
    if applied.err.contains("virtiofsd is not installed") {
        println!("SKIPPED: there is no virtiofsd on this host");
        return;
    }
    applied.ok();
    let seen = "cat /mnt/host/file; echo; grep -c virtiofs /etc/fstab; touch /mnt/host/x; true";
    assert_eq!(inside(&home, "deb", seen), "from the host\n1");

    home.write("deb.yaml", &instance("deb", "", &template(&image, &mounts("reverse-sshfs"))));
    home.run("apply -f {m} --yes --timeout 10m").ok();
    let seen = "cat /mnt/host/file; echo; grep -c virtiofs /etc/fstab; touch /mnt/host/x; true";
    assert_eq!(inside(&home, "deb", seen), "from the host\n0");
    assert!(!dir.path().join("x").exists());
}
