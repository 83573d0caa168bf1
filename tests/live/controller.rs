//! The controller on real VMs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use limekiln_tests::{Controller, Home, skip};

use crate::guest::{inside, instance, tiny, uptime};

fn boot_id(home: &Home, name: &str) -> String {
    inside(home, name, "cat /proc/sys/kernel/random/boot_id")
}

/// Moments from a seed (SplitMix64, by Steele, Lea and Flood).
struct Moments(u64);

impl Moments {
    /// From `LIMEKILN_TEST_SEED`, or another one each time, which is printed.
    fn new() -> Self {
        let given = std::env::var("LIMEKILN_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let seed = given.unwrap_or_else(now);
        println!("LIMEKILN_TEST_SEED={seed}");
        Self(seed)
    }

    /// One before `end`, each as likely as any other.
    fn before(&mut self, end: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let micros = u64::try_from(end.as_micros()).expect("a short time").max(1);
        Duration::from_micros((mixed ^ (mixed >> 31)) % micros)
    }
}

/// Two guests, and a controller that is killed while it changes them.
struct Fleet {
    home: Home,
    guest: PathBuf,
    revision: u64,
    kills: u32,
    moments: Moments,
    /// By revision, how many of the plans that were begun for it were cut short. Not all revisions
    /// are kept to the end.
    cut: BTreeMap<String, u64>,
}

const SETTLED: &str = "3 objects are as wanted";
const GUESTS: [&str; 2] = ["a", "b"];
/// Nothing takes longer, also on a busy host.
const LONGEST: Duration = Duration::from_secs(400);
/// Kills while nothing changes that needs a restart, and in all.
const KILLS: (u32, u32) = (38, 50);

impl Fleet {
    fn boot(guest: PathBuf) -> Self {
        let (home, moments) = (Home::new(), Moments::new());
        let mut fleet = Self { home, guest, revision: 0, kills: 0, moments, cut: BTreeMap::new() };
        fleet.write(1);
        fleet.settle();
        fleet
    }

    /// The next revision: `a` gets a larger disk of its own, and another one or loses it; `b` is to
    /// have so many processors. Only that needs a restart.
    fn write(&mut self, cpus: u32) {
        self.revision += 1;
        let (revision, home) = (self.revision, &self.home);
        let vm = |name: &str, extra: &str| {
            let template = tiny(&self.guest, &format!("message: revision {revision}\n{extra}"));
            home.write(&format!("{name}.yaml"), &instance(name, "", &template));
        };
        let disks = if revision % 2 == 0 { "additionalDisks: [data]" } else { "" };
        vm("a", &format!("disk: {}MiB\n{disks}", 256 + 4 * revision));
        vm("b", &format!("cpus: {cpus}"));
        let disk = "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 16MiB}\n";
        home.write("data.yaml", disk);
    }

    /// Lets a controller go on from where the last one was killed, and kills it within `length` of
    /// having begun a plan. Where it is done sooner, nothing is left to interrupt, and that is no
    /// kill.
    fn kill_within(&mut self, length: Duration) -> bool {
        let moment = self.moments.before(length);
        let before = self.begun();
        let mut controller = Controller::start(&self.home, &[]);
        let deadline = Instant::now() + LONGEST;
        let mut settled = false;
        while !settled && self.begun() == before {
            assert!(Instant::now() < deadline, "it begins nothing: {:#?}", controller.seen());
            settled = controller.prints_within(SETTLED, Duration::from_millis(5));
        }
        if settled || controller.prints_within(SETTLED, moment) {
            controller.end();
            return false;
        }
        controller.kill();
        self.kills += 1;
        true
    }

    /// What is noted of plans, by its size: it grows as soon as one was begun.
    fn begun(&self) -> u64 {
        let plans = self.home.lima().join("_limekiln/plans");
        let files = fs::read_dir(plans).into_iter().flatten().flatten();
        files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
    }

    /// Lets a controller bring about what is wanted, undisturbed; how long that takes from the
    /// beginning of its first plan.
    fn settle(&self) -> Duration {
        let (before, deadline) = (self.begun(), Instant::now() + LONGEST);
        let mut controller = Controller::start(&self.home, &[]);
        let (mut begun, mut done) = (None, false);
        while !done {
            assert!(Instant::now() < deadline, "it does not get there: {:#?}", controller.seen());
            done = controller.prints_within(SETTLED, Duration::from_millis(5));
            if begun.is_none() && self.begun() != before {
                begun = Some(Instant::now());
            }
        }
        let took = begun.map_or(Duration::ZERO, |begun| begun.elapsed());
        // In order: what it did is noted.
        controller.end();
        took
    }

