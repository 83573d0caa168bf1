//! Stories from seeds.

use std::time::Duration;

use fastrand::Rng;

use super::{
    Armed, Catalogue, Chapter, Deed, Described, Fault, Machine, Ordered, Source, Story, Trigger,
    Verb, plot, scene,
};

const MACHINES: [&str; 4] = ["a", "b", "c", "d"];
const DISKS: [&str; 2] = ["data", "logs"];
const NETWORKS: [&str; 2] = ["dmz", "lan"];

impl Story {
    /// The story of a seed.
    pub fn of(seed: u64) -> Self {
        let mut draw = Draw { rng: Rng::with_seed(seed), rapid: false, sources: 1 };
        if draw.one_in(6) {
            return plot::story(seed, &mut draw.rng);
        }
        if draw.one_in(8) {
            return scene::story(seed, &mut draw.rng);
        }
        draw.rapid = draw.one_in(4);
        draw.sources = if draw.one_in(3) { 2 } else { 1 };
        draw.story(seed)
    }

    /// The same without anything that goes wrong, and with all the time that it takes.
    #[must_use]
    pub fn undisturbed(&self) -> Self {
        let mut story = self.clone();
        for chapter in &mut story.chapters {
            chapter.faults.clear();
            chapter.hurry = None;
        }
        story
    }

    /// The kinds of faults in it.
    pub fn faults(&self) -> impl Iterator<Item = Fault> {
        self.chapters.iter().flat_map(|chapter| &chapter.faults).map(|armed| armed.fault)
    }
}

struct Draw {
    rng: Rng,
    rapid: bool,
    sources: usize,
}

