//! Networks between real guests.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use limekiln_tests::{Home, skip};

use crate::guest::{inside, instance, tiny};
use crate::outside::{self, ANSWER, Outside};

fn network(name: &str, gateway: &str) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Network\nmetadata: {{name: {name}}}\nspec: {{mode: user-v2, gateway: {gateway}}}\n"
    )
}

/// A guest on these networks.
fn on(guest: &std::path::Path, name: &str, networks: &[&str]) -> String {
    let networks: Vec<_> = networks.iter().map(|name| format!("{{lima: {name}}}")).collect();
    instance(name, "", &tiny(guest, &format!("networks: [{}]", networks.join(", "))))
}

/// The daemon's process, by its pid file.
fn daemon(home: &Home, network: &str) -> Option<u32> {
    let file = home.lima().join(format!("_networks/{network}/usernet_{network}.pid"));
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// The guest's address, as `get -o wide` shows it.
fn address(home: &Home, name: &str) -> String {
    let table = home.run("get instances -o wide").ok().out;
    let row = table.lines().find(|line| line.starts_with(&format!("{name} "))).expect(&table);
    let is_address = |word: &&str| word.parse::<std::net::Ipv4Addr>().is_ok();
    row.split([' ', ',']).find(is_address).unwrap_or_else(|| panic!("{table}")).to_owned()
}

/// Seconds since the guest's boot.
fn uptime(home: &Home, name: &str) -> f64 {
    let text = inside(home, name, "cut -d ' ' -f 1 /proc/uptime");
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// The longest time without a beat from `from` to `to`. `None` if no beat came before the one or
/// after the other: what never went on has no gap that could be measured.
fn longest_gap(beats: &[f64], from: f64, to: f64) -> Option<f64> {
    let first = beats.iter().rposition(|beat| *beat <= from)?;
    let last = beats.iter().position(|beat| *beat > to)?;
    let pairs = beats.get(first..=last)?.windows(2);
    Some(pairs.map(|pair| pair[1] - pair[0]).fold(0.0, f64::max))
}

#[test]
fn a_gap_is_found_and_what_never_goes_on_is_no_short_one() {
    let beats = [1.0, 1.1, 1.2, 2.7, 2.8, 9.0];
    assert_eq!(longest_gap(&beats, 1.15, 2.75), Some(2.7 - 1.2));
    assert_eq!(longest_gap(&beats, 2.75, 3.0), Some(9.0 - 2.8), "over the end");
    assert_eq!(longest_gap(&beats[..3], 1.15, 2.75), None, "never went on");
    assert_eq!(longest_gap(&beats, 0.5, 2.75), None, "never began");
    assert_eq!(longest_gap(&beats[..4], 1.15, 2.75), None, "went on, but not to the end");
}

/// A server of the host's that says hello to everybody.
fn host_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        }
    });
    port
}

