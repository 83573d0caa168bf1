//! The daily commands, on instances that do not run.

use std::fs;
use std::process::{Command, Stdio};

use limekiln_tests::Home;
use serde_json::Value;

use crate::plans::vm;

fn with_vm(name: &str) -> Home {
    let home = Home::new();
    home.write(&format!("{name}.yaml"), &vm(&home, name, "    message: |\n      hello\n"));
    home.run("apply -f {m} --yes").ok();
    home
}

#[test]
fn a_clone_is_a_machine_of_its_own() {
    let home = with_vm("web");
    home.run("clone web web2").ok();
    let names = home.run("list -q").ok().out;
    assert_eq!(names, "web\nweb2\n");
    let disk = |name: &str| fs::read(home.instance(name).join("disk")).expect("a disk");
    assert!(disk("web") == disk("web2"));
    let owned = home.run("get instances").ok().out;
    assert!(owned.contains("web2"), "{owned}");
    home.run("clone web web2").expect(1);
    home.run("clone nobody web3").expect(1);
    home.run("clone web ../x").expect(3);
    // No manifest speaks of the copy: nothing is done to it.
    home.run("apply -f {m} --prune --yes").ok();
    assert!(home.instance("web2").exists());
    home.run("delete web2 --yes").ok();
    assert!(!home.instance("web2").exists());
}

#[test]
fn what_a_manifest_describes_is_not_renamed() {
    let home = with_vm("web");
    let refused = home.run("rename web db").expect(1).err;
    assert!(refused.contains("web.yaml") && refused.contains("limekiln clone web db"), "{refused}");
    home.run("clone web copy").ok();
    home.run("protect copy").ok();
    home.run("rename copy db").ok();
    assert!(!home.instance("copy").exists());
    assert!(!home.instance("db").join("protected").exists(), "as Lima has it");
}

#[test]
fn what_is_protected_stays() {
    let home = with_vm("web");
    assert!(home.run("protect web").ok().out.contains("is protected"));
    assert!(home.run("protect web").ok().out.contains("already"));
    home.run("delete web --yes").expect(1);
    assert!(home.instance("web").exists());
    home.run("unprotect web").ok();
    home.run("delete web --yes").ok();
    assert!(!home.instance("web").exists());
}

#[test]
fn programs_read_a_list_as_they_read_limas() {
    let home = with_vm("web");
    let line = home.run("list --json").ok().out;
    let web: Value = serde_json::from_str(&line).expect("one object");
    assert_eq!(web["name"], "web");
    assert_eq!(web["hostname"], "lima-web");
    assert_eq!(web["status"], "Stopped");
    assert_eq!(web["protected"], false);
    assert_eq!(web["message"], "hello");
    assert_eq!(web["config"]["cpus"], web["cpus"]);
    assert!(web.get("hostAgentPID").is_none() && web.get("errors").is_none(), "{web}");
    let text = home.call(&["list", "--format", "{{.Name}} {{.Status}} {{.Protected}}"]).ok().out;
    assert_eq!(text, "web Stopped false\n");
    let wrong = home.call(&["list", "--format", "{{.Nmae}}"]).expect(3).err;
    assert!(wrong.contains(".Name"), "{wrong}");
    let ask = |words: &[&str]| home.call(&[&["list"], words].concat()).ok().out;
    assert_eq!(ask(&["--yq", ".name"]), "web\n");
    assert_eq!(
        ask(&["--yq", "select(.cpus > 0)", "--yq", "{name, status}"]),
        "{\"name\":\"web\",\"status\":\"Stopped\"}\n"
    );
    assert_eq!(ask(&["-l", ".status == \"Running\"", "-q"]), "");
    assert_eq!(ask(&["-l", ".status == \"Stopped\"", "-l", ".name == \"web\"", "-q"]), "web\n");
    assert_eq!(ask(&["--format", "yaml", "--yq", "{name}"]), "name: web\n");
    let wrong = home.call(&["list", "--yq", ".["]).expect(3).err;
    assert!(wrong.contains("--yq '.['") && wrong.contains("closing bracket"), "{wrong}");
    home.call(&["list", "--format", "table", "--yq", "."]).expect(3);
    assert!(home.run("list --list-fields").ok().out.contains("SSHLocalPort\n"));
    let some = home.run("list web nobody -q").expect(1);
    assert_eq!(some.out, "web\n");
}

#[test]
fn disks_are_made_and_changed_by_hand() {
    let home = Home::new();
    home.run("disk create data --size 1MiB --format raw").ok();
    home.run("disk create data --size 1MiB").expect(1);
    home.run("disk resize data --size 512KiB").expect(1);
    home.run("disk resize data --size 2MiB").ok();
    let line = home.run("disk list --json").ok().out;
    let data: Value = serde_json::from_str(&line).expect("one object");
    assert_eq!((data["name"].as_str(), data["size"].as_u64()), (Some("data"), Some(2 << 20)));
    let image = home.lima().join("_disks/data/datadisk");
    fs::write(home.manifests().join("file.img"), [7; 4096]).expect("writable");
    home.run("disk import more {m}/file.img").ok();
    assert_eq!(fs::read(home.lima().join("_disks/more/datadisk")).expect("there"), [7; 4096]);
    home.run("disk import less {m}/nothing.img").expect(1);
    assert!(home.run("disk unlock data").ok().out.contains("nobody"));
    std::os::unix::fs::symlink(home.instance("gone"), image.with_file_name("in_use_by"))
        .expect("writable");
    assert!(home.run("disk unlock data").ok().out.contains("instance/gone"));
    home.run("disk delete data --yes").ok();
    assert!(!image.exists());
    home.run("undelete disk/data").ok();
    assert!(image.exists());
    home.run("disk list nobody").expect(1);
}

