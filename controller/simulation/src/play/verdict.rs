//! Whether a story ended as it should.

use std::collections::BTreeSet;

use limekiln_model::ObjectId;
use serde::{Deserialize, Serialize};

use super::{Ending, play};
use crate::oracle::{End, difference};
use crate::story::{Fault, Story};

/// What came out of a seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The seed.
    pub seed: u64,
    /// What is wrong; nothing, if it ended as it should.
    pub wrong: Vec<String>,
    /// What went wrong in the story.
    pub fired: BTreeSet<Fault>,
    /// How many actions were begun.
    pub actions: usize,
    /// What was done.
    pub log: Vec<String>,
}

impl Verdict {
    /// A story that ended in a panic.
    pub fn panicked(seed: u64) -> Self {
        let wrong = vec!["a panic".to_owned()];
        Self { seed, wrong, fired: BTreeSet::new(), actions: 0, log: Vec::new() }
    }
}

/// Plays the story of a seed, with its faults and without, and compares.
///
/// # Errors
/// If files cannot be used.
pub fn check(seed: u64) -> anyhow::Result<Verdict> {
    let story = Story::of(seed);
    let plain = play(&story.undisturbed())?;
    let mut wrong: Vec<_> =
        plain.broken.iter().map(|rule| format!("undisturbed: {rule}")).collect();
    if !story.rapid {
        let refusals = plain.refusals.iter();
        wrong.extend(refusals.map(|refusal| format!("undisturbed: refused: {refusal}")));
    }
    let Ending { fired, actions, log, .. } = if wrong.is_empty() {
        let played = play(&story)?;
        wrong.extend(played.broken.iter().cloned());
        if wrong.is_empty() {
            compare(&story, &played, &plain, &mut wrong);
        }
        played
    } else {
        plain
    };
    let fired = fired.into_iter().collect();
    Ok(Verdict { seed, wrong, fired, actions, log })
}

fn compare(story: &Story, played: &Ending, plain: &Ending, wrong: &mut Vec<String>) {
    let torn = played.fired.contains(&Fault::TornClaim);
    let unseen = story.hides_one_of_several() && !played.fired.is_empty();
    if story.rapid || torn || unseen {
        // Which way it went is a matter of time; where it came to is not.
        wrong.extend(difference(&played.live, &plain.live));
    } else {
        let (mut played_end, mut plain_end) = (played.whole.clone(), plain.whole.clone());
        if played.fired.contains(&Fault::ClockJump) {
            // In a year, what was parked goes.
            for end in [&mut played_end, &mut plain_end] {
                end.retain(|key, _| !key.starts_with("parked"));
            }
        }
        if played.fired.contains(&Fault::TornParked) {
            // Nobody knows any more whose that was.
            for end in [&mut played_end, &mut plain_end] {
                end.retain(|key, _| !key.starts_with("parked/"));
            }
        }
        if played.fired.contains(&Fault::UnknownDone) {
            for id in story.deleted_by_hand() {
                forgive_claim(&id, &mut played_end, &plain_end);
            }
        }
        wrong.extend(difference(&played_end, &plain_end));
        // Who is shown old things twice in a row cannot know.
        let stale = played.fired.iter().filter(|fault| **fault == Fault::StaleLook).count();
        for (id, boots) in &played.boots {
            let expected = plain.boots.get(id).copied().unwrap_or_default();
            let expected = expected + u32::from(stale > 1);
            if *boots > expected {
                wrong.push(format!("{id} was booted {boots} times instead of {expected}"));
            }
        }
    }
    let most = 3 * plain.actions + 10 + played.fired.iter().map(allowance).sum::<usize>();
    if played.actions > most {
        wrong.push(format!("{} actions, where {most} are enough", played.actions));
    }
}

/// Nobody could tell that the object was parked: the claim on it was not given up, and waits for the
/// next of the name, as long as a manifest wants one.
fn forgive_claim(id: &ObjectId, played: &mut End, plain: &End) {
    let claim = format!("owners/{}.json", id.to_string().replace('/', "-"));
    if !played.contains_key(&id.to_string()) && !plain.contains_key(&claim) {
        played.remove(&claim);
    }
}

/// How many more actions a fault may cause.
fn allowance(fault: &Fault) -> usize {
    match fault {
        // Tried for three hours, at most every 150 seconds, after a few quick tries.
        Fault::FailPermanent | Fault::FailNeedsHuman => 100,
        Fault::DiskFull => 60,
        _ => 12,
    }
}
