//! What `start`, `stop` and `restart` share.

use std::time::Duration;

use limekiln_model::{Kind, Name};
use limekiln_reconciler::RunVerb;

use crate::compose::{App, told};
use crate::exit::{Exit, Failure};
use crate::output::plan;
use crate::refs::objects;
use crate::run::{self, Options};

/// Starts an instance, and waits until it is ready.
///
/// # Errors
/// As [`run`].
pub fn start(name: &str) -> anyhow::Result<Exit> {
    run(&[name.to_owned()], RunVerb::Start, None)
}

/// Starts or stops the named instances.
///
/// # Errors
/// If a word names no instance, or another limekiln is at work.
pub fn run(words: &[String], verb: RunVerb, timeout: Option<Duration>) -> anyhow::Result<Exit> {
    let ids = objects(words)?;
    if let Some(id) = ids.iter().find(|id| id.kind != Kind::Instance) {
        return Err(Failure::bad_input(format!("{id} is no instance")).into());
    }
    let names: Vec<Name> = ids.into_iter().map(|id| id.name).collect();
    let app = App::open()?;
    let planned = app.block_on(app.reconciler.plan_run(&names, verb)).map_err(told)?;
    out!("{}", plan::waiting(&planned.report));
    run::run(&app, planned, Options { timeout, ..Options::default() })
}
