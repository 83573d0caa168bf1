//! What is remembered of the ledger is never another thing than what is in its files.

use std::fs;
use std::time::{Duration, SystemTime};

use limekiln_api::{DeletionPolicy, DiskFormat, DiskSpec};
use limekiln_model::{
    Desired, ObjectId, Observed, ObservedDisk, Origin, Owner, Plan, Policy, Report, Wanted,
};
use proptest::prelude::*;

use super::{Claim, Claims, Ledger, follow};
use crate::{Home, Planned};

#[derive(Clone, Debug)]
enum Edit {
    /// By us.
    Put(u8, usize),
    Forget(u8),
    /// By somebody else, or a failing disk.
    Cut(u8, usize),
    Flip(u8, usize),
    Swap(u8, u8),
    Litter,
    Nothing,
}

fn edit() -> impl Strategy<Value = Edit> {
    let id = || 0..4u8;
    prop_oneof![
        3 => (id(), 0..3usize).prop_map(|(id, line)| Edit::Put(id, line)),
        1 => id().prop_map(Edit::Forget),
        1 => (id(), any::<usize>()).prop_map(|(id, at)| Edit::Cut(id, at)),
        2 => (id(), any::<usize>()).prop_map(|(id, at)| Edit::Flip(id, at)),
        1 => (id(), id()).prop_map(|(a, b)| Edit::Swap(a, b)),
        1 => Just(Edit::Litter),
        1 => Just(Edit::Nothing),
    ]
}

