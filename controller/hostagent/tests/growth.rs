//! File systems that grow while somebody writes to them, by the script that guests run, on loop
//! devices of this host. ext4 is grown in real guests (`live`).

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const GROW: &str = include_str!("../src/disks/scripts/grow.sh");
const BEFORE: u64 = 320 << 20;
const AFTER: u64 = 480 << 20;

/// Files with their checksums, until `stop` is there.
const WRITER: &str = "cd \"$0\" && n=0
until [ -e stop ]; do
    head -c 300000 /dev/urandom >file$n && sha256sum file$n >>sums && n=$((n + 1))
done";

fn root(words: &[&str]) -> Output {
    let sudo = (!rustix::process::geteuid().is_root()).then_some(["sudo", "-n"]);
    let mut all = sudo.iter().flatten().chain(words);
    Command::new(all.next().unwrap()).args(all).output().unwrap()
}

fn done(words: &[&str]) -> String {
    let output = root(words);
    assert!(output.status.success(), "{words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A file system on a loop device, gone with this.
struct Mounted {
    dir: TempDir,
    device: String,
}

impl Mounted {
    /// `None` where this user may not do it, or a program is missing.
    fn new(fs_type: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let image = dir.path().join("image");
        File::create(&image).unwrap().set_len(BEFORE).unwrap();
        let attached = root(&["losetup", "--find", "--show", image.to_str().unwrap()]);
        if !attached.status.success() {
            println!("SKIPPED: no loop device: {}", String::from_utf8_lossy(&attached.stderr));
            return None;
        }
        let device = String::from_utf8(attached.stdout).unwrap().trim().to_owned();
        let mounted = Self { dir, device };
        fs::create_dir(mounted.place()).unwrap();
        let place = mounted.place().display().to_string();
        for words in [
            &[&*format!("mkfs.{fs_type}"), "-q", &mounted.device][..],
            &["mount", "-t", fs_type, &mounted.device, &place],
            &["chmod", "777", &place],
        ] {
            let output = root(words);
            if !output.status.success() {
                println!("SKIPPED: {words:?}: {}", String::from_utf8_lossy(&output.stderr));
                return None;
            }
        }
        Some(mounted)
    }

    fn place(&self) -> PathBuf {
        self.dir.path().join("place")
    }

    /// As QEMU's `block_resize` does.
    fn grow_device(&self) {
        File::options()
            .write(true)
            .open(self.dir.path().join("image"))
            .unwrap()
            .set_len(AFTER)
            .unwrap();
        done(&["losetup", "--set-capacity", &self.device]);
    }

    fn mebibytes(&self) -> u64 {
        let place = self.place();
        let shown = done(&["df", "--block-size=1M", "--output=size", place.to_str().unwrap()]);
        shown.lines().last().unwrap().trim().parse().unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // One that was not mounted is not unmounted, either.
        let _ = root(&["umount", self.place().to_str().unwrap()]);
        let _ = root(&["losetup", "--detach", &self.device]);
    }
}

struct Writer(Child);

impl Writer {
    fn start(place: &Path) -> Self {
        let child = Command::new("sh").args(["-c", WRITER]).arg(place).spawn().unwrap();
        let (sums, start) = (place.join("sums"), Instant::now());
        while fs::metadata(&sums).is_ok_and(|sums| sums.len() == 0) || !sums.exists() {
            assert!(start.elapsed() < Duration::from_secs(20), "nothing is written");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self(child)
    }

    /// Ends it; what it wrote is what it wrote.
    fn check(mut self, place: &Path) {
        File::create(place.join("stop")).unwrap();
        assert!(self.0.wait().unwrap().success());
        let mut check = Command::new("sha256sum");
        let output =
            check.args(["--check", "--quiet", "sums"]).current_dir(place).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}

fn grows(fs_type: &str) {
    let Some(mounted) = Mounted::new(fs_type) else { return };
    let place = mounted.place();
    let before = mounted.mebibytes();
    let writer = Writer::start(&place);
    mounted.grow_device();
    let bytes = AFTER.to_string();
    for _ in 0..2 {
        assert_eq!(done(&["sh", "-c", GROW, "grow", place.to_str().unwrap(), &bytes]), "");
    }
    writer.check(&place);
    assert_eq!(mounted.mebibytes(), before + ((AFTER - BEFORE) >> 20));
}

#[test]
fn xfs_grows_while_somebody_writes() {
    grows("xfs");
}

#[test]
fn btrfs_grows_while_somebody_writes() {
    grows("btrfs");
}
