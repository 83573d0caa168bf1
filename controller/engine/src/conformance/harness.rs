//! What the suite needs to know of an engine.

use std::time::Duration;

use limekiln_api::{Lima, NetworkSpec};
use limekiln_model::Name;

use crate::Engine;

/// An engine with a private home, and a template that boots on it.
pub trait Harness: Sync {
    /// The engine. Nothing of what the suite names exists in it.
    fn engine(&self) -> &dyn Engine;

    /// A name of its own for `what`: `web` may become `conform-web`. Always the same.
    fn name(&self, what: &str) -> Name;

    /// A template that boots quickly, as it is stored and with its defaults filled in. With
    /// `disk` it attaches that additional disk. Its `cpus` is 1 and its `disk` is set.
    fn template(&self, instance: &Name, disk: Option<&Name>) -> (Lima, Lima);

    /// A network of this engine, if it has networks.
    fn network(&self) -> NetworkSpec {
        NetworkSpec::default()
    }

    /// How long any one action may take.
    fn deadline(&self) -> Duration {
        Duration::from_secs(120)
    }
}