#[test]
fn three_guests_find_each_other_and_the_host() {
    if outside::ran_apart("networks::three_guests_find_each_other_and_the_host") {
        return;
    }
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("lan.yaml", &network("lan", "10.91.0.1, mtu: 9000"));
    for name in ["a", "b", "c"] {
        home.write(&format!("{name}.yaml"), &on(&guest, name, &["lan"]));
    }
    let plan = home.run("plan -f {m}").ok().out;
    assert!(plan.contains("network/lan"), "{plan}");
    home.run("apply -f {m} --yes").ok();
    home.run("diff -f {m} --exit-code").ok();
    for (from, to) in [("a", "b"), ("b", "c"), ("c", "a")] {
        inside(&home, from, &format!("sudo ping -c 1 -W 5 lima-{to}.internal"));
        inside(&home, from, &format!("sudo ping -c 1 -W 5 {}", address(&home, to)));
    }
    // Guests learn by DHCP how long packets may be, and such ones pass.
    assert_eq!(inside(&home, "a", "cat /sys/class/net/eth0/mtu"), "9000");
    inside(&home, "a", "sudo ping -c 1 -W 5 -s 8900 lima-b.internal");
    inside(&home, "a", "sudo ping -c 1 -W 5 -s 8900 host.lima.internal");
    let port = host_server();
    let fetch = format!("wget -qO- http://host.lima.internal:{port}/");
    for name in ["a", "b", "c"] {
        assert_eq!(inside(&home, name, &fetch), "hello", "{name}");
    }
    the_world_outside_is_reached(&home, &["a", "b", "c"]);
    let described = home.run("describe a").ok().out;
    assert!(described.contains("eth0 on network/lan: 10.91.0."), "{described}");
    let listed = home.run("network list lan").ok().out;
    assert!(listed.contains("10.91.0.1/24") && listed.contains("Running"), "{listed}");

    names_change_live(&home);

    // SOCKS5 into the network, as names there are known there.
    inside(
        &home,
        "c",
        "setsid sh -c 'while :; do echo inside | nc -l -p 7000; done' >/dev/null 2>&1 </dev/null &",
    );
    let proxy = home.run("tunnel a").ok().out;
    let proxy = proxy.lines().next().expect("where it is").trim().to_owned();
    let fetched = Command::new("curl")
        .args(["-s", "--http0.9", "--max-time", "20", "--proxy", &proxy])
        .arg("http://lima-c.internal:7000/")
        .output();
    match fetched {
        Ok(fetched) => {
            assert_eq!(String::from_utf8_lossy(&fetched.stdout).trim(), "inside", "{fetched:?}");
        }
        Err(_) => println!("SKIPPED: there is no curl, so nothing goes through the tunnel"),
    }
}

/// A server beyond the host, in a network namespace of its own.
fn the_world_outside_is_reached(home: &Home, names: &[&str]) {
    let _outside = match Outside::start() {
        Ok(outside) => outside,
        Err(reason) => {
            println!("SKIPPED: no network beside the host's can be made: {reason}");
            return;
        }
    };
    for name in names {
        let fetched = inside(home, name, &format!("wget -qO- {}", Outside::url()));
        assert_eq!(fetched, ANSWER, "{name}");
    }
}

/// Names of the definition come while guests run, and are others a moment later.
fn names_change_live(home: &Home) {
    let boot = inside(home, "a", "cat /proc/sys/kernel/random/boot_id");
    for address in ["10.0.0.9", "10.0.0.8"] {
        let lan = network("lan", &format!("10.91.0.1, mtu: 9000, hosts: {{db.test: {address}}}"));
        home.write("lan.yaml", &lan);
        let plan = home.run("plan -f {m}").ok().out;
        assert!(plan.contains("live") && !plan.contains("instance/"), "{plan}");
        home.run("apply -f {m} --yes").ok();
        let found = inside(home, "a", "nslookup db.test");
        assert!(found.contains(address), "{found}");
    }
    assert_eq!(inside(home, "a", "cat /proc/sys/kernel/random/boot_id"), boot);
}

#[test]
fn two_networks_are_apart_and_a_guest_can_be_on_both() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("one.yaml", &network("one", "10.92.0.1"));
    home.write("two.yaml", &network("two", "10.93.0.1"));
    for (name, networks) in [("a", &["one"][..]), ("b", &["two"]), ("both", &["one", "two"])] {
        home.write(&format!("{name}.yaml"), &on(&guest, name, networks));
    }
    home.run("apply -f {m} --yes").ok();
    let b = address(&home, "b");
    assert!(b.starts_with("10.93.0."), "{b}");
    let failed =
        inside(&home, "a", &format!("sudo ping -c 1 -W 2 {b} >/dev/null 2>&1 || echo apart"));
    assert_eq!(failed, "apart");
    let failed =
        inside(&home, "a", "sudo ping -c 1 -W 2 lima-b.internal >/dev/null 2>&1 || echo apart");
    assert_eq!(failed, "apart");
    inside(&home, "both", "sudo ping -c 1 -W 5 lima-a.internal");
    inside(&home, "both", &format!("sudo ping -c 1 -W 5 {b}"));
}

