//! Disks that change while their guest runs.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use limekiln_hostagent::api::{ClientError, Order};
use limekiln_hostagent::spec::AttachedDisk;

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
    // It writes all that is in memory, which takes its time on an emulated processor.
    instance.slow(&format!("touch /tmp/stop; until test -e {place}/done; do sleep 0.1; done"));
    // Of the disk, not of the memory.
    instance.slow("echo 3 | sudo tee /proc/sys/vm/drop_caches");
    instance.slow(&format!("cd {place} && sudo sha256sum -c sums >/tmp/checked"));
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

/// What an earlier host agent began, another one finishes.
#[test]
fn a_host_agent_that_dies_while_disks_grow_is_replaced_and_they_have_grown() {
    let Some(instance) = Instance::new("additionalDisks: [data]\n") else { return };
    make_disk(&instance, "data", "qcow2");
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    start_writer(&instance, "/mnt/lima-data");
    for (step, milliseconds) in [0u64, 10, 40, 120, 350].into_iter().enumerate() {
        let bytes = (96 + 32 * step as u64) << 20;
        let client = agent.client();
        let ordered = std::thread::spawn(move || {
            let order = Order::GrowDisk { disk: Some("data".to_owned()), bytes };
            let _ = block_on(client.order(&order));
        });
        std::thread::sleep(Duration::from_millis(milliseconds));
        agent.kill();
        ordered.join().unwrap();
        agent = Agent::adopt(&instance);
        until("an answer", || agent.client_answers());
        // The next pass asks for it again.
        order(&agent, &grow(Some("data"), bytes >> 20)).unwrap();
        assert_eq!(size(&instance, "_disks/data/datadisk"), bytes);
    }
    // QEMU has grown it, and nobody has told the guest.
    agent.kill();
    resize_behind(&instance, "data", 320 << 20);
    let mut agent = Agent::adopt(&instance);
    until("growth", || mebibytes(&instance, "/mnt/lima-data") > 270);
    stop_writer_and_check(&instance, "/mnt/lima-data");
    // The same with QEMU's death: the next boot grows what is on it.
    agent.kill();
    resize_behind(&instance, "data", 400 << 20);
    let pid = agent.qemu_pid();
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
    until("the VM's end", || !limekiln_hostagent::process::exists(pid));
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    assert!(mebibytes(&instance, "/mnt/lima-data") > 340);
    instance.output("cd /mnt/lima-data && sudo sha256sum -c sums >/tmp/checked");
    agent.interrupt();
    assert!(agent.wait().success());
}

/// Grows a disk of a VM by QEMU alone.
fn resize_behind(instance: &Instance, disk: &str, bytes: u64) {
    let stream = UnixStream::connect(instance.dir().join("qmp.sock")).unwrap();
    let (mut lines, mut out) = (BufReader::new(stream.try_clone().unwrap()).lines(), stream);
    let node = AttachedDisk::serial_of(disk);
    let resize = format!(
        "{{\"execute\":\"block_resize\",\"arguments\":{{\"node-name\":\"{node}\",\"size\":{bytes}}}}}"
    );
    lines.next().unwrap().unwrap();
    for command in ["{\"execute\":\"qmp_capabilities\"}", &resize] {
        writeln!(out, "{command}").unwrap();
        let answer = lines.by_ref().map(Result::unwrap).find(|line| !line.contains("\"event\""));
        assert!(answer.unwrap().contains("return"), "{command}");
    }
}