impl Draw {
    fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    fn among<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.usize(..all.len())]
    }

    fn story(&mut self, seed: u64) -> Story {
        let strangers = self.strangers();
        let sources: Vec<_> = (0..self.sources).map(|_| self.source()).collect();
        let prune = sources.iter().any(|source| source.prune);
        let mut catalogue = self.catalogue();
        let mut chapters = vec![self.chapter(Deed::Publish(catalogue.clone()))];
        for _ in 0..self.rng.usize(1..5) {
            let deed = self.deed(&mut catalogue, prune);
            chapters.push(self.chapter(deed));
        }
        let rapid = self.rapid;
        let mut story = Story { seed, strangers, sources, rapid, is_short: false, chapters };
        if !story.strangers.files.is_empty() || story.hides_one_of_several() {
            // What lost its claim would have to be adopted, and strangers with it, or by the source
            // that can be seen.
            for chapter in &mut story.chapters {
                chapter.faults.retain(|armed| armed.fault != Fault::TornClaim);
            }
        }
        if story.hides_one_of_several() {
            // Whether what is left had come about depends on what was seen.
            for chapter in &mut story.chapters {
                if matches!(chapter.deed, Deed::RollBack { .. }) {
                    chapter.deed = Deed::Wait;
                }
            }
        }
        if story.rolls_back() {
            // What is torn cannot be gone back to.
            for chapter in &mut story.chapters {
                chapter.faults.retain(|armed| armed.fault != Fault::TornRevision);
            }
        }
        story
    }

    fn source(&mut self) -> Source {
        let prune = !self.rapid && !self.one_in(5);
        // A budget of its own is for a source of a configuration.
        let own = self.sources > 1 && self.one_in(3);
        let budget = own.then(|| self.among(&[0, 2, 3]));
        Source { prune, budget, ..Source::default() }
    }

    /// A file in any source.
    fn file(&mut self, local: &str) -> String {
        Source::file(self.rng.usize(..self.sources), local)
    }

    /// The same file in a source, its name longer.
    fn renamed(&mut self, word: &str, file: &str) -> String {
        self.file(&format!("{word}-{}", Source::local(file)))
    }

    /// Whether sizes only grow, and no two networks have one subnet: what is passed by, or not
    /// seen by everybody, leaves nothing behind then.
    fn is_careful(&self) -> bool {
        self.rapid || self.sources > 1
    }

    fn chapter(&mut self, deed: Deed) -> Chapter {
        let count = self.among(&[0, 1, 1, 2, 2, 3]);
        let faults = (0..count).map(|_| self.armed()).collect();
        let hurry = self.rapid.then(|| Duration::from_millis(self.rng.u64(1..20_000)));
        Chapter { deed, faults, hurry }
    }

    fn armed(&mut self) -> Armed {
        let mut fault = self.among(&Fault::ALL);
        while Fault::OF_GIT.contains(&fault) {
            fault = self.among(&Fault::ALL);
        }
        let after = match fault.trigger() {
            // Most changes are few actions.
            Trigger::Action if self.rng.bool() => self.rng.u32(..4),
            Trigger::Action => self.rng.u32(..12),
            Trigger::Look => self.rng.u32(..5),
            Trigger::Write => self.rng.u32(..16),
            Trigger::Time => self.rng.u32(..400),
            Trigger::Beginning => 0,
        };
        Armed { fault, after }
    }

    fn strangers(&mut self) -> Catalogue {
        let mut strangers = Catalogue::default();
        if self.one_in(4) {
            let machine = self.plain_machine(self.rng.clone().usize(..MACHINES.len()));
            strangers.files.insert("strangers".to_owned(), vec![Described::Instance(machine)]);
        }
        strangers
    }

    fn plain_machine(&mut self, number: usize) -> Machine {
        let (cpus, tens) = (self.rng.u32(1..4), self.rng.u32(1..4));
        Machine { cpus, disk: 10 * tens, ..Machine::plain(MACHINES[number]) }
    }

    fn machine(&mut self, number: usize) -> Machine {
        let mut machine = self.plain_machine(number);
        if !self.rapid {
            machine.strategy = self.among(&["Always", "Always", "Manual", "Manual", "Halted"]);
            machine.disruption = self.among(&["Live", "Restart", "Restart", "Recreate"]);
        }
        // A disk is for one, so that not all of them wait for each other.
        machine.uses_disk = DISKS.get(number).copied().filter(|_| self.rng.bool());
        machine.uses_network = self.rng.bool().then(|| self.among(&NETWORKS));
        if number > 0 && self.rng.bool() {
            machine.depends_on = Some((MACHINES[self.rng.usize(..number)], self.rng.bool()));
        }
        machine.mount = self.one_in(3);
        machine.forward = self.one_in(3).then_some(80);
        machine
    }

    fn catalogue(&mut self) -> Catalogue {
        let mut all = Vec::new();
        for name in DISKS {
            all.push(Described::Disk { name, size: self.rng.u32(1..4), retain: false });
        }
        for name in NETWORKS {
            all.push(Described::Network { name, subnet: self.subnet(name) });
        }
        for number in 0..self.rng.usize(1..=MACHINES.len()) {
            all.push(Described::Instance(self.machine(number)));
        }
        let mut catalogue = Catalogue::default();
        for described in all {
            let local = format!("{}.yaml", described.id().to_string().replace('/', "-"));
            catalogue.files.insert(self.file(&local), vec![described]);
        }
        catalogue
    }

    fn deed(&mut self, catalogue: &mut Catalogue, prune: bool) -> Deed {
        let machines: Vec<_> = catalogue.machines().map(|machine| machine.name).collect();
        let manual = catalogue.machines().filter(|machine| machine.strategy == "Manual");
        let manual: Vec<_> = manual.map(|machine| machine.name).collect();
        let fixed: Vec<_> = catalogue
            .machines()
            .filter(|machine| machine.strategy == "Always" && !machine.suspend)
            .map(|machine| machine.name)
            .collect();
        match self.rng.u32(..if self.rapid { 12 } else { 32 }) {
            25 | 26 => {
                let source = self.rng.usize(..self.sources);
                Deed::RollBack { source, back: self.among(&[0, 1, 1, 1, 2]) }
            }
            27 => Deed::Release,
            28.. => {
                let verb = self.among(&[Verb::Start, Verb::Stop, Verb::Delete, Verb::Apply]);
                Deed::Order(Ordered { verb, instance: self.among(&MACHINES) })
            }
            24 if !manual.is_empty() => Deed::Start(self.among(&manual)),
            14 => Deed::HideDirectory(self.rng.usize(..self.sources)),
            15 => Deed::EmptyDirectory(self.rng.usize(..self.sources)),
            16 | 17 if prune => {
                self.remove(catalogue, 2);
                Deed::Publish(catalogue.clone())
            }
            18 => {
                let all = self.rng.bool();
                Deed::Acknowledge((!all).then(|| self.rng.usize(..self.sources)))
            }
            19 if !machines.is_empty() => Deed::Suspend(self.machine_id(&machines)),
            20 => Deed::Resume,
            21 if !fixed.is_empty() => Deed::Stop(self.among(&fixed)),
            22 if !fixed.is_empty() => Deed::Delete(self.among(&fixed)),
            23 if !fixed.is_empty() => Deed::Edit(self.among(&fixed)),
            13 => Deed::Wait,
            _ => {
                let before = catalogue.clone();
                while *catalogue == before {
                    for _ in 0..self.rng.usize(1..4) {
                        self.change(catalogue);
                    }
                }
                Deed::Publish(catalogue.clone())
            }
        }
    }

    fn machine_id(&mut self, names: &[&'static str]) -> limekiln_model::ObjectId {
        Described::Instance(Machine { name: self.among(names), ..self.plain_machine(0) }).id()
    }

    fn remove(&mut self, catalogue: &mut Catalogue, most: usize) {
        for _ in 0..self.rng.usize(1..=most) {
            let files: Vec<_> = catalogue.files.keys().cloned().collect();
            if files.len() > 2 {
                let file = &files[self.rng.usize(..files.len())];
                catalogue.files.remove(file);
                catalogue.broken.remove(file);
            }
        }
    }

    /// Changes one file.
    fn change(&mut self, catalogue: &mut Catalogue) {
        let files: Vec<_> = catalogue.files.keys().cloned().collect();
        let Some(file) = files.get(self.rng.usize(..files.len().max(1))).cloned() else { return };
        match self.rng.u32(..if self.rapid { 8 } else { 12 }) {
            0 => {
                let number = self.rng.usize(..MACHINES.len());
                let machine = self.machine(number);
                let file = self.file(&format!("instance-{}.yaml", machine.name));
                let there = catalogue.machine(machine.name).is_some();
                if !there {
                    catalogue.files.insert(file, vec![Described::Instance(machine)]);
                }
            }
            1 => {
                // Moved to another file, maybe of another source.
                let Some(documents) = catalogue.files.remove(&file) else { return };
                let broken = catalogue.broken.remove(&file);
                let moved = self.renamed("moved", &file);
                broken.then(|| catalogue.broken.insert(moved.clone()));
                catalogue.files.insert(moved, documents);
            }
            8 => {
                catalogue.broken.insert(file);
            }
            9 => catalogue.broken.clear(),
            10 => {
                // Described twice, or no longer.
                let local = Source::local(&file);
                if local.starts_with("again") {
                    return;
                }
                let again: Vec<_> = (0..self.sources)
                    .map(|source| Source::file(source, &format!("again-{local}")))
                    .filter(|again| catalogue.files.remove(again).is_some())
                    .collect();
                if again.is_empty() {
                    let documents = catalogue.files[&file].clone();
                    catalogue.files.insert(self.renamed("again", &file), documents);
                }
            }
            _ => {
                for described in catalogue.files.get_mut(&file).into_iter().flatten() {
                    self.tweak(described);
                }
            }
        }
    }

    /// Two networks may be given one subnet; but when revisions pass by before they are reached,
    /// which of the two has it would be up to what was reached.
    fn subnet(&mut self, network: &str) -> u8 {
        let other = u8::from(network != NETWORKS[0]);
        let careful = self.is_careful();
        if careful { 104 + 2 * self.rng.u8(..2) + other } else { self.rng.u8(104..107) }
    }

    fn tweak(&mut self, described: &mut Described) {
        match described {
            Described::Disk { size, .. } => {
                *size = if self.is_careful() { *size + 1 } else { self.rng.u32(1..5) };
            }
            Described::Network { name, subnet } => *subnet = self.subnet(name),
            Described::Instance(machine) => self.tweak_machine(machine),
        }
    }

    fn tweak_machine(&mut self, machine: &mut Machine) {
        match self.rng.u32(..if self.rapid { 7 } else { 11 }) {
            0 | 1 => machine.cpus = self.rng.u32(1..5),
            2 => machine.disk += 10,
            3 => machine.message += 1,
            4 => machine.forward = self.among(&[None, Some(80), Some(81)]),
            5 => machine.uses_network = self.rng.bool().then(|| self.among(&NETWORKS)),
            6 => machine.mount = !machine.mount,
            7 if self.is_careful() => machine.disk += 10,
            7 => machine.disk = 10 * self.rng.u32(1..4),
            8 => machine.foreign = !machine.foreign,
            9 => machine.suspend = !machine.suspend,
            _ => machine.strategy = self.among(&["Always", "Manual", "Halted"]),
        }
    }
}
