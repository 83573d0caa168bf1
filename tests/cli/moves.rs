//! What is gone from one source may have come to another.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use limekiln_tests::{Controller, Home};

use crate::controller::git;

fn disk(name: &str) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {{name: {name}}}\nspec: {{size: 1MiB, format: raw, deletionPolicy: Delete}}\n"
    )
}

/// A directory, `mine`, and a repository, `team`, which is fetched every so many seconds.
struct Sources {
    home: Home,
    team: PathBuf,
}

impl Sources {
    fn new() -> Self {
        let home = Home::new();
        let team = home.manifests().with_file_name("team");
        fs::create_dir(&team).expect("writable");
        git(&team, &["init", "--quiet", "--initial-branch=main"]);
        let sources = Self { home, team };
        for name in ["data", "logs", "more"] {
            sources.home.write(&format!("{name}.yaml"), &disk(name));
        }
        sources.commit("other.yaml", &disk("other"));
        sources
    }

    fn commit(&self, file: &str, text: &str) {
        fs::write(self.team.join(file), text).expect("writable");
        git(&self.team, &["add", "--all"]);
        git(&self.team, &["commit", "--quiet", "--message", file]);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.home.manifests().join(format!("{name}.yaml"))).expect("there");
    }

    fn follow(&self, interval: u32) -> Controller {
        let mut controller = self.begin(interval);
        controller.until("4 objects are as wanted");
        controller
    }

    fn begin(&self, interval: u32) -> Controller {
        let config = self.home.manifests().with_file_name("sources.yaml");
        let text = format!(
            "sources:\n- name: mine\n  directory: {{path: {}}}\n  prune: true\n\
             - name: team\n  git: {{url: {}, reference: {{branch: main}}}}\n  prune: true\n  policy: policy.yaml\n  interval: {interval}\n",
            self.home.manifests().display(),
            self.team.display()
        );
        fs::write(&config, text).expect("writable");
        let policy = "takeOver: [data]\n";
        fs::write(config.with_file_name("policy.yaml"), policy).expect("writable");
        Controller::of(&self.home, &["--config", &config.display().to_string()])
    }

    /// Waits until a disk is described so.
    fn described(&self, name: &str, text: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let said = self.home.run(&format!("describe disk/{name}")).ok().out;
            if said.contains(text) {
                return;
            }
            assert!(Instant::now() < until, "no {text:?} in\n{said}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn is_there(&self, name: &str) -> bool {
        self.home.lima().join("_disks").join(name).join("datadisk").exists()
    }
}

fn has_parked(controller: &Controller) -> bool {
    controller.seen().iter().any(|line| line.contains("park"))
}

#[test]
fn what_is_gone_is_deleted_only_when_no_other_source_has_it_by_now() {
    let sources = Sources::new();
    // It is not its time that has it fetched again.
    let mut controller = sources.follow(3_600);
    let kept = sources.home.lima().join("_disks/data/kept");
    fs::write(&kept, "by its maker").expect("writable");
    sources.commit("data.yaml", &disk("data"));
    sources.remove("data");
    sources.described("data", "by data.yaml:1");
    assert!(kept.exists());
    sources.remove("logs");
    controller.until("disk/logs             park: done");
    assert!(kept.exists());
    assert_eq!(controller.seen().iter().filter(|line| line.contains("park")).count(), 1);
}

#[test]
fn nothing_is_deleted_while_another_source_cannot_be_read() {
    let sources = Sources::new();
    let mut controller = sources.follow(1);
    let away = sources.team.with_file_name("away");
    fs::rename(&sources.team, &away).expect("rename");
    sources.remove("data");
    sources.described("data", "source team, which cannot be read, may have it by now");
    controller.prints_within("park", Duration::from_secs(3));
    assert!(!has_parked(&controller) && sources.is_there("data"), "{:?}", controller.seen());
    fs::rename(&away, &sources.team).expect("rename");
    controller.until("disk/data             park: done");
    assert!(!sources.is_there("data"));
}

#[test]
fn nothing_is_deleted_while_it_is_not_known_what_a_file_of_another_source_describes() {
    let sources = Sources::new();
    let mut controller = sources.follow(1);
    sources.commit("data.yaml", "kind: [Disk\n");
    sources.remove("data");
    controller.prints_within("park", Duration::from_secs(3));
    assert!(!has_parked(&controller) && sources.is_there("data"), "{:?}", controller.seen());
    sources.commit("data.yaml", &disk("third"));
    controller.until("disk/data             park: done");
}

/// Who may write into a repository holds up nothing that this host describes itself.
#[test]
fn a_repository_that_may_not_have_a_disk_keeps_it_from_nobody() {
    let sources = Sources::new();
    let mut controller = sources.follow(1);
    let broken = disk("logs").replace("1MiB", "many");
    let all = [disk("logs"), broken, disk("third")].join("---\n");
    sources.commit("logs.yaml", &all);
    controller.until("disk/third            create: done");
    sources.home.write("logs.yaml", &disk("logs").replace("1MiB", "2MiB"));
    controller.until("disk/logs             resize: done");
    // Gone from here it is not the repository's for that, and is not deleted either.
    sources.remove("logs");
    sources.described("logs", "disk/logs is also described at");
    assert!(sources.is_there("logs") && !has_parked(&controller));
    controller.signal("-TERM");
    let told = controller.ended().1;
    assert!(told.contains("logs.yaml:3:18: error: metadata.name: denied by `takeOver`"), "{told}");
}

/// Else it would come from elsewhere, and the repository's policy would deny it.
#[test]
fn what_a_repository_describes_is_taken_over_for_it() {
    let sources = Sources::new();
    let file = sources.team.join("other.yaml");
    let apply = |flags: &[&str]| {
        let file = file.display().to_string();
        sources.home.call(&[&["apply", "-f", &file], flags].concat())
    };
    apply(&[]).ok();
    fs::remove_dir_all(sources.home.lima().join("_limekiln/owners")).expect("there");
    let mut controller = sources.begin(1);
    controller.until("take it over with `limekiln apply --adopt`");
    // What says something else would be undone.
    fs::write(&file, disk("other").replace("1MiB", "2MiB")).expect("writable");
    let refused = apply(&["--adopt"]).expect(1).err;
    assert!(
        refused.contains("disk/other is kept by the controller from other.yaml:1"),
        "{refused}"
    );
    fs::write(&file, disk("other")).expect("writable");
    apply(&["--adopt"]).ok();
    sources.described("other", "other.yaml:1");
    // From then on it is kept as the repository says.
    sources.commit("other.yaml", &disk("other").replace("1MiB", "3MiB"));
    controller.until("disk/other            resize: done");
    controller.end();
}
