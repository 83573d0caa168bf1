//! The commands of scripts.
//!
//! | command | does |
//! |---|---|
//! | `write FILE`, `edit FILE: OLD => NEW`, `remove FILE`, `move FILE FILE` | changes manifests |
//! | `remove-directory` | removes the directory of manifests |
//! | `validate` | reads the manifests |
//! | `diff [FLAG…]`, `apply [FLAG…]` | plans, and runs: `--prune`, `--prune-all`, `--adopt`, `--max-disruption HOW`; `--yes` before anything is deleted |
//! | `save FILE [FLAG…]`, `run FILE` | a plan in a file |
//! | `delete OBJECT…`, `purge OBJECT…`, `undelete OBJECT…`, `start NAME…`, `stop NAME…` | by hand |
//! | `get` | what exists |
//! | `status OBJECT` | its conditions |
//! | `outside HOW NAME` | what others do: `start`, `stop`, `kill`, `lose`, `edit NAME cpus NUMBER`, `make NAME from NAME`, `stop-daemon NETWORK` |
//! | `fail HOW TIMES ACTION OBJECT` | `transient`, `permanent`, `needs-human`, or a crash `before`, `inside`, `after` |
//! | `controller start [FLAG…]` | a controller that follows the directory, or with `--git` the repository; flags as for `apply` |
//! | `controller settle` | lets minutes pass until nothing is left to do: what was done, what waits, what cannot be read |
//! | `controller stop` | ends it |
//! | `commit MESSAGE`, `force-push MESSAGE` | pushes the manifests to the repository, on top of the last commit or in its place |
//! | `suspend OBJECT`, `resume OBJECT`, `acknowledge COMMIT`, `acknowledge --prune REVISION`, `rollback REVISION`, `rollback --release` | what a controller is asked for |
//! | `history` | the revisions that are kept |

use limekiln_api::Disruption;
use limekiln_engine::ErrorClass;
use limekiln_engine_sim::FaultKind;
use limekiln_model::{Name, ObjectId, Policy, StopMode};
use limekiln_reconciler::{
    Input, Planned, ReadOptions, ReconcileError, RunVerb, SavedPlan, Templates,
};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use limekiln_testkit::Step;

use crate::controller;
use crate::faulty::Trap;
use crate::outside::outside;
use crate::shown;
use crate::stage::Stage;

/// Does one command and returns what it prints. A command that is no command ends the test.
pub fn run(stage: &mut Stage, step: &Step) -> String {
    let (command, rest) = step.command.split_once(' ').unwrap_or((&step.command, ""));
    let words: Vec<&str> = rest.split_whitespace().collect();
    let out = match command {
        "write" | "edit" | "remove" | "move" | "remove-directory" => {
            files(stage, command, rest, &step.input);
            String::new()
        }
        "validate" => load(stage).map_or_else(|error| error, |(_, text)| text),
        "diff" => plan(stage, &words).map_or_else(|error| error, |(_, text)| text),
        "apply" => apply(stage, &words),
        "save" => save(stage, &words),
        "run" => resume(stage, rest),
        "delete" | "purge" | "undelete" | "start" | "stop" => by_hand(stage, command, &words),
        "get" => shown::world(&stage.sim.look()),
        "status" => status(stage, rest),
        "outside" => {
            outside(stage, &words);
            String::new()
        }
        "controller" => controller::controller(stage, &words),
        "commit" | "force-push" => controller::push(stage, command, rest),
        "suspend" | "resume" | "acknowledge" => controller::request(stage, command, rest),
        "rollback" => controller::rollback(stage, rest),
        "history" => controller::history(stage),
        "fail" => fail(stage, &words),
        _ => panic!("{command:?} is no command, see tests/scenarios/commands.rs"),
    };
    stage.redact(&out)
}

fn files(stage: &Stage, command: &str, rest: &str, input: &str) {
    let path = |name: &str| stage.manifests().join(name.trim());
    let done = match command {
        "write" => {
            stage.put(rest, input);
            Ok(())
        }
        "edit" => {
            let (file, change) = rest.split_once(": ").expect("edit FILE: OLD => NEW");
            let (old, new) = change.split_once(" => ").expect("edit FILE: OLD => NEW");
            let text = std::fs::read_to_string(path(file)).expect("a file that was written");
            assert_eq!(text.matches(old).count(), 1, "{old:?} is not once in {file}:\n{text}");
            stage.put(file, &text.replacen(old, new, 1));
            Ok(())
        }
        "remove" => std::fs::remove_file(path(rest)),
        "move" => {
            let (from, to) = rest.split_once(' ').expect("move FILE FILE");
            std::fs::rename(path(from), path(to))
        }
        _ => std::fs::remove_dir_all(stage.manifests()),
    };
    done.unwrap_or_else(|error| panic!("{command} {rest}: {error}"));
}

