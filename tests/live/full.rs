//! The full Debian image: UEFI, systemd, cloud-init.

use std::path::Path;

use limekiln_tests::{Home, Outcome, skip};

use crate::guest::{inside, instance};

fn template(image: &Path, extra: &str) -> String {
    format!(
        "    vmType: qemu\n    arch: x86_64\n    cpus: 2\n    memory: 1GiB\n    disk: 6GiB\n    images:\n    - {{location: {}, arch: x86_64}}\n{extra}",
        image.display()
    )
}

/// Both boots are of one instance, because each takes a minute under emulation.
#[test]
fn a_stock_image_boots_under_uefi_and_under_the_legacy_bios_with_its_mounts() {
    let Some(image) = skip::full_image() else { return };
    let (home, dir) = (Home::new(), tempfile::tempdir().expect("a directory"));
    std::fs::write(dir.path().join("file"), "from the host").expect("writable");
    under_uefi(&home, &image, dir.path());
    under_the_legacy_bios(&home, &image, dir.path());
}

fn apply(home: &Home, image: &Path, extra: &str) -> Outcome {
    home.write("deb.yaml", &instance("deb", "", &template(image, extra)));
    home.run("apply -f {m} --yes --timeout 20m")
}

/// containerd for the whole guest. What the image lacks for containers' networks stays away: fetching
/// it needs a network, and no container runs here.
fn containerd(archive: &Path) -> String {
    let archive = archive.display();
    format!(
        "    containerd: {{system: true, archives: [{{location: {archive}, arch: x86_64}}]}}\n    provision: [{{mode: dependency, skipDefaultDependencyResolution: true, script: 'true'}}]\n"
    )
}

fn mounts(kind: &str, dir: &Path) -> String {
    let dir = dir.display();
    format!("    mountType: {kind}\n    mounts: [{{location: {dir}, mountPoint: /mnt/host}}]\n")
}

/// What a guest sees of the mount, and whether its fstab has it. It may not write.
const MOUNTED: &str =
    "cat /mnt/host/file; echo; grep -c virtiofs /etc/fstab; touch /mnt/host/x; true";

/// Whether the daemon answers, runs, and starts with the guest.
const CONTAINERD: &str = "sudo ctr version | grep Server:; systemctl is-active containerd; systemctl is-enabled containerd; true";

/// cloud-init grows the disk, and writes the mounts into fstab before any script runs; the guest's
/// kernel has no 9p.
fn under_uefi(home: &Home, image: &Path, dir: &Path) {
    let archive = skip::containerd();
    let more = archive.as_deref().map(containerd).unwrap_or_default();
    let applied = apply(home, image, &(mounts("virtiofs", dir) + &more));
    let shares = !applied.err.contains("virtiofsd is not installed");
    if shares {
        applied.ok();
    } else {
        println!("SKIPPED: there is no virtiofsd on this host");
        apply(home, image, &more).ok();
    }
    let seen = inside(
        home,
        "deb",
        "test -d /sys/firmware/efi && echo uefi; hostname; sudo -n id -u; cloud-init status --wait | tail -1; df -k / | tail -1 | awk '{print ($2 > 5000000)}'",
    );
    assert_eq!(seen, "uefi\nlima-deb\n0\nstatus: done\n1");
    if shares {
        assert_eq!(inside(home, "deb", MOUNTED), "from the host\n1");
    }
    if archive.is_some() {
        assert_eq!(inside(home, "deb", CONTAINERD), "Server:\nactive\nenabled");
    }
    home.run("stop deb").ok();
    let log =
        std::fs::read_to_string(home.instance("deb").join("ha.stderr.log")).expect("readable");
    assert!(!log.contains("\"level\":\"error\""), "a graceful stop: {log}");
}

/// The same instance, with the same directory in another way, and without containerd.
fn under_the_legacy_bios(home: &Home, image: &Path, dir: &Path) {
    let bios = "    firmware: {legacyBIOS: true}\n".to_owned();
    apply(home, image, &(bios + &mounts("reverse-sshfs", dir))).ok();
    assert_eq!(inside(home, "deb", "test -d /sys/firmware/efi || echo bios"), "bios");
    assert_eq!(inside(home, "deb", MOUNTED), "from the host\n0");
    assert!(!dir.join("x").exists());
    if skip::containerd().is_some() {
        assert_eq!(inside(home, "deb", CONTAINERD), "inactive\ndisabled");
    }
}
