//! How often something was tried, and when it may be tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{Fingerprint, ObjectId, fingerprint};
use tokio::time::Instant;

use super::ControllerOptions;

/// What is remembered of an object that needed something.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    /// What was wanted: with another wish all begins anew.
    want: Option<Fingerprint>,
    /// What was done last.
    steps: Fingerprint,
    /// Tries without an end: failures, and the same once more.
    pub(super) times: u32,
    /// How many of the last tries came to the same end: they were done and did not help, or failed
    /// with the same error.
    pub(super) in_vain: u32,
    /// No try before this.
    pub(super) until: Instant,
    /// Why the last try failed.
    pub(super) error: Option<String>,
    /// When the object last needed anything.
    last: Instant,
}

/// How a try ended for one object.
pub(super) enum End {
    Done,
    Failed(String),
}

/// All objects that needed something lately.
#[derive(Default)]
pub(super) struct Attempts(BTreeMap<ObjectId, Tried>);

impl Attempts {
    pub(super) fn all(&self) -> impl Iterator<Item = (&ObjectId, &Tried)> {
        self.0.iter()
    }

    /// Whether the object has to wait for its next try.
    pub(super) fn waits(
        &mut self,
        id: &ObjectId,
        want: Option<&Fingerprint>,
        steps: impl FnOnce() -> Fingerprint,
    ) -> bool {
        let Some(tried) = self.0.get(id) else { return false };
        if tried.want.as_ref() != want {
            self.0.remove(id);
            return false;
        }
        // Another step is progress, unless the last one failed.
        tried.until > Instant::now() && (tried.error.is_some() || tried.steps == steps())
    }

    /// Notes how a try ended.
    pub(super) fn ended(
        &mut self,
        id: &ObjectId,
        want: Option<Fingerprint>,
        steps: Fingerprint,
        end: End,
        options: &ControllerOptions,
    ) {
        let now = Instant::now();
        let before = self.0.remove(id).filter(|tried| tried.want == want);
        let error = match end {
            End::Done => None,
            End::Failed(error) => Some(error),
        };
        // What is done at last after failures has helped.
        let again = |tried: &Tried| {
            let errors = [&tried.error, &error].map(|error| error.as_deref().map(gist));
            errors[0] == errors[1] && tried.steps == steps
        };
        let same = before.as_ref().is_some_and(again);
        let (times, vain) = before.map_or((0, 0), |tried| (tried.times, tried.in_vain));
        let (times, in_vain) = match &error {
            _ if same => (times + 1, vain + 1),
            None => (0, 0),
            Some(_) => (times + 1, 1),
        };
        let delay = delay(times, id, options);
        let tried = Tried { want, steps, times, in_vain, until: now + delay, error, last: now };
        self.0.insert(id.clone(), tried);
    }

    /// Forgets objects that have needed nothing for long.
    pub(super) fn calm_down(
        &mut self,
        busy: impl Fn(&ObjectId) -> bool,
        options: &ControllerOptions,
    ) {
        let now = Instant::now();
        self.0.retain(|id, tried| {
            if busy(id) {
                tried.last = now;
            }
            now.duration_since(tried.last) < options.calm
        });
    }

    /// Forgets that something was done in vain: the object does not need it any more.
    pub(super) fn helped(&mut self, needs: impl Fn(&ObjectId) -> bool) {
        for (id, tried) in &mut self.0 {
            if !needs(id) {
                tried.in_vain = 0;
            }
        }
    }

    /// Whoever asks by hand does not wait.
    pub(super) fn forget(&mut self, id: &ObjectId) {
        self.0.remove(id);
    }

    /// The next moment at which something may be tried again.
    pub(super) fn next(&self) -> Option<Instant> {
        let now = Instant::now();
        self.0.values().map(|tried| tried.until).filter(|until| *until > now).min()
    }
}

/// What stays of an error when it comes again: ports, times and process numbers may be others each
/// time, so each word that has a digit counts as any such.
fn gist(error: &str) -> String {
    let is_apart = |letter: char| !letter.is_alphanumeric();
    let blank = |word: &str| match word.contains(|letter: char| letter.is_ascii_digit()) {
        true => format!("#{}", word.trim_start_matches(char::is_alphanumeric)),
        false => word.to_owned(),
    };
    error.split_inclusive(is_apart).map(blank).collect()
}

/// Exponential, between half and all of it: what failed together does not come back together.
fn delay(times: u32, id: &ObjectId, options: &ControllerOptions) -> Duration {
    if times == 0 || is_on(Mutant::WaitsForNothing) {
        return Duration::ZERO;
    }
    let doubled = options.first_retry.saturating_mul(1 << (times - 1).min(20));
    let whole = doubled.min(options.longest_retry);
    let print = fingerprint(&(options.seed, id, times)).0;
    let share = print.bytes().fold(0u32, |sum, byte| (sum * 31 + u32::from(byte)) % 1000);
    whole / 2 + whole.mul_f64(f64::from(share) / 2000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_whose_numbers_change_is_the_same_again() {
        let (mut attempts, options) = (Attempts::default(), ControllerOptions::default());
        let id = ObjectId::instance(&"web".parse().expect("a name"));
        let mut vain = |error: &str| {
            let end = End::Failed(error.to_owned());
            attempts.ended(&id, None, fingerprint(&"start"), end, &options);
            attempts.0[&id].in_vain
        };
        let port = |port| format!("cannot connect to 127.0.0.1:{port} (/tmp/.tmpA{port}x/a.sock)");
        for (number, times) in [(40_001, 1), (51_873, 2), (9, 3)] {
            assert_eq!(vain(&port(number)), times);
        }
        assert_eq!(vain("cannot connect to /tmp/a.sock"), 1, "that is another error");
        assert_eq!(vain("cannot connect to /tmp/b.sock"), 1);
        assert_eq!(vain("exit code 1: no disk"), 1);
        assert_eq!(vain("exit code 1: no network"), 1);
    }
}