#[test]
fn the_first_user_starts_the_daemon_and_the_last_one_stops_it() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    let names = ["v1", "v2", "v3", "v4", "v5", "v6"];
    home.write("lan.yaml", &network("lan", "10.94.0.1"));
    for name in names {
        let template = tiny(&guest, "memory: 192MiB\nnetworks: [{lima: lan}]");
        home.write(&format!("{name}.yaml"), &instance(name, "", &template));
    }
    // All six at once.
    home.run("apply -f {m} --yes").ok();
    let pid = daemon(&home, "lan").expect("a daemon");
    assert!(lives(pid));
    let addresses: std::collections::BTreeSet<_> =
        names.iter().map(|name| address(&home, name)).collect();
    assert_eq!(addresses.len(), 6, "{addresses:?}");
    assert_eq!(
        inside(&home, "v1", "sudo ping -c 1 -W 5 lima-v6.internal >/dev/null && echo ok"),
        "ok"
    );

    home.run("stop --force v1 v2 v3 v4 v5").ok();
    assert_eq!(daemon(&home, "lan"), Some(pid), "one is left");
    assert!(lives(pid));
    home.run(&format!("delete {} --yes", names.join(" "))).ok();
    assert_eq!(daemon(&home, "lan"), None, "the last one is deleted");
    assert!(!lives(pid));
    home.run("undelete v3").ok();
    home.run("start v3").ok();
    assert!(addresses.contains(&address(&home, "v3")), "leases outlive the daemon");
}

#[test]
fn a_killed_network_daemon_is_replaced_within_two_seconds() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("lan.yaml", &network("lan", "10.95.0.1"));
    for name in ["a", "b"] {
        home.write(&format!("{name}.yaml"), &on(&guest, name, &["lan"]));
    }
    home.run("apply -f {m} --yes").ok();
    let boot = inside(&home, "a", "cat /proc/sys/kernel/random/boot_id");
    let b = address(&home, "b");
    // SSH goes through the daemon, too: what is measured must go on by itself.
    inside(
        &home,
        "b",
        "setsid sh -c 'sleep 600 | nc -l -p 9000 >/tmp/got' >/dev/null 2>&1 </dev/null &",
    );
    let beat = format!(
        "sudo setsid sh -c 'ping -i 0.1 {b} | while read -r line; do read -r now rest </proc/uptime; echo $now; done' >/tmp/beats 2>/dev/null </dev/null &"
    );
    inside(&home, "a", &beat);
    let send = format!(
        "setsid sh -c 'for i in $(seq 40); do dd if=/dev/zero bs=65536 count=4; usleep 200000; done 2>/dev/null | (cat; sleep 60) | nc {b} 9000' >/dev/null 2>&1 </dev/null &"
    );
    inside(&home, "a", &send);
    thread::sleep(Duration::from_secs(3));
    let there: u64 = inside(&home, "b", "wc -c </tmp/got").trim().parse().expect("a number");
    assert!((1..40 * 4 * 65536).contains(&there), "{there} bytes: it is under way");
    let before = uptime(&home, "a");
    let pid = daemon(&home, "lan").expect("it runs");
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.expect("kill is everywhere").success());
    let start = Instant::now();
    while daemon(&home, "lan").is_none_or(|now| now == pid) {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody started it again");
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_secs(12));
    let deadline = Instant::now() + Duration::from_secs(60);
    while inside(&home, "b", "wc -c </tmp/got") != "10485760" {
        assert!(Instant::now() < deadline, "the transfer did not come to its end");
        thread::sleep(Duration::from_millis(500));
    }
    let after = uptime(&home, "a");
    thread::sleep(Duration::from_secs(3));
    let beats = inside(&home, "a", "cat /tmp/beats");
    let beats: Vec<f64> = beats.lines().filter_map(|line| line.parse().ok()).collect();
    let gap = longest_gap(&beats, before, after);
    println!("the longest gap of {} beats from {before} s to {after} s: {gap:?} s", beats.len());
    assert!(gap.expect("ping goes on before the kill and after the end") <= 2.0, "{gap:?} s");
    assert_eq!(inside(&home, "a", "cat /proc/sys/kernel/random/boot_id"), boot);
    assert_eq!(address(&home, "b"), b, "leases survive");
    inside(&home, "a", "sudo ping -c 1 -W 5 lima-b.internal");
}

