//! Disks that change while their guest runs.

use std::process::Command;

use limekiln_hostagent::api::{ClientError, Order};

use crate::agent::{Agent, block_on, until};
use crate::instance::Instance;

/// Writes files with their checksums until it is told to stop.
const WRITER: &str = "\
cd $1 && n=0
until [ -e /tmp/stop ]; do
    head -c 300000 /dev/urandom >file$n && sha256sum file$n >>sums && n=$((n + 1))
done
sync && touch $1/done
";

/// Bytes of a disk, as its file says.
fn size(instance: &Instance, file: &str) -> u64 {
    let mut info = Command::new("qemu-img");
    info.args(["info", "--force-share", "--output=json"]).arg(instance.home().join(file));
    let info: serde_json::Value = serde_json::from_slice(&info.output().unwrap().stdout).unwrap();
    info["virtual-size"].as_u64().unwrap()
}

pub fn make_disk(instance: &Instance, name: &str, format: &str) {
    let disk = instance.home().join("_disks").join(name);
    std::fs::create_dir_all(&disk).unwrap();
    let mut create = Command::new("qemu-img");
    create.args(["create", "-q", "-f", format]).arg(disk.join("datadisk")).arg("64M");
    assert!(create.status().unwrap().success());
}

pub fn order(agent: &Agent, order: &Order) -> Result<(), String> {
    match block_on(agent.client().order(order)) {
        Ok(()) => Ok(()),
        Err(ClientError::Refused(why)) => Err(why),
        Err(error) => panic!("{error}"),
    }
}

fn grow(disk: Option<&str>, mebibytes: u64) -> Order {
    Order::GrowDisk { disk: disk.map(str::to_owned), bytes: mebibytes << 20 }
}

pub fn attach(disk: &str) -> Order {
    Order::AttachDisk { disk: disk.to_owned() }
}

pub fn detach(disk: &str) -> Order {
    Order::DetachDisk { disk: disk.to_owned() }
}

/// MiB of the file system at a place.
fn mebibytes(instance: &Instance, place: &str) -> u64 {
    instance.output(&format!("df -m {place} | tail -1 | awk '{{print $2}}'")).parse().unwrap()
}

fn start_writer(instance: &Instance, place: &str) {
    instance.output(&format!(
        "cat >/tmp/writer <<'END'\n{WRITER}END\nsudo sh -c 'setsid sh /tmp/writer {place} >/dev/null 2>&1 </dev/null &'"
    ));
    until("a file", || instance.ssh(&format!("test -s {place}/sums")).status.success());
}

fn stop_writer_and_check(instance: &Instance, place: &str) {
    instance.output("touch /tmp/stop");
    until("the writer's end", || instance.ssh(&format!("test -e {place}/done")).status.success());
    // Of the disk, not of the memory.
    instance.output("echo 3 | sudo tee /proc/sys/vm/drop_caches");
    instance.output(&format!("cd {place} && sudo sha256sum -c sums >/tmp/checked"));
    let checked: u32 = instance.output("grep -c OK /tmp/checked").parse().unwrap();
    assert!(checked > 0);
}

#[test]
fn disks_grow_while_the_guest_writes_to_them() {
    let Some(instance) = Instance::new("additionalDisks: [data]\n") else { return };
    make_disk(&instance, "data", "qcow2");
    let mut agent = Agent::start(&instance);
    assert_eq!(agent.wait_for(|status| status.running).status.errors, [""; 0]);
    let before = (mebibytes(&instance, "/"), mebibytes(&instance, "/mnt/lima-data"));
    let boot = instance.output("cat /proc/sys/kernel/random/boot_id");
    start_writer(&instance, "/mnt/lima-data");

    order(&agent, &grow(Some("data"), 160)).unwrap();
    order(&agent, &grow(None, 320)).unwrap();
    // Again, and to less: nothing happens.
    order(&agent, &grow(None, 320)).unwrap();
    order(&agent, &grow(Some("data"), 100)).unwrap();
    stop_writer_and_check(&instance, "/mnt/lima-data");
    let after = (mebibytes(&instance, "/"), mebibytes(&instance, "/mnt/lima-data"));
    assert!(after.0 >= 280 && after.0 > before.0, "{before:?} {after:?}");
    assert!(after.1 >= 130 && after.1 > before.1, "{before:?} {after:?}");
    assert_eq!(size(&instance, "_disks/data/datadisk"), 160 << 20);
    assert_eq!(size(&instance, "it/disk"), 320 << 20);
    assert_eq!(instance.output("cat /proc/sys/kernel/random/boot_id"), boot);
    assert_eq!(
        order(&agent, &grow(Some("other"), 1)).unwrap_err().split(':').next(),
        Some("disk other did not grow")
    );
    agent.interrupt();
    assert!(agent.wait().success());
}
