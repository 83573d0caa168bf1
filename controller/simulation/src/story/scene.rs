//! Short stories about several sources, rollbacks, orders, and what is forgotten.

use std::time::Duration;

use fastrand::Rng;

use super::{
    Armed, Catalogue, Chapter, Deed, Described, Fault, Machine, Ordered, Source, Story, Verb,
};

/// What a story is about.
#[derive(Clone, Copy)]
enum Scene {
    /// All of a source goes, which is little of everything.
    Budgets,
    /// A source that lets nothing be deleted loses something.
    Unasked,
    /// A source cannot be read, and another one describes what it had.
    Unread,
    /// A revision is gone back from, another one passes by, and it is followed again.
    Back,
    /// What the manifests want is ordered otherwise.
    Against,
    /// Something is ordered with what is worked on.
    Busy,
    /// What no manifest speaks of any more is not seen for a while.
    Forgotten,
    /// That a restart is over is not seen for a while.
    Restarted,
    /// What is to stay is taken out of the manifests.
    Retained,
    /// A repository is away, and what it last held stays in force.
    Away,
    /// The history of a repository is rewritten.
    Rewound,
    /// What is known of a repository is torn.
    Torn,
    /// Something moves to a source that is read less often.
    Moved,
    /// Somebody applies what no source speaks of, or what one keeps.
    Applied,
    /// A directory is emptied, which is acknowledged, and is so again later.
    Emptied,
}

const SCENES: [Scene; 12] = [
    Scene::Budgets,
    Scene::Unasked,
    Scene::Unread,
    Scene::Back,
    Scene::Against,
    Scene::Busy,
    Scene::Forgotten,
    Scene::Restarted,
    Scene::Retained,
    Scene::Applied,
    Scene::Emptied,
    Scene::Moved,
];

/// Git takes a hundred times as long as everything else: these are drawn seldom.
const WITH_GIT: [Scene; 3] = [Scene::Away, Scene::Rewound, Scene::Torn];

/// The story of a seed.
pub(super) fn story(seed: u64, rng: &mut Rng) -> Story {
    let scenes: &[_] = if rng.u32(..16) == 0 { &WITH_GIT } else { &SCENES };
    let scene = scenes[rng.usize(..scenes.len())];
    let die = [Fault::DieBefore, Fault::DieInside, Fault::DieAfter][rng.usize(..3)];
    let dies = Armed { fault: die, after: rng.u32(..4) };
    let (prune, keep) = (Source { prune: true, ..Source::default() }, Source::default());
    let (sources, chapters) = match scene {
        Scene::Budgets => (vec![prune, prune], shrinking(dies)),
        Scene::Unasked => (vec![prune, keep], shrinking(dies)),
        Scene::Unread => (vec![prune, prune], unread(rng.u32(..300), rng.bool())),
        Scene::Back => (vec![prune], back(dies, rng.u32(1..4) as usize)),
        Scene::Against => (vec![keep], against(dies, rng.bool())),
        Scene::Busy => (vec![keep], busy()),
        Scene::Forgotten => (vec![keep], forgotten(rng.u32(..3))),
        Scene::Restarted => (vec![keep], restarted(rng.u32(..6))),
        Scene::Retained => (vec![prune], retained(dies)),
        Scene::Away => (vec![Source { git: true, ..prune }], away(dies, rng.u32(..300))),
        Scene::Torn => (vec![Source { git: true, ..prune }], torn(rng)),
        Scene::Moved => (vec![Source { slow: true, ..prune }, prune], moved(dies)),
        Scene::Applied => (vec![prune], applied(dies)),
        Scene::Emptied => (vec![prune, prune], emptied(dies, rng.bool())),
        Scene::Rewound => (vec![Source { git: true, ..prune }], rewound(dies, rng.u32(..300))),
    };
    let strangers = Catalogue::default();
    Story { seed, strangers, sources, rapid: false, is_short: true, chapters }
}

fn halted(name: &'static str) -> Machine {
    Machine { strategy: "Halted", ..Machine::plain(name) }
}

/// A file for each, in its source.
fn manifests(machines: &[(usize, &Machine)]) -> Catalogue {
    let file = |(source, machine): &(usize, &Machine)| {
        let name = Source::file(*source, &format!("{}.yaml", machine.name));
        (name, vec![Described::Instance((*machine).clone())])
    };
    Catalogue { files: machines.iter().map(file).collect(), ..Catalogue::default() }
}

fn publish(machines: &[(usize, &Machine)]) -> Deed {
    Deed::Publish(manifests(machines))
}

