//! Row 33: state that earlier releases saved, and state of releases to come.
//!
//! `tests/state/VERSION` is what the controller of that release left after one story, see
//! [`story`]. Before a release, `LIMEKILN_SAVE_STATE=1 cargo test -p limekiln-tests --test cli
//! old_state` writes the one of this version.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use limekiln_tests::{Controller, Home};

use crate::controller::git;

fn disk(name: &str, size: &str) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {{name: {name}}}\nspec: {{size: {size}, format: raw, deletionPolicy: Delete}}\n"
    )
}

fn commit(home: &Home, message: &str) -> String {
    let repository = home.manifests();
    git(&repository, &["read-tree", "--empty"]);
    git(&repository, &["add", "--all"]);
    git(&repository, &["commit", "--quiet", "--allow-empty", "--message", message]);
    git(&repository, &["rev-parse", "HEAD"])
}

fn follow(home: &Home) -> Controller {
    let config = home.manifests().with_file_name("sources.yaml");
    let text = format!(
        "sources:\n- name: team\n  git: {{url: {}, reference: {{branch: main}}}}\n  prune: true\n",
        home.manifests().display()
    );
    fs::write(&config, text).expect("writable");
    Controller::of(home, &["--config", &config.display().to_string()])
}

/// The three commits of the story; `at_each` is called after each.
fn commits(home: &Home, mut at_each: impl FnMut(usize)) -> Vec<String> {
    git(&home.manifests(), &["init", "--quiet", "--initial-branch=main"]);
    let mut made = Vec::new();
    for step in 0..3 {
        match step {
            0 => ["data", "logs", "old"].iter().for_each(|name| {
                home.write(&format!("{name}.yaml"), &disk(name, "1MiB"));
            }),
            1 => fs::remove_file(home.manifests().join("old.yaml")).expect("there"),
            _ => drop(home.write("extra.yaml", &disk("extra", "1MiB"))),
        }
        made.push(commit(home, &format!("commit {step}")));
        at_each(step);
    }
    made
}

/// Three disks; one is taken out and parked; one is added by mistake, rolled back and parked; one
/// is suspended.
fn story(home: &Home) -> Vec<String> {
    let mut controller = None;
    let commits = commits(home, |step| {
        let controller = controller.get_or_insert_with(|| follow(home));
        home.run("notify").ok();
        controller.until(match step {
            0 => "3 objects are as wanted",
            1 => "disk/old              park: done",
            _ => "disk/extra            create: done",
        });
    });
    let mut controller = controller.expect("started");
    home.run(&format!("rollback {}", commits[1])).ok();
    controller.until("disk/extra            park: done");
    controller.until("2 objects are as wanted");
    home.run("suspend disk/logs").ok();
    controller.until("disk/logs             is suspended");
    controller.end();
    commits
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("state")
}

/// What is kept of a state: no locks, no cache, no contents of disks.
fn kept(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for path in fs::read_dir(&next).expect("readable").flatten().map(|entry| entry.path()) {
            match path.is_dir() {
                true if path.ends_with("git") || path.ends_with("data") => {}
                true => dirs.push(path),
                false => files.push(path.strip_prefix(dir).expect("below").to_owned()),
            }
        }
    }
    let state =
        |file: &PathBuf| file.extension().is_some_and(|end| end == "json" || end == "jsonl");
    files.retain(state);
    files.sort();
    files
}

/// All keys of all objects in a file of JSON, one document a line or one for all.
fn keys(file: &Path) -> BTreeSet<String> {
    fn collect(value: &serde_json::Value, keys: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(map) => map.iter().for_each(|(key, value)| {
                // What is parked has the time in its name.
                if !key.contains(' ') {
                    keys.insert(key.clone());
                }
                collect(value, keys);
            }),
            serde_json::Value::Array(all) => all.iter().for_each(|value| collect(value, keys)),
            _ => {}
        }
    }
    let text = fs::read_to_string(file).expect("readable");
    let mut all = BTreeSet::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter() {
        collect(&value.expect("JSON"), &mut all);
    }
    all
}