fn load(stage: &Stage) -> Result<(limekiln_model::Desired, String), String> {
    let inputs = [Input::Path(stage.manifests())];
    let store = TemplateStore::new(TemplateSettings::new(&stage.facts()));
    let templates = Templates { fetch: &store, lock: None };
    let loaded = stage.reconciler.load(&inputs, &ReadOptions::default(), templates);
    let loaded = loaded.map_err(|error| shown::error(&error))?;
    let text = loaded.diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect();
    Ok((loaded.desired, text))
}

/// What flags allow.
pub fn policy(words: &[&str]) -> Policy {
    let has = |flag: &str| words.contains(&flag);
    let how = words.iter().skip_while(|word| **word != "--max-disruption").nth(1);
    let max_disruption = how.map(|how| match *how {
        "live" => Disruption::Live,
        "restart" => Disruption::Restart,
        "recreate" => Disruption::Recreate,
        _ => panic!("--max-disruption live, restart or recreate"),
    });
    let (prune, prune_all) = (has("--prune"), has("--prune-all"));
    Policy { prune, prune_all, max_disruption, adopt: has("--adopt"), ..Policy::default() }
}

fn plan(stage: &Stage, words: &[&str]) -> Result<(Planned, String), String> {
    let (desired, mut text) = load(stage)?;
    let planned = stage.block_on(stage.reconciler.plan(desired, policy(words)));
    let planned = planned.map_err(|error| shown::error(&error))?;
    text += &(shown::plan(&planned.plan) + &shown::report(&planned.report));
    if text.is_empty() {
        text = "no differences\n".to_owned();
    }
    Ok((planned, text))
}

fn apply(stage: &mut Stage, words: &[&str]) -> String {
    let (planned, text) = match plan(stage, words) {
        Ok(planned) => planned,
        Err(error) => return error,
    };
    text + &consented(stage, planned, words.contains(&"--yes"))
}

fn consented(stage: &mut Stage, planned: Planned, yes: bool) -> String {
    let destroys = planned.plan.destructive().next().is_some();
    match destroys && !yes {
        true => "needs consent: --yes\n".to_owned(),
        false => stage.settle(planned),
    }
}

fn save(stage: &Stage, words: &[&str]) -> String {
    match plan(stage, words) {
        Ok((planned, text)) => {
            let file = stage.path(words[0]);
            stage.reconciler.save(&planned).write(&file).expect("a writable directory");
            text
        }
        Err(error) => error,
    }
}

fn resume(stage: &mut Stage, file: &str) -> String {
    let saved = SavedPlan::read(&stage.path(file)).map_err(ReconcileError::from);
    let planned = saved.and_then(|saved| stage.block_on(stage.reconciler.resume(saved)));
    match planned {
        Ok(planned) => consented(stage, planned, true),
        Err(error) => shown::error(&error),
    }
}

fn by_hand(stage: &mut Stage, command: &str, words: &[&str]) -> String {
    let ids: Vec<ObjectId> = words.iter().map(|word| id(word)).collect();
    let names: Vec<Name> = ids.iter().map(|id| id.name.clone()).collect();
    let reconciler = &stage.reconciler;
    let planned = stage.block_on(async {
        match command {
            "delete" => reconciler.plan_delete(&ids, false).await,
            "purge" => reconciler.plan_delete(&ids, true).await,
            "undelete" => reconciler.plan_restore(&ids, None).await,
            "start" => reconciler.plan_run(&names, RunVerb::Start).await,
            _ => reconciler.plan_run(&names, RunVerb::Stop(StopMode::Graceful)).await,
        }
    });
    let planned = planned.expect("a home that can be read");
    shown::plan(&planned.plan) + &shown::report(&planned.report) + &stage.settle(planned)
}

/// `instance/web`, or `web`.
pub fn id(word: &str) -> ObjectId {
    let whole = if word.contains('/') { word.to_owned() } else { format!("instance/{word}") };
    whole.parse().expect("an object")
}

fn status(stage: &Stage, object: &str) -> String {
    let observed = stage.block_on(stage.reconciler.observe()).expect("a home that can be read");
    let statuses = stage.reconciler.statuses(&observed, None).expect("a ledger");
    let conditions = statuses[&id(object)].conditions.iter().map(|condition| {
        format!("{} {:?}: {}\n", condition.type_, condition.status, condition.message)
    });
    conditions.collect()
}

fn fail(stage: &Stage, words: &[&str]) -> String {
    let kind = match words[0] {
        "transient" => FaultKind::Fail(ErrorClass::Transient),
        "permanent" => FaultKind::Fail(ErrorClass::Permanent),
        "needs-human" => FaultKind::Fail(ErrorClass::NeedsHuman),
        "before" => FaultKind::CrashBefore,
        "inside" => FaultKind::CrashInside,
        "after" => FaultKind::CrashAfter,
        other => panic!("fail {other}: see the table"),
    };
    let times = words[1].parse().expect("a number of times");
    stage.engine.set(Trap { action: words[2..].join(" "), kind, times });
    String::new()
}