#[test]
fn disks_are_plugged_in_and_out_and_their_locks_tell_who_has_them() {
    let Some(instance) = Instance::new("additionalDisks: [one, two, raw]\n") else { return };
    for (name, format) in [("one", "qcow2"), ("two", "qcow2"), ("raw", "raw")] {
        make_disk(&instance, name, format);
    }
    let lock = |name: &str| instance.home().join("_disks").join(name).join("in_use_by");
    let mut agent = Agent::start(&instance);
    assert_eq!(agent.wait_for(|status| status.running).status.errors, [""; 0]);
    let free = agent.status().free_disk_places.unwrap();
    for name in ["one", "two", "raw"] {
        instance.output(&format!("echo {name} | sudo tee /mnt/lima-{name}/name"));
    }
    // Who uses it is told, and it stays.
    let user = "sudo sh -c 'cd /mnt/lima-one && setsid sleep 1000 >/dev/null 2>&1 </dev/null &'";
    instance.output(user);
    let busy = order(&agent, &detach("one")).unwrap_err();
    assert!(busy.contains("sleep (process "), "{busy}");
    assert_eq!(instance.output("cat /mnt/lima-one/name"), "one");
    assert!(lock("one").is_symlink());
    assert_eq!(agent.status().disks.iter().filter(|disk| disk.fault.is_some()).count(), 1);
    instance.output("sudo killall sleep");

    for name in ["one", "raw"] {
        order(&agent, &detach(name)).unwrap();
        order(&agent, &detach(name)).unwrap();
        assert!(!lock(name).is_symlink(), "{name} is free");
        assert!(!instance.ssh(&format!("test -e /mnt/lima-{name}")).status.success());
    }
    assert_eq!(agent.status().free_disk_places, Some(free + 2));
    assert_eq!(instance.output("cat /mnt/lima-two/name"), "two");
    // The other way round: names of devices change, and nobody is mistaken.
    for name in ["raw", "one"] {
        order(&agent, &attach(name)).unwrap();
        order(&agent, &attach(name)).unwrap();
        assert_eq!(instance.output(&format!("cat /mnt/lima-{name}/name")), name);
        assert_eq!(std::fs::read_link(lock(name)).unwrap(), instance.dir());
    }
    assert_eq!(agent.status().disks.iter().filter(|disk| disk.fault.is_some()).count(), 0);

    // Another instance's disk is not taken.
    order(&agent, &detach("one")).unwrap();
    std::os::unix::fs::symlink("/elsewhere", lock("one")).unwrap();
    assert!(order(&agent, &attach("one")).unwrap_err().contains("/elsewhere"));
    std::fs::remove_file(lock("one")).unwrap();
    // In the middle of it, the host agent dies.
    for (milliseconds, what) in [(60u64, attach("one")), (200, detach("one")), (90, attach("one"))]
    {
        let client = agent.client();
        let again = what.clone();
        let ordered = std::thread::spawn(move || drop(block_on(client.order(&again))));
        std::thread::sleep(Duration::from_millis(milliseconds));
        agent.kill();
        ordered.join().unwrap();
        agent = Agent::adopt(&instance);
        until("an answer", || agent.client_answers());
        order(&agent, &what).unwrap();
        let attached = matches!(what, Order::AttachDisk { .. });
        assert_eq!(lock("one").is_symlink(), attached);
        let there = instance.ssh("grep one /mnt/lima-one/name").status.success();
        assert_eq!(there, attached);
    }
    agent.interrupt();
    assert!(agent.wait().success());
    for name in ["one", "two", "raw"] {
        assert!(!lock(name).is_symlink(), "{name} is free");
    }
}

#[test]
fn an_arm_guest_takes_and_gives_disks_too() {
    let Some(instance) = Instance::aarch64("additionalDisks: [data]\nplain: false\n") else {
        return;
    };
    make_disk(&instance, "data", "qcow2");
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    order(&agent, &grow(Some("data"), 128)).unwrap();
    assert!(mebibytes(&instance, "/mnt/lima-data") > 90);
    order(&agent, &detach("data")).unwrap();
    order(&agent, &attach("data")).unwrap();
    assert!(mebibytes(&instance, "/mnt/lima-data") > 90);
    agent.interrupt();
    assert!(agent.wait().success());
}

/// Debian, with partitions, `growpart` and systemd.
#[test]
fn partitions_grow_with_their_disks_while_the_guest_writes() {
    let Some(instance) = Instance::full("additionalDisks: [data]\n") else { return };
    make_disk(&instance, "data", "qcow2");
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    assert!(instance.output("findmnt -no SOURCE /mnt/lima-data").ends_with('1'), "a partition");
    let before = mebibytes(&instance, "/");
    instance.output("sudo mkdir -p /var/writer");
    start_writer(&instance, "/var/writer");
    let more = (size(&instance, "it/disk") >> 20) + 1024;
    order(&agent, &grow(None, more)).unwrap();
    order(&agent, &grow(Some("data"), 256)).unwrap();
    stop_writer_and_check(&instance, "/var/writer");
    assert!(mebibytes(&instance, "/") > before + 900);
    assert!(mebibytes(&instance, "/mnt/lima-data") > 200);
    order(&agent, &detach("data")).unwrap();
    order(&agent, &attach("data")).unwrap();
    assert!(mebibytes(&instance, "/mnt/lima-data") > 200);
    agent.interrupt();
    assert!(agent.wait().success());
}
