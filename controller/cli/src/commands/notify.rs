//! `limekiln notify`

use clap::Args;

use crate::compose::App;
use crate::control::Control;
use crate::exit::Exit;
use crate::refs::objects;

/// Tell the controller of this host that a source has something new, for hooks of git and CI; or
/// that objects are to be tried again at once.
#[derive(Args)]
pub struct NotifyArgs {
    /// Objects that do not wait for their next try: NAME of an instance, KIND/NAME, or KIND and
    /// names
    what: Vec<String>,
}

/// Tells the controller, or leaves word for it.
///
/// # Errors
/// If the home cannot be written; if objects are named and no controller answers.
pub fn run(args: &NotifyArgs) -> anyhow::Result<Exit> {
    let ids = objects(&args.what)?;
    let app = App::open()?;
    let control = Control::open(&app);
    match ids.as_slice() {
        [] => control.notify()?,
        ids => control.reconcile(ids)?,
    }
    Ok(Exit::Done)
}