#[test]
fn what_this_release_saves_is_kept_for_the_next() {
    let home = Home::new();
    story(&home);
    let (ours, fixture) =
        (home.lima().join("_limekiln"), fixtures().join(env!("CARGO_PKG_VERSION")));
    if std::env::var_os("LIMEKILN_SAVE_STATE").is_some() {
        let _ = fs::remove_dir_all(&fixture);
        for file in kept(&ours) {
            let to = fixture.join(&file);
            fs::create_dir_all(to.parent().expect("below")).expect("writable");
            // Where the repository was says nothing.
            let text = fs::read_to_string(ours.join(&file)).expect("text");
            let dir = home.manifests().with_file_name("").display().to_string();
            fs::write(to, text.replace(&dir, "/srv/")).expect("writable");
        }
    }
    // Keys of the trash tell the time.
    let lasting = |dir: &Path| -> Vec<_> {
        kept(dir).into_iter().filter(|file| !file.starts_with("trash")).collect()
    };
    assert_eq!(lasting(&ours), lasting(&fixture), "LIMEKILN_SAVE_STATE=1 writes it anew");
    for file in lasting(&ours) {
        assert_eq!(keys(&ours.join(&file)), keys(&fixture.join(&file)), "{}", file.display());
    }
}

/// A home as a release left it, and the commits that it followed.
fn home_of(release: &Path) -> (Home, Vec<String>) {
    let home = Home::new();
    let commits = commits(&home, |_| {});
    let ours = home.lima().join("_limekiln");
    let make = |dir: &Path| fs::create_dir_all(dir).expect("writable");
    for file in kept(release) {
        let to = ours.join(&file);
        make(to.parent().expect("below"));
        fs::copy(release.join(&file), &to).expect("writable");
        // What was parked is a disk.
        if file.ends_with("meta.json") {
            make(&to.with_file_name("data"));
            blank(&to.with_file_name("data").join("datadisk"));
        }
    }
    for disk in ["data", "logs"] {
        let dir = home.lima().join("_disks").join(disk);
        make(&dir);
        blank(&dir.join("datadisk"));
    }
    for dir in [home.lima(), ours] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(dir, mode).expect("ours");
    }
    (home, commits)
}

fn blank(file: &Path) {
    fs::File::create(file).and_then(|file| file.set_len(1 << 20)).expect("writable");
}

fn releases() -> Vec<PathBuf> {
    let all = fs::read_dir(fixtures()).expect("there").flatten().map(|entry| entry.path());
    let all: Vec<_> = all.filter(|path| path.is_dir()).collect();
    assert!(!all.is_empty());
    all
}

#[test]
fn state_of_every_release_is_read() {
    for release in releases() {
        let (home, commits) = home_of(&release);
        let listed = home.run("history").ok().out;
        let state = |commit: &str| {
            let line = listed.lines().find(|line| line.contains(&commit[..12]));
            line.unwrap_or_else(|| panic!("no {commit} in\n{listed}")).to_owned()
        };
        assert!(state(&commits[1]).contains("pinned"), "{listed}");
        assert!(state(&commits[2]).contains("rolled back"), "{listed}");
        let events = home.run("events").ok().out;
        assert!(events.contains("disk/old") && events.contains("park"), "{events}");

        // Sources: what does not descend from the last commit is refused from the first look on.
        git(&home.manifests(), &["reset", "--quiet", "--hard", &commits[0]]);
        let mut controller = follow(&home);
        controller.until("was rewound");
        controller.end();
        git(&home.manifests(), &["reset", "--quiet", "--hard", &commits[2]]);

        // Requests and claims: one disk is suspended, one revision pinned, and nothing is to do.
        let mut controller = follow(&home);
        controller.until("disk/logs             is suspended");
        controller.until("1 object is as wanted, 1 wait");
        home.run("get disk/extra").expect(1);
        let before = home.run("get disk/data -o json").ok().out;
        let status = fs::read_to_string(release.join("status.json")).expect("saved");
        let since = status.split("lastTransitionTime\":\"").nth(1).expect("a time");
        let since = since.split('"').next().expect("a time");
        assert!(before.contains(since), "{since} is not in {before}");

        // What is ours may be changed and deleted.
        home.run("resume disk/logs").ok();
        home.run("rollback --release").ok();
        home.write("data.yaml", &disk("data", "2MiB"));
        fs::remove_file(home.manifests().join("extra.yaml")).expect("there");
        fs::remove_file(home.manifests().join("logs.yaml")).expect("there");
        commit(&home, "on it goes");
        home.run("notify").ok();
        controller
            .until_all(&["disk/data             resize: done", "disk/logs             park: done"]);
        controller.end();

        // What was parked comes back as ours.
        home.run("undelete disk/old").ok();
        let described = home.run("describe disk/old").ok().out;
        assert!(described.contains("managed  by old.yaml:1"), "{described}");
    }
}

