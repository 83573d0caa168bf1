//! Networks without a VM: definitions made and removed by hand, and the file for sudo.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use limekiln_tests::Home;
use serde_json::Value;

fn yaml(home: &Home) -> String {
    fs::read_to_string(home.lima().join("_config/networks.yaml")).expect("a file")
}

/// A network as `network list --json` shows it.
fn listed(home: &Home, name: &str) -> Value {
    let text = home.run(&format!("network list {name} --json")).ok().out;
    serde_json::from_str(&text).expect("one object")
}

#[test]
fn a_network_is_made_listed_and_removed_by_hand() {
    let home = Home::new();
    let all = home.run("network list").ok().out;
    let rows: Vec<_> = all.lines().map(|row| row.split_whitespace().take(3).collect()).collect();
    let row = |words: [&'static str; 3]| rows.contains(&Vec::from(words));
    assert!(row(["user-v2", "user-v2", "192.168.104.1/24"]), "Lima's own: {all}");

    home.run("network create team --gateway 192.168.42.1/28").ok();
    assert!(yaml(&home).contains("  team:\n"), "{}", yaml(&home));
    let team = listed(&home, "team");
    assert_eq!(
        (&team["gateway"], &team["netmask"]),
        (&"192.168.42.1".into(), &"255.255.255.240".into())
    );
    assert_eq!((&team["mtu"], &team["allow"]), (&Value::Null, &Value::Null));
    let table = home.run("network ls team").ok().out;
    assert!(table.contains("192.168.42.1/28") && table.contains("Stopped"), "{table}");

    // Again, one that overlaps, and what could not work.
    let again = home.run("network create team --gateway 192.168.43.1").expect(1).err;
    assert!(again.contains("exists already"), "{again}");
    let overlap = home.run("network create other --gateway 192.168.42.9/24").expect(1).err;
    assert!(overlap.contains("overlaps with 192.168.42.0/28 of network/team"), "{overlap}");
    for wrong in [
        "other",
        "other --gateway 192.168.42",
        "other --gateway 127.0.0.1",
        "other --mode bridged",
        "../x --gateway 192.168.44.1",
        "other --gateway 192.168.44.1 --mtu 100",
        "other --gateway 192.168.44.1 --allow 10.0.0.0/8",
        "other --gateway 192.168.44.1 --host lima-web.internal=10.0.0.1",
        "other --mode host --gateway 192.168.44.1 --mtu 9000",
    ] {
        home.run(&format!("network create {wrong}")).expect(3);
    }
    home.run("network list other").expect(1);

    home.run("network delete team").expect(4);
    home.run("network delete team --yes").ok();
    home.run("network list team").expect(1);
    assert!(!yaml(&home).contains("team"), "{}", yaml(&home));
    home.run("undelete network/team").ok();
    assert_eq!(listed(&home, "team"), team, "parked, not lost");
    home.run("network rm team --force --purge").ok();
    home.run("network list team").expect(1);
    home.run("network delete team --yes").expect(1);
}

#[test]
fn a_subnet_of_the_host_is_not_taken_by_hand_either() {
    // Sends nothing: it only asks by which address it would go.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a port");
    let own = socket.connect("198.51.100.1:9").and_then(|()| socket.local_addr());
    let Ok(std::net::SocketAddr::V4(own)) = own else {
        println!("SKIPPED: this host has no way out, so no interface whose subnet could be taken");
        return;
    };
    let home = Home::new();
    let refused = home.run(&format!("network create lan --gateway {}/24", own.ip())).expect(1).err;
    assert!(refused.contains("of this host's interface"), "{refused}");
    home.run("network list lan").expect(1);
}

#[test]
fn what_another_driver_has_is_refused_once() {
    let home = Home::new();
    let blank = home.blank_image().display().to_string();
    home.write(
        "v.yaml",
        &format!("vmType: qemu\nimages: [{{location: {blank}}}]\nnetworks: [{{vzNAT: true}}]\n"),
    );
    let said = home.run("validate -f {m}").err;
    assert_eq!(said.matches("networks[0].vzNAT: ").count(), 1, "{said}");
    assert!(said.contains("`lima: user-v2` needs none"), "{said}");
}

#[test]
fn what_lima_has_no_words_for_stands_beside_its_file() {
    let home = Home::new();
    home.run("network create team --gateway 192.168.42.1 --mtu 9000 --allow 169.254.169.254 --host db.test=10.0.0.9").ok();
    assert!(!yaml(&home).contains("mtu") && !yaml(&home).contains("allow"), "{}", yaml(&home));
    let team = listed(&home, "team");
    assert_eq!(team["mtu"], 9000);
    assert_eq!(team["allow"], serde_json::json!(["169.254.169.254/32"]));
    assert_eq!(team["hosts"]["db.test"], "10.0.0.9");
    let described = home.run("describe network/team").ok().out;
    for fact in ["9000", "169.254.169.254/32", "db.test is 10.0.0.9"] {
        assert!(described.contains(fact), "{fact}: {described}");
    }
    let exported = home.run("export network/team").ok().out;
    home.write("team.yaml", &exported);
    home.run("diff -f {m} --exit-code").ok();

    // A manifest changes it, and says what.
    home.write("team.yaml", &exported.replace("9000", "65520").replace("10.0.0.9", "10.0.0.8"));
    let plan = home.run("plan -f {m}").ok().out;
    assert!(plan.contains("9000 → 65520") && plan.contains("10.0.0.9 → 10.0.0.8"), "{plan}");
    home.run("apply -f {m} --yes").ok();
    assert_eq!(listed(&home, "team")["mtu"], 65520);

    // What somebody defines anew with Lima's tools was allowed nothing.
    let text = yaml(&home).replace("192.168.42.1", "192.168.43.1");
    fs::write(home.lima().join("_config/networks.yaml"), text).expect("ours");
    assert_eq!(listed(&home, "team")["allow"], Value::Null);
}

/// The file that `sudoers` prints.
fn sudoers(home: &Home) -> String {
    home.run("sudoers").ok().out
}

/// A file with the text, beside the home.
fn file(home: &Home, text: &str) -> PathBuf {
    let path = home.manifests().join("sudoers");
    fs::write(&path, text).expect("ours");
    path
}

fn check(home: &Home, path: &Path, code: i32) -> String {
    let outcome = home.call(&["sudoers", "--check", &path.display().to_string()]).expect(code);
    outcome.out + &outcome.err
}

/// A network for socket_vmnet, as Lima's users write it: the command refuses it on this host.
#[cfg(not(target_os = "macos"))]
fn shared_lan(home: &Home) {
    home.run("network create lan --mode shared --gateway 192.168.77.1").expect(1);
    home.run("network create lan --gateway 192.168.77.1").ok();
    let text = yaml(home);
    let (before, lan) = text.split_once("lan:").expect("just made");
    let lan = lan.replacen("user-v2", "shared", 1);
    let text = format!("{before}lan:\n    dhcpEnd: 192.168.77.254{lan}");
    fs::write(home.lima().join("_config/networks.yaml"), text).expect("ours");
}

#[test]
#[cfg(not(target_os = "macos"))]
fn the_file_for_sudo_is_compared_to_the_byte() {
    let home = Home::new();
    let text = sudoers(&home);
    assert!(text.contains("%admin ALL=(root:wheel) NOPASSWD:NOSETENV:"), "{text}");
    assert!(text.contains("socket_vmnet.shared") && !text.contains("user-v2"), "{text}");
    let path = file(&home, &text);
    assert!(check(&home, &path, 0).contains("is up to date"));

    // One more byte, one line less, and nothing at all.
    for stale in [format!("{text}\n"), text.lines().skip(1).collect(), String::new()] {
        let told = check(&home, &file(&home, &stale), 1);
        assert!(told.contains("is out of date"), "{told}");
        assert!(told.contains("limekiln sudoers | sudo tee"), "what to do: {told}");
    }

    // A network that came since.
    let path = file(&home, &text);
    shared_lan(&home);
    assert!(check(&home, &path, 1).contains("is out of date"));
    let path = file(&home, &sudoers(&home));
    assert!(check(&home, &path, 0).contains("is up to date"));
    // One of ours needs no sudo.
    home.run("network create team --gateway 192.168.42.1").ok();
    assert!(check(&home, &path, 0).contains("is up to date"));
}

#[test]
#[cfg(not(target_os = "macos"))]
fn the_file_for_sudo_is_that_of_networks_yaml() {
    let home = Home::new();
    shared_lan(&home);
    let installed = home.manifests().join("installed");
    let text = yaml(&home).replace("/private/etc/sudoers.d/lima", &installed.display().to_string());
    fs::write(home.lima().join("_config/networks.yaml"), text).expect("ours");
    fs::write(&installed, sudoers(&home)).expect("ours");
    let told = home.run("sudoers --check").ok().out;
    assert!(told.contains("installed is up to date"), "{told}");
    // What is no file is told as that, not as one that is out of date.
    let told = check(&home, &home.manifests(), 1);
    assert!(told.contains("cannot be read"), "{told}");
    home.run("sudoers some-file").expect(3);
    fs::set_permissions(&installed, fs::Permissions::from_mode(0o600)).expect("ours");
    home.run("sudoers --check").ok();
}