fn chapter(deed: Deed, faults: Vec<Armed>) -> Chapter {
    Chapter { deed, faults, hurry: None }
}

fn shrinking(dies: Armed) -> Vec<Chapter> {
    let [a, b, c] = ["a", "b", "c"].map(halted);
    vec![
        chapter(publish(&[(0, &a), (0, &b), (1, &c)]), vec![dies]),
        chapter(publish(&[(0, &a), (0, &b)]), vec![]),
    ]
}

/// Whoever begins anew knows nothing of what cannot be read: `early`, that begins before the other
/// source describes it, or long after that was seen.
fn unread(after: u32, early: bool) -> Vec<Chapter> {
    let [a, b] = ["a", "b"].map(Machine::plain);
    let mut second = publish(&[(0, &a), (1, &b)]);
    if let Deed::Publish(catalogue) = &mut second {
        let other = Described::Instance(Machine { cpus: 2, ..a.clone() });
        catalogue.files.insert(Source::file(1, "again-a.yaml"), vec![other]);
    }
    let terminate = |after| vec![Armed { fault: Fault::Terminate, after }];
    let (soon, later) = if early { (terminate(after), vec![]) } else { (vec![], terminate(after)) };
    vec![
        chapter(publish(&[(0, &a), (1, &b)]), vec![]),
        chapter(Deed::HideDirectory(0), soon),
        chapter(second, vec![]),
        // What was published a day ago counts, and what is faulty in it is left alone.
        chapter(Deed::Wait, vec![]),
        chapter(Deed::Resume, later),
    ]
}

fn back(dies: Armed, back: usize) -> Vec<Chapter> {
    let first = halted("a");
    let [second, third] = [2, 3].map(|cpus| Machine { cpus, message: cpus, ..first.clone() });
    let to_first = Deed::RollBack { source: 0, back: 1 };
    let mut chapters = vec![
        chapter(publish(&[(0, &first)]), vec![]),
        chapter(publish(&[(0, &second)]), vec![]),
        chapter(to_first, vec![dies]),
        chapter(publish(&[(0, &third)]), vec![]),
        chapter(Deed::Release, vec![dies]),
    ];
    if back > 1 {
        // Nothing new came meanwhile: what was left is not applied again.
        let third = chapters.remove(3);
        if back > 2 {
            // Nor is what was there in between: nobody chose that.
            chapters[2].deed = Deed::RollBack { source: 0, back: 2 };
            chapters.insert(2, third);
        }
    }
    chapters
}

fn against(dies: Armed, delete: bool) -> Vec<Chapter> {
    let verb = if delete { Verb::Delete } else { Verb::Stop };
    let manual = Machine { strategy: "Manual", ..Machine::plain("b") };
    let order = |verb, instance| Deed::Order(Ordered { verb, instance });
    vec![
        chapter(publish(&[(0, &Machine::plain("a")), (0, &manual)]), vec![]),
        chapter(order(verb, "a"), vec![]),
        chapter(order(Verb::Start, "b"), vec![dies]),
        chapter(order(Verb::Stop, "b"), vec![dies]),
    ]
}

fn busy() -> Vec<Chapter> {
    let before = Machine { strategy: "Manual", ..Machine::plain("a") };
    let after = Machine { cpus: 2, ..before.clone() };
    let mut change = chapter(publish(&[(0, &after)]), vec![Armed { fault: Fault::Slow, after: 0 }]);
    change.hurry = Some(Duration::from_secs(1));
    vec![
        chapter(publish(&[(0, &before)]), vec![]),
        chapter(Deed::Start("a"), vec![]),
        change,
        chapter(Deed::Order(Ordered { verb: Verb::Stop, instance: "a" }), vec![]),
    ]
}

fn forgotten(after: u32) -> Vec<Chapter> {
    let (a, b) = (halted("a"), halted("b"));
    let stale = Armed { fault: Fault::StaleLook, after };
    vec![
        chapter(publish(&[(0, &a), (0, &b)]), vec![]),
        chapter(publish(&[(0, &b)]), vec![stale, stale]),
    ]
}

fn restarted(after: u32) -> Vec<Chapter> {
    let before = Machine::plain("a");
    let now = Machine { cpus: 2, ..before.clone() };
    let stale = Armed { fault: Fault::StaleLook, after };
    vec![
        chapter(publish(&[(0, &before)]), vec![]),
        chapter(publish(&[(0, &now)]), vec![stale, stale]),
    ]
}