/// As an import does that takes minutes, beside which a manifest of the disk arrives.
#[test]
fn what_another_process_is_making_is_left_to_it() {
    let home = Home::new();
    home.run("disk create other --size 1MiB").ok();
    let others = home.lima().join("_limekiln/staging/disk-data+7+1");
    fs::create_dir_all(&others).expect("writable");
    fs::write(others.join("datadisk"), "half").expect("writable");
    let making = fs::File::open(&others).expect("there");
    making.lock().expect("nobody else is there");
    home.write(
        "disk.yaml",
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 1MiB}\n",
    );
    let told = "disk/data is being made already, by process 7";
    for line in ["disk create data --size 1MiB", "disk import data {m}/disk.yaml"] {
        let refused = home.run(line).expect(1).err;
        assert!(refused.contains(told) && refused.contains("try again"), "{refused}");
    }
    let refused = home.run("apply -f {m} --yes").expect(1);
    assert!(format!("{}{}", refused.out, refused.err).contains(told), "{refused:?}");
    assert_eq!(fs::read_to_string(others.join("datadisk")).expect("left alone"), "half");
    assert!(!home.lima().join("_limekiln/owners/disk-data.json").exists(), "it will be theirs");
    drop(making);
    home.run("apply -f {m} --yes").ok();
    assert!(home.lima().join("_disks/data/datadisk").exists() && !others.exists());
}

#[test]
fn a_disk_of_a_manifest_is_changed_there() {
    let home = Home::new();
    home.write(
        "disk.yaml",
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 1MiB}\n",
    );
    home.run("apply -f {m} --yes").ok();
    let refused = home.run("disk resize data --size 2MiB").expect(1).err;
    assert!(refused.contains("disk.yaml:1"), "{refused}");
}

#[test]
fn snapshots_bring_a_disk_back() {
    let home = with_vm("web");
    let disk = home.instance("web").join("disk");
    let raw = home.run("snapshot create web --tag one");
    // The image of these tests is raw, and such a disk keeps none.
    assert!(raw.expect(1).err.contains("limekiln clone web"), "it says what to do");
    let qcow2 = disk.with_file_name("q");
    let convert = ["convert", "-f", "raw", "-O", "qcow2"];
    let made = Command::new("qemu-img").args(convert).arg(&disk).arg(&qcow2).status();
    assert!(made.expect("qemu-img").success());
    fs::rename(&qcow2, &disk).expect("ours");
    fs::write(disk.with_extension("format"), "qcow2").expect("ours");
    home.run("snapshot create web --tag one").ok();
    home.run("snapshot create web --tag one").expect(1);
    assert_eq!(home.run("snapshot list web -q").ok().out, "one\n");
    let write = |byte: &str| {
        let write = format!("write -P {byte} 0 4096");
        let io = Command::new("qemu-io").args(["-f", "qcow2", "-c", &write]).arg(&disk).output();
        assert!(io.expect("qemu-io").status.success());
    };
    let holds = |byte: &str| {
        let read = format!("read -P {byte} 0 4096");
        let io = Command::new("qemu-io").args(["-f", "qcow2", "-c", &read]).arg(&disk).output();
        !String::from_utf8_lossy(&io.expect("qemu-io").stdout).contains("verification failed")
    };
    write("0x11");
    assert!(holds("0x11"));
    home.run("snapshot apply web --tag one").expect(4);
    home.run("snapshot apply web --tag one --yes").ok();
    assert!(!holds("0x11"), "what was written since is gone");
    home.run("snapshot apply web --tag two --yes").expect(1);
    home.run("snapshot delete web --tag one").ok();
    assert_eq!(home.run("snapshot list web -q").ok().out, "");
}

#[test]
fn logs_are_printed_and_followed() {
    let home = with_vm("web");
    home.run("logs web").expect(1);
    home.run("logs nobody").expect(3);
    let log = home.instance("web").join("serial.log");
    fs::write(&log, "one\ntwo\n").expect("ours");
    assert_eq!(home.run("logs web --of serial -n 1").ok().out, "two\n");
    let mut command = home.command(&["logs", "-f", "web", "--of", "serial"]);
    let mut follow = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(follow.stdout.take().expect("piped")));
    assert_eq!(lines.next().expect("a line").expect("text"), "one");
    assert_eq!(lines.next().expect("a line").expect("text"), "two");
    fs::write(&log, "one\ntwo\nthree\n").expect("ours");
    assert_eq!(lines.next().expect("a line").expect("text"), "three");
    follow.kill().expect("ours");
    follow.wait().expect("ours");
}

#[test]
fn an_instance_that_does_not_run_has_no_ssh() {
    let home = with_vm("web");
    let refused = home.run("show-ssh web").expect(1).err;
    assert!(refused.contains("limekiln start web"), "{refused}");
    home.run("copy /etc/hostname web:/tmp").expect(1);
}
