//! The program itself: help, names, completion.

use std::os::unix::fs::symlink;
use std::process::Command;

use limekiln_tests::Home;

#[test]
fn help_and_errors_have_their_exit_codes() {
    let home = Home::new();
    let help = home.run("--help").ok().out;
    for command in ["apply", "diff", "delete", "undelete", "shell", "doctor"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing in {help}");
    }
    assert!(!help.contains("hostagent"), "an inner command");
    home.run("no-such-command").expect(3);
    home.run("apply").expect(3);
    home.run("explain instance.spec.nope").expect(3);
    home.run("get pod/x").expect(3);
    home.run("shell nobody").expect(3);
    home.run("describe nobody").expect(1);
}

#[test]
fn nothing_is_written_by_looking() {
    let home = Home::new();
    home.run("get").ok();
    home.run("list").ok();
    home.run("events").ok();
    assert!(!home.lima().exists());
}

#[test]
fn another_name_is_a_command() {
    let home = Home::new();
    let bin = home.manifests().with_file_name("bin");
    home.run(&format!("plugin install --dir {}", bin.display())).ok();
    let link = bin.join("limactl-explain");
    assert!(link.is_symlink());
    let output = Command::new(&link).arg("disk.spec.size").output().expect("it starts");
    assert!(String::from_utf8_lossy(&output.stdout).contains("grow"), "{output:?}");
    home.write("vm.yaml", &crate::plans::vm(&home, "vm", ""));
    let mut apply = Command::new(bin.join("limactl-apply"));
    apply.arg("-f").arg(home.manifests()).env("LIMA_HOME", home.lima());
    let applied = apply.output().expect("it starts");
    assert!(applied.status.success() && home.instance("vm").exists(), "{applied:?}");
    std::fs::remove_file(bin.join("limactl-apply")).expect("ours");
    std::fs::write(bin.join("limactl-apply"), "somebody's").expect("writable");
    home.run(&format!("plugin install --dir {}", bin.display())).expect(1);
    home.run(&format!("plugin uninstall --dir {}", bin.display())).ok();
    assert!(!link.exists() && bin.join("limactl-apply").exists());
    symlink("/nowhere", bin.join("limactl-diff")).expect("writable");
    home.run(&format!("plugin uninstall --dir {}", bin.display())).ok();
    assert!(bin.join("limactl-diff").is_symlink(), "not ours to remove");
}

#[test]
fn manual_pages_are_written() {
    let home = Home::new();
    let dir = home.manifests().with_file_name("man");
    home.run(&format!("man {}", dir.display())).ok();
    let page = std::fs::read_to_string(dir.join("limekiln-apply.1")).expect("a page per command");
    assert!(page.contains("max") && page.contains("disruption"), "{page}");
    assert!(!dir.join("limekiln-hostagent.1").exists(), "an inner command");
}

#[test]
fn schemas_and_completions_are_printed() {
    let home = Home::new();
    assert!(home.run("schema disk").ok().out.contains("\"const\": \"Disk\""));
    home.run("schema pod").expect(3);
    assert!(home.run("completion bash").ok().out.contains("limekiln"));
    assert!(home.run("explain instance.spec.template.cpus").ok().out.contains("restart"));
}

#[test]
fn every_field_is_explained_with_type_default_and_cost() {
    let home = Home::new();
    let of_cache = home.run("explain instance.spec.template.mounts.9p.cache").ok().out;
    insta::assert_snapshot!(of_cache);
    let fixed = home.run("explain lima.mounts.9p.msize").ok().out;
    assert!(fixed.contains("default: 128KiB") && fixed.contains("size"), "{fixed}");
    let old = home.run("explain lima.cpuType").ok().out;
    assert!(old.contains("deprecated") && old.contains("vmOpts.qemu.cpuType"), "{old}");
}

#[test]
fn what_all_instances_depend_on_is_read_or_named() {
    let home = Home::new();
    let config = home.lima().join("_config");
    std::fs::create_dir_all(&config).expect("writable");
    std::fs::write(config.join("default.yaml"), "cpus: 2\nmemory: lots\n").expect("writable");
    for command in ["get", "validate -f {m}", "list"] {
        let shown = home.run(command).expect(3).err;
        assert!(shown.contains("_config/default.yaml:2:9"), "{command}: {shown}");
    }
    std::fs::write(config.join("default.yaml"), "cpus: 2\n").expect("writable");
    home.run("get").ok();
}

#[test]
fn doctor_finds_what_instances_need() {
    let home = Home::new();
    let found: serde_json::Value =
        serde_json::from_str(&home.run("doctor -o json").out).expect("JSON");
    let names: Vec<_> = found
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|check| check["what"].as_str())
        .collect();
    for what in ["qemu-img", "ssh", "accelerator", "home path", "free space"] {
        assert!(names.contains(&what), "{what} is missing in {names:?}");
    }
}

#[test]
fn doctor_looks_at_the_qemu_that_would_be_started() {
    let home = Home::new();
    let arch = std::env::consts::ARCH;
    let found = |qemu: &str| -> (String, String) {
        let mut doctor = home.command(&["doctor", "-o", "json"]);
        doctor.env(format!("QEMU_SYSTEM_{}", arch.to_uppercase()), qemu);
        let output = doctor.output().expect("it runs");
        let checks: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let name = format!("qemu-system-{arch}");
        let checks = checks.as_array().expect("a list");
        let check = checks.iter().find(|check| check["what"] == *name).expect("QEMU");
        let word = |key: &str| check[key].as_str().expect("a word").to_owned();
        (word("state"), word("found"))
    };
    let ok = ("ok".to_owned(), "QEMU of my own --version (/bin/echo)".to_owned());
    assert_eq!(found("/bin/echo 'QEMU of' my own"), ok);
    assert_eq!(found("/no/qemu -x"), ("fail".to_owned(), "not found (/no/qemu)".to_owned()));
    let (state, why) = found("'/bin/echo");
    assert!(state == "fail" && why.contains("quotes"), "{why}");
}