fn make(edit: &Edit, ledger: &Ledger, home: &Home) {
    let name = |id: &u8| format!("instance/vm{id}");
    let file = |id: &u8| home.dir().join(format!("owners/instance-vm{id}.json"));
    match edit {
        Edit::Put(id, line) => {
            let origin = Origin { source: "/m".into(), file: "/m/a.yaml".into(), line: *line };
            let owner = Owner { origin, deletion_policy: DeletionPolicy::Delete };
            ledger.put(&Claim::new(name(id).parse().expect("an id"), owner)).expect("writable");
        }
        Edit::Forget(id) => ledger.forget(&name(id).parse().expect("an id")).expect("writable"),
        Edit::Cut(id, at) => {
            if let Ok(bytes) = fs::read(file(id)) {
                fs::write(file(id), &bytes[..at % bytes.len().max(1)]).expect("writable");
            }
        }
        // In place, of the same length.
        Edit::Flip(id, at) => {
            if let Ok(mut bytes) = fs::read(file(id))
                && !bytes.is_empty()
            {
                let at = at % bytes.len();
                bytes[at] ^= 1;
                fs::write(file(id), bytes).expect("writable");
            }
        }
        Edit::Swap(a, b) if fs::exists(file(a)).expect("readable") => {
            fs::rename(file(a), file(b)).expect("writable");
        }
        Edit::Litter => fs::write(home.dir().join("owners/.new-x"), "half").expect("writable"),
        Edit::Swap(..) | Edit::Nothing => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_ledger_that_is_remembered_is_the_one_in_the_files(
        edits in prop::collection::vec(edit(), 1..20)
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::new(dir.path());
        home.prepare().expect("writable");
        let ledger = Ledger::new(&home);
        for (number, edit) in (1..).zip(edits) {
            // No file system of a test counts in longer steps.
            std::thread::sleep(Duration::from_millis(8));
            make(&edit, &ledger, &home);
            // As if everything had rested for long, and looks were far apart: only what rested is
            // remembered, and whether somebody wrote into a file is looked at seldom.
            let later = SystemTime::now() + Duration::from_secs(60 * number);
            let (kept, read) = (ledger.read_at(later), Ledger::new(&home).read());
            match (kept, read) {
                (Ok(kept), Ok(read)) => prop_assert_eq!(kept, read, "after {:?}", edit),
                // A flipped bit can make a later version of it.
                (Err(kept), Err(read)) => prop_assert_eq!(kept.to_string(), read.to_string()),
                (kept, read) => prop_assert!(false, "{:?} {:?} {:?}", edit, kept, read),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Nothing of it is read again then, and files that nobody touched are not even looked at.
    #[test]
    fn who_holds_the_lock_knows_what_it_wrote(
        edits in prop::collection::vec((0..4u8, 0..4usize), 1..30)
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let home = Home::new(dir.path());
        let lock = home.lock().expect("nobody else is there");
        let open = Ledger::new(&home);
        let ledger = open.fenced(&lock.fence());
        for (id, line) in edits {
            let before = open.read().expect("readable");
            let edit = if line == 3 { Edit::Forget(id) } else { Edit::Put(id, line) };
            make(&edit, &ledger, &home);
            let (kept, read) = (open.read().expect("readable"), Ledger::new(&home).read());
            prop_assert_eq!(&*kept, &*read.expect("readable"), "after {:?}", edit);
            for (other, claim) in kept.by_id.iter().filter(|(it, _)| it.name.as_str() != format!("vm{id}")) {
                prop_assert!(std::ptr::eq(&**claim, &*before.by_id[other]), "{}", other);
            }
        }
    }
}

fn claim(id: &str, source: &str) -> Claim {
    let origin = Origin { source: source.into(), file: "/m/a.yaml".into(), line: 1 };
    let owner = Owner { origin, deletion_policy: DeletionPolicy::Delete };
    Claim::new(id.parse().expect("an id"), owner)
}

#[test]
fn a_claim_that_changed_in_the_meantime_is_neither_renamed_away_nor_withdrawn() {
    let dir = tempfile::tempdir().expect("dir");
    let home = Home::new(dir.path());
    home.prepare().expect("writable");
    let ledger = Ledger::new(&home);
    let (old, new) = (claim("instance/old", "<stdin>"), claim("instance/new", "<stdin>"));
    ledger.put(&old).expect("writable");
    ledger.rename(&old, new.id.clone()).expect("writable");
    let get = |claim: &Claim| ledger.get(&claim.id).expect("readable");
    assert_eq!((get(&old), get(&new)), (None, Some(new.clone())));
    // The controller makes another one of the old name while the first is renamed.
    ledger.put(&old).expect("writable");
    let made = claim("instance/old", "/m");
    ledger.put(&made).expect("writable");
    ledger.rename(&old, new.id.clone()).expect("writable");
    assert_eq!(get(&old), Some(made.clone()), "what the controller made is its own");
    // And what it could not make, because somebody made it by hand, is that one's.
    ledger.put(&old).expect("writable");
    ledger.forget_claim(&made).expect("writable");
    assert_eq!(get(&old), Some(old));
}

/// Between the look at the ledger and what follows from it, somebody clones or renames.
#[test]
fn what_was_claimed_since_the_look_is_neither_forgotten_nor_changed() {
    let dir = tempfile::tempdir().expect("dir");
    let home = Home::new(dir.path());
    home.prepare().expect("writable");
    let ledger = Ledger::new(&home);
    let (gone, moved) = (claim("disk/gone", "/m"), claim("disk/moved", "/m"));
    let adopted = claim("disk/adopted", "/m").id;
    let follow = |claims: &Claims| {
        let planned = planned(&[&moved.id, &adopted]);
        let (now, then) = (&planned.observed, Some(&planned.observed));
        follow(&ledger, claims, &planned, now, then, &|_| false).expect("writable");
    };
    let owned = |id: &ObjectId| ledger.get(id).expect("readable").map(|claim| claim.owner.origin);
    let put =
        |id: &ObjectId, source| ledger.put(&claim(&id.to_string(), source)).expect("writable");
    for source in ["/m", "<stdin>"] {
        ledger.forget(&adopted).expect("writable");
        put(&gone.id, "/m");
        put(&moved.id, "/m");
        let claims = ledger.read().expect("readable");
        if source == "<stdin>" {
            [&gone.id, &moved.id, &adopted].into_iter().for_each(|id| put(id, source));
        }
        follow(&claims);
        let by_hand = claim("disk/x", "<stdin>").owner.origin;
        let expected = match source {
            "/m" => [None, Some(wanted_at()), Some(wanted_at())],
            _ => [Some(by_hand.clone()), Some(by_hand.clone()), Some(by_hand)],
        };
        assert_eq!([&gone.id, &moved.id, &adopted].map(owned), expected, "{source}");
    }
}

/// Where the manifests are by now.
fn wanted_at() -> Origin {
    Origin { source: "/m".into(), file: "/m/b.yaml".into(), line: 7 }
}

/// Disks that are wanted and exist; nothing else does.
fn planned(wanted: &[&ObjectId]) -> Planned {
    let mut desired = Desired { sources: vec!["/m".to_owned()], ..Desired::default() };
    let mut observed = Observed::default();
    let (size, format) = (1 << 20, DiskFormat::Qcow2);
    for id in wanted {
        let disk = Wanted { spec: DiskSpec::of(size, format), origin: wanted_at() };
        desired.disks.insert(id.name.clone(), disk);
        let disk = ObservedDisk { size, format, in_use_by: None };
        observed.disks.insert(id.name.clone(), disk);
    }
    let policy = Policy { adopt: true, ..Policy::default() };
    Planned { plan: Plan::default(), report: Report::default(), observed, desired, policy }
}

#[test]
fn one_at_a_time_and_nobody_waits_for_ever() {
    let dir = tempfile::tempdir().expect("dir");
    let home = Home::new(dir.path());
    home.prepare().expect("writable");
    let ledger = Ledger::new(&home);
    let held = fs::File::create(home.dir().join("owners.lock")).expect("writable");
    held.lock().expect("free");
    let error = ledger.put(&claim("instance/web", "/m")).expect_err("somebody writes");
    let why = std::error::Error::source(&error).map(ToString::to_string);
    assert!(why.expect("a cause").contains("for too long"), "{error}");
    held.unlock().expect("ours");
    ledger.put(&claim("instance/web", "/m")).expect("free");
}