/// A home whose file is of a release to come, and where a disk is to grow; what the file holds.
fn home_from_the_future(file: &str) -> (Home, Vec<u8>) {
    let (home, commits) = home_of(&fixtures().join(env!("CARGO_PKG_VERSION")));
    let path = home.lima().join("_limekiln").join(file);
    let text = fs::read_to_string(&path).expect("there");
    let newer = text.replacen("\"version\": 1", "\"version\": 9", 1);
    let newer = newer.replacen("\"version\":1", "\"version\":9", 1);
    let newer = newer.replacen("\"version\":2", "\"version\":9", 1);
    let newer = newer.replacen("\"version\":3", "\"version\":9", 1);
    assert_ne!(newer, text, "{file} has no version");
    fs::write(&path, &newer).expect("writable");
    if file != "requests.json" {
        home.run("rollback --release").ok();
    }
    assert_eq!(commits.len(), 3);
    home.write("data.yaml", &disk("data", "2MiB"));
    commit(&home, "larger");
    (home, newer.into_bytes())
}

fn is_left_alone(home: &Home, file: &str, bytes: &[u8]) {
    let path = home.lima().join("_limekiln").join(file);
    assert_eq!(fs::read(path).expect("still there"), bytes, "{file}");
}

fn size_of_data(home: &Home) -> u64 {
    fs::metadata(home.lima().join("_disks/data/datadisk")).expect("there").len()
}

#[test]
fn what_a_later_release_owns_or_was_asked_for_is_not_guessed() {
    for (file, told, way_out) in [
        ("owners/disk-data.json", "has version 9", "use the newer limekiln"),
        ("requests.json", "it has version 9", "mend or remove"),
    ] {
        let (home, bytes) = home_from_the_future(file);
        let mut controller = follow(&home);
        let line = controller.until(told);
        assert!(line.contains(file) && line.contains(way_out), "{line}");
        std::thread::sleep(std::time::Duration::from_secs(2));
        controller.end();
        is_left_alone(&home, file, &bytes);
        assert_eq!(size_of_data(&home), 1 << 20, "{file}: something was done");
    }
}

#[test]
fn a_later_release_knows_which_commits_were_acted_on() {
    let (home, bytes) = home_from_the_future("sources.json");
    let (code, said) = follow(&home).ended();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("sources.json has version 9"), "{said}");
    is_left_alone(&home, "sources.json", &bytes);
    assert_eq!(size_of_data(&home), 1 << 20);
}

#[test]
fn what_a_later_release_parked_waits_for_it() {
    let (home, bytes) = home_from_the_future("parked/disk-old.json");
    let refused = home.run("undelete disk/old").expect(1);
    assert!(refused.err.contains("has version 9"), "{}", refused.err);
    is_left_alone(&home, "parked/disk-old.json", &bytes);
}

#[test]
fn status_and_revisions_of_a_later_release_are_left_alone_and_hinder_nothing() {
    let release = fixtures().join(env!("CARGO_PKG_VERSION"));
    let revisions = fs::read_dir(release.join("revisions")).expect("saved").flatten();
    let revisions = revisions
        .map(|entry| format!("revisions/{}", entry.file_name().into_string().expect("text")));
    for file in revisions.chain(["status.json".to_owned()]) {
        let (home, bytes) = home_from_the_future(&file);
        let mut controller = follow(&home);
        controller.until("disk/data             resize: done");
        controller.end();
        is_left_alone(&home, &file, &bytes);
        let listed = home.run("history").ok().out.lines().count();
        assert_eq!(listed, if file == "status.json" { 5 } else { 4 }, "{file}");
    }
}

#[test]
fn what_a_later_release_counted_removes_nothing() {
    let (home, bytes) = home_from_the_future("expiry.json");
    let mut counted: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    let ages = counted["ages"].as_object_mut().expect("by object");
    assert!(!ages.is_empty());
    ages.values_mut().for_each(|age| *age = (u64::from(u32::MAX)).into());
    let path = home.lima().join("_limekiln/expiry.json");
    fs::write(path, counted.to_string()).expect("writable");
    let mut controller = follow(&home);
    controller.until("disk/data             resize: done");
    std::thread::sleep(std::time::Duration::from_secs(2));
    controller.end();
    home.run("undelete disk/old").ok();
}