#[test]
fn a_network_in_use_is_changed_with_its_users_stopped() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("lan.yaml", &network("lan", "10.96.0.1"));
    home.write("a.yaml", &on(&guest, "a", &["lan"]));
    home.run("apply -f {m} --yes").ok();
    assert!(address(&home, "a").starts_with("10.96.0."));
    home.write("lan.yaml", &network("lan", "10.97.0.1"));
    let plan = home.run("plan -f {m}").ok().out;
    assert!(plan.contains("10.96.0.1 → 10.97.0.1"), "{plan}");
    home.run("apply -f {m} --yes").ok();
    assert!(address(&home, "a").starts_with("10.97.0."), "{}", address(&home, "a"));
}

/// Lima's own daemon, started as limactl starts it, carries a guest of ours; killed, it is replaced
/// by ours, and the guest stays.
#[test]
fn a_guest_is_at_home_on_limas_daemon_and_ours_takes_its_place() {
    let Some(guest) = skip::tiny_guest() else { return };
    let Some(limactl) = std::env::var_os("LIMEKILN_TEST_LIMACTL") else {
        println!(
            "SKIPPED: LIMEKILN_TEST_LIMACTL is not set; it names a limactl that may write here"
        );
        return;
    };
    let home = Home::new();
    let (dir, config) = (home.lima().join("_networks/lan"), home.lima().join("_config"));
    fs::create_dir_all(&dir).and_then(|()| fs::create_dir_all(&config)).expect("ours");
    let lan = "networks: {lan: {mode: user-v2, gateway: 10.98.0.1, netmask: 255.255.255.0}}\n";
    fs::write(config.join("networks.yaml"), lan).expect("ours");
    let file = |name: &str| dir.join(name);
    let mut limas = Command::new(limactl)
        .arg("usernet")
        .arg("-p")
        .arg(file("usernet_lan.pid"))
        .arg("-e")
        .arg(file("lan_ep.sock"))
        .arg("--listen-qemu")
        .arg(file("lan_qemu.sock"))
        .arg("--listen")
        .arg(file("lan_fd.sock"))
        .args(["--subnet", "10.98.0.0/24"])
        .spawn()
        .expect("limactl starts");
    let start = Instant::now();
    while !file("lan_fd.sock").exists() {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", limas.try_wait());
        thread::sleep(Duration::from_millis(20));
    }
    home.write("a.yaml", &on(&guest, "a", &["lan"]));
    home.run("apply -f {m} --yes").ok();
    assert_eq!(daemon(&home, "lan"), Some(limas.id()), "it is used");
    let there = address(&home, "a");
    assert!(there.starts_with("10.98.0."), "{there}");
    let fetch = format!("wget -qO- http://host.lima.internal:{}/", host_server());
    assert_eq!(inside(&home, "a", &fetch), "hello");
    assert!(inside(&home, "a", "nslookup lima-a.internal").contains(&there));
    let boot = inside(&home, "a", "cat /proc/sys/kernel/random/boot_id");

    limas.kill().and_then(|()| limas.wait()).expect("it lives");
    let start = Instant::now();
    while daemon(&home, "lan").is_none_or(|now| now == limas.id()) {
        assert!(start.elapsed() < Duration::from_secs(20), "nobody took its place");
        thread::sleep(Duration::from_millis(20));
    }
    let words = format!("/proc/{}/cmdline", daemon(&home, "lan").expect("it runs"));
    assert!(fs::read_to_string(words).expect("it lives").contains("--state-file"), "it is ours");
    while home.call(&["shell", "a", "--", "true"]).code != 0 {
        assert!(start.elapsed() < Duration::from_secs(20), "the guest is not back");
    }
    assert_eq!(inside(&home, "a", &fetch), "hello");
    assert_eq!(inside(&home, "a", "cat /proc/sys/kernel/random/boot_id"), boot);
    assert_eq!(address(&home, "a"), there, "leases go from the one to the other");
}