    /// Notes how many of the plans that were begun were cut short.
    fn count(&mut self) {
        let history = self.home.run("history -o json").ok().out;
        let all: serde_json::Value = serde_json::from_str(&history).expect("JSON");
        for one in all.as_array().into_iter().flatten() {
            let plans = one["plans"].as_array().into_iter().flatten();
            let is_cut = |plan: &&serde_json::Value| {
                let mut steps = plan["steps"].as_array().into_iter().flatten();
                steps.any(|step| step["outcome"] == "cutShort")
            };
            // Equal ones, one after the other, are told as one.
            let times = |plan: &serde_json::Value| plan["count"].as_u64().unwrap_or(1);
            let cut: u64 = plans.filter(is_cut).map(times).sum();
            // Of a revision with many plans the first ones are forgotten.
            let most = self.cut.entry(one["revision"].to_string()).or_default();
            *most = cut.max(*most);
        }
    }
}

/// Rows 1 and 10: killed fifty times at random while it brings guests from one revision to the
/// next, the controller interrupts none but the one whose change needs a restart, and gets there.
#[test]
fn a_controller_that_is_killed_again_and_again_interrupts_no_guest() {
    let Some(guest) = skip::tiny_guest() else { return };
    let mut fleet = Fleet::boot(guest);
    let begun = Instant::now();
    let seen = |fleet: &Fleet| GUESTS.map(|name| boot_id(&fleet.home, name));
    let boots = seen(&fleet);
    let up = uptime(&fleet.home, "a");
    fleet.write(1);
    // Moments are spread over all of a change; on a host that is so busy that a change takes minutes,
    // over its beginning.
    let live = fleet.settle().min(Duration::from_secs(3));
    while fleet.kills < KILLS.0 {
        fleet.write(1);
        while fleet.kills < KILLS.0 && fleet.kill_within(live) {}
        fleet.count();
    }
    fleet.settle();
    assert_eq!(seen(&fleet), boots, "nothing of that needs a restart");

    let (restart, mut cpus) = (live + Duration::from_secs(4), 1);
    while fleet.kills < KILLS.1 {
        cpus = 3 - cpus;
        fleet.write(cpus);
        while fleet.kills < KILLS.1 && fleet.kill_within(restart) {}
        fleet.settle();
        fleet.count();
    }
    let (cut, took) = (fleet.cut.values().sum::<u64>(), begun.elapsed());
    println!(
        "{} kills, {cut} of them in the middle of a plan, {live:?} each, {took:?}",
        fleet.kills
    );
    assert_eq!(fleet.kills, KILLS.1);
    assert!(cut * 2 >= u64::from(KILLS.1), "only {cut} of them were in the middle of a plan");
    let [a, b] = seen(&fleet);
    assert_eq!(a, boots[0], "no plan restarts it");
    assert_ne!(b, boots[1], "the plan restarts this one");
    assert_eq!(inside(&fleet.home, "b", "nproc"), cpus.to_string());
    let (grown, passed) = (uptime(&fleet.home, "a") - up, begun.elapsed().as_secs_f64());
    assert!(grown > passed - 5.0, "it stood still: {grown} of {passed} s");
    let stored = fs::read_to_string(fleet.home.instance("a").join("lima.yaml")).expect("readable");
    assert!(stored.contains(&format!("revision {}", fleet.revision)), "{stored}");
}

/// Row 8: a VM that dies is started again by the controller, without anybody asking.
#[test]
fn a_controller_starts_a_vm_again_that_was_killed() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    let mut controller = Controller::start(&home, &["--resync", "5m"]);
    controller.until("1 object is as wanted");
    let boot = boot_id(&home, "vm");
    let pid = fs::read_to_string(home.instance("vm").join("qemu.pid")).expect("it runs");
    let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
    assert!(killed.expect("kill is everywhere").success());
    controller.until("instance/vm           start: done");
    controller.until("1 object is as wanted");
    assert_ne!(boot_id(&home, "vm"), boot);
    controller.end();
}

/// What the controller does not keep is started and stopped beside it, and what it keeps is left
/// to it.
#[test]
fn vms_are_started_and_stopped_by_hand_beside_a_controller() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    let lone = home.manifests().with_file_name("lone.yaml");
    fs::write(&lone, instance("lone", "", &tiny(&guest, ""))).expect("writable");
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    let boot = boot_id(&home, "vm");

    let lone = lone.display().to_string();
    let applied = home.call(&["apply", "-f", &lone, "--timeout", "0s"]).expect(5);
    assert!(applied.err.contains("the time is up"), "{}", applied.err);
    let applied = home.call(&["apply", "-f", &lone]).ok();
    assert!(applied.out.contains("Done in"), "{}", applied.out);
    assert!(applied.err.contains("instance/lone  ready"), "{}", applied.err);
    inside(&home, "lone", "true");
    let stopped = home.run("stop lone").ok();
    assert!(stopped.err.contains("✓ instance/lone  stopped"), "{}", stopped.err);
    sleep(Duration::from_secs(3));
    home.run("wait lone --for phase=Stopped --timeout 1s").ok();
    home.run("start lone").ok();
    home.run("stop lone --force").ok();

    let refused = home.run("stop vm").expect(1);
    assert!(refused.err.contains("instance/vm is kept by the controller from"), "{}", refused.err);
    assert_eq!(boot_id(&home, "vm"), boot, "nothing was done to it");
    home.run("restart vm").ok();
    assert_ne!(boot_id(&home, "vm"), boot);
    home.run("suspend vm").ok();
    home.run("stop vm").ok();
    sleep(Duration::from_secs(3));
    home.run("wait instance/vm --for phase=Stopped --timeout 1s").ok();
    home.run("resume vm").ok();
    home.run("wait instance/vm --timeout 2m").ok();
    controller.end();
}