fn retained(dies: Armed) -> Vec<Chapter> {
    let (a, b) = (Machine { retain: true, ..Machine::plain("a") }, halted("b"));
    let disk = Described::Disk { name: "data", size: 1, retain: true };
    let with_disk = |machines: &[(usize, &Machine)]| {
        let mut all = manifests(machines);
        all.files.insert("data.yaml".to_owned(), vec![disk.clone()]);
        Deed::Publish(all)
    };
    vec![
        chapter(with_disk(&[(0, &a), (0, &b)]), vec![]),
        chapter(with_disk(&[(0, &b)]), vec![dies]),
        chapter(publish(&[(0, &b)]), vec![dies]),
    ]
}

fn away(dies: Armed, after: u32) -> Vec<Chapter> {
    let [a, b] = ["a", "b"].map(Machine::plain);
    let changed = Machine { cpus: 2, ..a.clone() };
    vec![
        chapter(publish(&[(0, &a), (0, &b)]), vec![dies]),
        chapter(Deed::HideDirectory(0), vec![Armed { fault: Fault::Terminate, after }]),
        // What it last held counts also for one who begins anew.
        chapter(Deed::Stop("b"), vec![]),
        chapter(publish(&[(0, &changed)]), vec![dies]),
        chapter(publish(&[(0, &changed), (0, &halted("c"))]), vec![]),
    ]
}

fn rewound(dies: Armed, after: u32) -> Vec<Chapter> {
    let first = Machine::plain("a");
    let [second, third] = [2, 3].map(|cpus| Machine { cpus, message: cpus, ..first.clone() });
    let (b, c) = (halted("b"), halted("c"));
    let rewritten = manifests(&[(0, &third), (0, &c)]);
    let terminate = Armed { fault: Fault::Terminate, after };
    vec![
        chapter(publish(&[(0, &first), (0, &b)]), vec![]),
        chapter(publish(&[(0, &second), (0, &b)]), vec![dies]),
        chapter(Deed::ForcePush(rewritten.clone()), vec![terminate]),
        chapter(Deed::AcknowledgeRewind(rewritten), vec![dies]),
    ]
}

fn torn(rng: &mut Rng) -> Vec<Chapter> {
    let (a, b) = (Machine::plain("a"), halted("b"));
    let change = |cpus| publish(&[(0, &Machine { cpus, ..a.clone() }), (0, &b)]);
    let mut fault = |fault| vec![Armed { fault, after: rng.u32(..400) }];
    vec![
        chapter(change(1), vec![]),
        chapter(change(2), fault(Fault::TornTrust)),
        chapter(Deed::Resume, fault(Fault::TornCache)),
        chapter(change(3), fault(Fault::TornCache)),
    ]
}

/// What it comes from is looked at within seconds, and what it comes to within a minute.
fn moved(dies: Armed) -> Vec<Chapter> {
    let [a, b, c] = ["a", "b", "c"].map(Machine::plain);
    vec![
        chapter(publish(&[(0, &c), (1, &a), (1, &b)]), vec![]),
        chapter(publish(&[(0, &c), (0, &a), (1, &b)]), vec![dies]),
        chapter(publish(&[(0, &c), (0, &a), (0, &b)]), vec![]),
    ]
}

/// What is applied beside the manifests stays when they change, and what they keep stays as it is.
fn applied(dies: Armed) -> Vec<Chapter> {
    let (a, b) = (halted("a"), halted("b"));
    let apply = |instance| Deed::Order(Ordered { verb: Verb::Apply, instance });
    vec![
        chapter(publish(&[(0, &a), (0, &b)]), vec![]),
        chapter(apply("c"), vec![dies]),
        chapter(apply("a"), vec![]),
        chapter(publish(&[(0, &a)]), vec![dies]),
    ]
}

/// What was acknowledged once, of the source or of `all` together, is asked for again.
fn emptied(dies: Armed, all: bool) -> Vec<Chapter> {
    let [a, b, c] = ["a", "b", "c"].map(halted);
    let full = || publish(&[(0, &a), (0, &b), (1, &c)]);
    vec![
        chapter(full(), vec![]),
        chapter(Deed::EmptyDirectory(0), vec![]),
        chapter(Deed::Acknowledge((!all).then_some(0)), vec![dies]),
        chapter(full(), vec![dies]),
        // What was emptied before counts no more.
        chapter(Deed::Wait, vec![]),
        chapter(Deed::EmptyDirectory(0), vec![dies]),
    ]
}
