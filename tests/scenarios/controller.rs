//! The commands that concern a controller that runs.

use std::sync::{Arc, Mutex, PoisonError};

use limekiln_model::Policy;
use limekiln_reconciler::{
    Configured, Files, History, Input, Intake, Loaded, OfSource, ReadOptions, Requests, Revision,
};
use limekiln_sources::git::{GitConfig, GitReference};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use limekiln_sources::{SourceConfig, SourceKind};

use crate::commands::{id, policy};
use crate::repository::Repository;
use crate::resident::Resident;
use crate::stage::Stage;

/// `controller start [FLAG…]`, `controller settle`, `controller stop`
pub fn controller(stage: &mut Stage, words: &[&str]) -> String {
    match words[0] {
        "start" => {
            let told = Arc::default();
            let policy = policy(words);
            let intake = match words.contains(&"--git") {
                true => repository(stage, &policy, &told),
                false => directory(stage, &told),
            };
            stage.reside(|reconciler| Resident::start(reconciler, intake, policy, told));
            String::new()
        }
        "settle" => stage.block_on(stage.resident.as_ref().expect("it was started").settle()),
        "stop" => {
            let resident = stage.resident.take().expect("it was started");
            stage.block_on(resident.end())
        }
        other => panic!("controller {other}: start, settle or stop"),
    }
}

/// The directory of manifests.
fn directory(stage: &Stage, told: &Arc<Mutex<String>>) -> Box<dyn Intake> {
    let inputs = vec![Input::Path(stage.manifests())];
    let files = Files::new(inputs, ReadOptions::default(), store(stage));
    Box::new(files.telling(reader(told)))
}

/// The repository that `commit` and `force-push` push to, as the source `team`.
fn repository(stage: &Stage, policy: &Policy, told: &Arc<Mutex<String>>) -> Box<dyn Intake> {
    let url = of(stage).url();
    let kind = SourceKind::Git(GitConfig::new(url, GitReference::Branch("main".to_owned())));
    let name = "team".to_owned();
    let config = SourceConfig { name, kind, prune: policy.prune, policy: None, interval: None };
    let configured = Configured::new(vec![config], stage.reconciler.home(), store(stage));
    Box::new(configured.expect("a configuration").telling(reader(told)))
}

fn store(stage: &Stage) -> Arc<TemplateStore> {
    Arc::new(TemplateStore::new(TemplateSettings::new(&stage.facts())))
}

/// Tells what is wrong with manifests, once per revision.
fn reader(told: &Arc<Mutex<String>>) -> Box<dyn Fn(&Loaded) + Send + Sync> {
    let told = Arc::clone(told);
    Box::new(move |loaded: &Loaded| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.extend(loaded.diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")));
    })
}

fn of(stage: &Stage) -> Repository {
    Repository::of(stage.manifests(), stage.path("vms.git"))
}

/// `commit MESSAGE`, `force-push MESSAGE`
pub fn push(stage: &Stage, command: &str, message: &str) -> String {
    let commit = of(stage).commit(message, command == "force-push");
    format!("main is {commit}\n")
}

/// `suspend OBJECT`, `resume OBJECT`, `acknowledge COMMIT`, `acknowledge --prune REVISION`
pub fn request(stage: &Stage, command: &str, word: &str) -> String {
    let home = stage.reconciler.home();
    let written = match command {
        "suspend" => Requests::suspend(home, &[id(word)]).map(drop),
        "resume" => Requests::resume(home, &[id(word)]).map(drop),
        _ => match word.strip_prefix("--prune ") {
            Some(revision) => Requests::let_go(home, [OfSource::any(revision)]),
            None => Requests::follow(home, OfSource::any(word)),
        },
    };
    written.expect("a home that can be written");
    String::new()
}

/// `rollback REVISION`, `rollback --release`
pub fn rollback(stage: &Stage, word: &str) -> String {
    let (home, all) = (stage.reconciler.home(), revisions(stage));
    if word == "--release" {
        Requests::release(home).expect("a home that can be written");
        return String::new();
    }
    let to = all.iter().find(|one| one.revision.starts_with(word)).expect("a revision");
    Requests::roll_back(home, &all, to, None).expect("a home that can be written");
    String::new()
}

/// `history`: what the sources held, the newest last.
pub fn history(stage: &Stage) -> String {
    let requests = Requests::read(stage.reconciler.home()).expect("a home that can be read");
    let line = |one: &Revision| {
        let pinned = requests.pinned.get(&one.source) == Some(&one.revision);
        let state = match requests.is_rolled_back(&one.source, &one.revision) {
            _ if pinned => "  pinned",
            true => "  rolled back",
            false => "",
        };
        format!("{}  {}{state}\n", one.revision.get(..12).unwrap_or(&one.revision), one.source)
    };
    revisions(stage).iter().map(line).collect()
}

fn revisions(stage: &Stage) -> Vec<Revision> {
    History::new(stage.reconciler.home()).read().expect("a home that can be read")
}
