//! Short stories in which one guard matters: by chance alone its moment would seldom come.

use std::time::Duration;

use fastrand::Rng;

use super::{Armed, Catalogue, Chapter, Deed, Described, Fault, Machine, Source, Story};

/// What a story is about.
#[derive(Clone, Copy)]
enum Plot {
    /// A VM that somebody started is restarted, and the controller dies in the middle.
    Owed,
    /// Something hangs, and the controller is told to end.
    Hangs,
    /// The manifests change their mind about something that is slow.
    Supersedes,
    /// A change is made from a look that is out of date.
    OldLook,
    /// What was suspended cannot be known for a while, and its manifest has changed.
    Torn,
    /// Something is parked, and the clock jumps.
    Parked,
    /// A controller begins with a look that is out of date, and takes for running what it would stop.
    OldBeginning,
    /// Something is suspended, and its manifest changes later.
    Suspended,
}

const PLOTS: [Plot; 8] = [
    Plot::Owed,
    Plot::Hangs,
    Plot::Supersedes,
    Plot::OldLook,
    Plot::OldBeginning,
    Plot::Torn,
    Plot::Parked,
    Plot::Suspended,
];

/// The story of a seed.
pub(super) fn story(seed: u64, rng: &mut Rng) -> Story {
    let plot = PLOTS[rng.usize(..PLOTS.len())];
    let strategy = if matches!(plot, Plot::Owed) { "Manual" } else { "Always" };
    let disruption = if matches!(plot, Plot::Parked) { "Recreate" } else { "Restart" };
    let before = Machine { strategy, disruption, ..Machine::plain("a") };
    let mut after = Machine { cpus: 2, ..before.clone() };
    after.foreign = matches!(plot, Plot::Parked);
    let publish = |machine: &Machine| {
        let documents = vec![Described::Instance(machine.clone())];
        let files = [("a.yaml".to_owned(), documents)].into();
        Deed::Publish(Catalogue { files, ..Catalogue::default() })
    };
    let armed = |fault, after| vec![Armed { fault, after }];
    let die = [Fault::DieBefore, Fault::DieInside, Fault::DieAfter][rng.usize(..3)];
    let chapters = match plot {
        Plot::Owed => vec![
            (publish(&before), vec![]),
            (Deed::Start("a"), vec![]),
            (publish(&after), armed(die, rng.u32(..4))),
        ],
        Plot::Hangs => {
            let mut faults = armed(Fault::HangDeaf, rng.u32(..2));
            faults.push(Armed { fault: Fault::Terminate, after: rng.u32(20..400) });
            vec![(publish(&before), faults)]
        }
        Plot::Supersedes => {
            vec![(publish(&before), armed(Fault::Slow, 0)), (publish(&after), vec![])]
        }
        Plot::OldLook => {
            vec![
                (publish(&before), vec![]),
                (publish(&after), armed(Fault::StaleLook, rng.u32(..5))),
            ]
        }
        Plot::OldBeginning => {
            let mut chapters = vec![(publish(&before), vec![]), (publish(&after), vec![])];
            // Of the views that are kept, one is that from before the stop.
            let starts = (0..3).map(|_| armed(Fault::StaleStart, rng.u32(..400)));
            chapters.extend(starts.map(|start| (Deed::Resume, start)));
            chapters
        }
        Plot::Suspended => vec![
            (publish(&before), vec![]),
            (Deed::Suspend(Described::Instance(before.clone()).id()), vec![]),
            (Deed::Wait, vec![]),
            (publish(&after), armed(die, rng.u32(..4))),
        ],
        Plot::Torn => vec![
            (publish(&before), vec![]),
            (Deed::Suspend(Described::Instance(before.clone()).id()), vec![]),
            (publish(&after), armed(Fault::TornRequests, rng.u32(..400))),
            (Deed::Resume, armed(Fault::TornPlans, rng.u32(..400))),
        ],
        Plot::Parked => vec![
            (publish(&before), vec![]),
            (publish(&after), vec![]),
            (Deed::Wait, armed(Fault::TornExpiry, rng.u32(..400))),
            (Deed::Wait, armed(Fault::WallJump, 1)),
        ],
    };
    let rapid = matches!(plot, Plot::Supersedes);
    let hurry = rapid.then(|| Duration::from_secs(rng.u64(1..5)));
    let chapter = |(deed, faults)| Chapter { deed, faults, hurry };
    let chapters = chapters.into_iter().map(chapter).collect();
    let sources = vec![Source::default()];
    Story { seed, strangers: Catalogue::default(), sources, rapid, is_short: true, chapters }
}
