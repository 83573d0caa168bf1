//! The plans that were carried out for each revision, in files.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::plan_run::{PlanRun, StepRun, fold};
use crate::{RecordOutcome, atomic, journal};

/// The version of the lines that this program writes.
const VERSION: u64 = 1;
/// A file that is larger is written anew, with fewer plans.
const LARGEST: u64 = 256 << 10;
/// So many bytes of plans are left in it then.
const LEFT: usize = 96 << 10;
/// So many plans are left at most: the first, which brought the revision about, and the last ones.
const KEPT: usize = 50;
/// So many steps of a plan are kept; of the others their number.
pub(crate) const STEPS: usize = 250;
/// So long is an error at most, in characters.
const ERROR: usize = 200;

/// A line of such a file. A later one adds to what an earlier one said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Line {
    /// A plan was begun.
    Begun(PlanRun),
    /// Some of its steps have ended.
    #[serde(rename_all = "camelCase")]
    Ended {
        /// When the plan was begun, which tells it from others.
        plan: Timestamp,
        at: Timestamp,
        steps: Vec<Ended>,
    },
}

/// How a step of a plan ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ended {
    /// Its index.
    pub(crate) step: usize,
    pub(crate) outcome: RecordOutcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) took_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct Versioned<L> {
    version: u64,
    #[serde(flatten)]
    line: L,
}

/// An error as one short line.
pub(crate) fn in_a_line(error: &str) -> String {
    let words: Vec<_> = error.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(ERROR) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The directory `plans`: a file for each revision that is kept.
#[derive(Debug)]
pub(super) struct PlanRuns(PathBuf);

impl PlanRuns {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self(dir)
    }

    /// What is kept there, the oldest first. Lines that a crash has cut are left out; of a file of a
    /// later release nothing is known.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub(super) fn read(&self, name: &str) -> io::Result<Vec<PlanRun>> {
        Ok(parse(&self.bytes(name)?).map(fold).unwrap_or_default())
    }

    /// Adds lines. Only the holder of the home's lock writes. A large file of a later release
    /// stays as it is.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn append(&self, name: &str, lines: &[Line]) -> io::Result<()> {
        let path = self.0.join(name);
        #[cfg(feature = "faults")]
        crate::faults::at(&path)?;
        fs::create_dir_all(&self.0)?;
        let mut file = journal::open(&path)?;
        if file.metadata()?.len() >= LARGEST {
            self.shorten(name)?;
            file = journal::open(&path)?;
            if file.metadata()?.len() >= LARGEST {
                return Ok(());
            }
        }
        let mut text = Vec::new();
        if journal::is_cut(&mut file)? {
            text.push(b'\n');
        }
        lines.iter().try_for_each(|line| write_line(&mut text, line))?;
        file.write_all(&text)
    }

    /// Forgets all of a revision.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match self.0.join(name) {
            path if path.exists() => atomic::remove(&path),
            _ => Ok(()),
        }
    }

    /// Writes a file anew with fewer plans, unless it is of a later release.
    fn shorten(&self, name: &str) -> io::Result<()> {
        let Some(runs) = parse(&self.bytes(name)?).map(fold) else { return Ok(()) };
        let mut text = Vec::new();
        for run in fewer(runs)? {
            write_line(&mut text, &Line::Begun(run))?;
        }
        atomic::write(&self.0.join(name), &text)
    }

    fn bytes(&self, name: &str) -> io::Result<Vec<u8>> {
        match fs::read(self.0.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        }
    }
}

/// The first and the last ones.
fn fewer(runs: Vec<PlanRun>) -> io::Result<Vec<PlanRun>> {
    let size = |run: &PlanRun| serde_json::to_vec(run).map(|bytes| bytes.len());
    let mut runs = runs.into_iter();
    let Some(first) = runs.next() else { return Ok(Vec::new()) };
    let mut left = LEFT.saturating_sub(size(&first)?);
    let mut last = Vec::new();
    for run in runs.rev().take(KEPT - 1) {
        let Some(rest) = left.checked_sub(size(&run)?) else { break };
        left = rest;
        last.push(run);
    }
    last.push(first);
    last.reverse();
    Ok(last)
}

fn write_line(text: &mut Vec<u8>, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *text, &Versioned { version: VERSION, line })?;
    text.push(b'\n');
    Ok(())
}

/// What lines say together; `None` if one is of a later release.
fn parse(bytes: &[u8]) -> Option<Vec<PlanRun>> {
    #[derive(Deserialize)]
    struct Head {
        version: u64,
    }
    let mut runs: Vec<PlanRun> = Vec::new();
    let mut places = HashMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        match serde_json::from_slice::<Versioned<Line>>(line) {
            Ok(Versioned { version, line: Line::Begun(run) }) if version <= VERSION => {
                places.insert(run.at, runs.len());
                runs.push(run);
            }
            Ok(Versioned { version, line: Line::Ended { plan, at, steps } })
                if version <= VERSION =>
            {
                let run = places.get(&plan).and_then(|place: &usize| runs.get_mut(*place));
                run.into_iter().for_each(|run| end(run, at, &steps));
            }
            _ => {
                let head = serde_json::from_slice::<Head>(line);
                if head.is_ok_and(|head| head.version > VERSION) {
                    return None;
                }
            }
        }
    }
    Some(runs)
}

/// Puts into a plan how some of its steps ended.
fn end(run: &mut PlanRun, at: Timestamp, steps: &[Ended]) {
    for ended in steps {
        if let Some(step) = run.steps.get_mut(ended.step) {
            let Ended { outcome, error, at, took_ms, .. } = ended.clone();
            let (object, verb) = (step.object.clone(), step.verb.clone());
            *step = StepRun { object, verb, outcome: Some(outcome), error, at, took_ms };
        }
    }
    if run.is_ended() {
        run.ended_at = Some(at);
    }
}

/// The name of the file of a revision whose own file has this path.
pub(super) fn name_for(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    format!("{stem}.jsonl")
}

#[cfg(test)]
mod tests {
    use limekiln_model::ObjectId;

    use RecordOutcome::{Done, Failed, Skipped};

    use super::*;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn begun(second: i64, verbs: &[&str]) -> Line {
        let at = time(second);
        let object = "instance/web".parse().expect("an id");
        let step = |verb: &&str| StepRun::new(ObjectId::clone(&object), verb);
        let steps = verbs.iter().map(step).collect();
        Line::Begun(PlanRun { at, first_at: at, count: 1, ended_at: None, steps, more_steps: 0 })
    }

    fn ended(second: i64, outcomes: &[RecordOutcome], error: Option<&str>) -> Line {
        let one = |(step, outcome): (usize, &RecordOutcome)| Ended {
            step,
            outcome: *outcome,
            error: error.filter(|_| *outcome == Failed).map(str::to_owned),
            at: Some(time(second)),
            took_ms: Some(1_500),
        };
        let steps = outcomes.iter().enumerate().map(one).collect();
        Line::Ended { plan: time(second), at: time(second + 2), steps }
    }

    fn store() -> (tempfile::TempDir, PlanRuns) {
        let dir = tempfile::tempdir().expect("dir");
        let runs = PlanRuns::new(dir.path().join("plans"));
        (dir, runs)
    }

    #[test]
    fn what_was_done_comes_back_and_the_same_again_is_counted() {
        let (_dir, runs) = store();
        assert_eq!(runs.read("a").expect("none"), []);
        let failed = |second| ended(second, &[Done, Failed], Some("no image"));
        for second in [10, 20, 30] {
            let lines = [begun(second, &["create", "start"]), failed(second)];
            runs.append("a", &lines).expect("written");
        }
        runs.append("a", &[begun(40, &["start"])]).expect("written");
        let read = runs.read("a").expect("there");
        let [first, last] = read.as_slice() else { panic!("{read:?}") };
        let told = (first.first_at, first.at, first.count, first.ended_at);
        assert_eq!(told, (time(10), time(30), 3, Some(time(32))));
        let step = &first.steps[1];
        assert_eq!((step.outcome, step.error.as_deref()), (Some(Failed), Some("no image")));
        assert_eq!((step.at, step.took_ms), (Some(time(30)), Some(1_500)));
        assert!(!last.is_ended() && last.ended_at.is_none() && last.count == 1, "it was cut short");
        assert_eq!(runs.read("b").expect("none"), [], "of another revision");
    }

    #[test]
    fn a_file_cut_anywhere_costs_what_was_cut_and_goes_on() {
        let (_dir, runs) = store();
        let lines = [begun(1, &["create"]), ended(1, &[Done], None), begun(9, &["start"])];
        runs.append("a", &lines).expect("written");
        let path = runs.0.join("a");
        let whole = fs::read(&path).expect("there");
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).expect("cut");
            let before = runs.read("a").expect("readable");
            runs.append("a", &[begun(100, &["stop"])]).expect("written");
            let after = runs.read("a").expect("readable");
            assert_eq!(after.last().map(|run| run.at), Some(time(100)), "cut at {cut}");
            assert!(after.starts_with(&before), "cut at {cut}");
        }
    }

    #[test]
    fn it_is_bounded_and_the_first_plan_stays() {
        let (_dir, runs) = store();
        let long = "x".repeat(100);
        for second in 0..4_000 {
            // Each is another one.
            let error = format!("{long} {second}");
            let plan = [
                begun(second, &["create", "start"]),
                ended(second, &[Failed, Skipped], Some(&error)),
            ];
            runs.append("a", &plan).expect("written");
        }
        assert!(fs::metadata(runs.0.join("a")).expect("there").len() < 2 * LARGEST);
        let read = runs.read("a").expect("readable");
        assert_eq!(read.first().map(|run| run.at), Some(time(0)));
        assert_eq!(read.last().map(|run| run.at), Some(time(3_999)));
        assert!(read.len() >= KEPT && read.iter().all(PlanRun::is_ended), "{}", read.len());
    }

    #[test]
    fn a_file_of_a_later_release_is_left_alone() {
        let (_dir, runs) = store();
        runs.append("a", &[begun(1, &["create"])]).expect("written");
        let path = runs.0.join("a");
        let mut newer = fs::read(&path).expect("there");
        newer.extend(br#"{"version":2,"more":{}}"#);
        newer.extend(vec![b'\n'; usize::try_from(LARGEST).expect("small")]);
        fs::write(&path, &newer).expect("write");
        assert_eq!(runs.read("a").expect("readable"), []);
        runs.append("a", &[begun(2, &["create"])]).expect("left alone");
        assert_eq!(fs::read(&path).expect("there"), newer);
    }

    #[test]
    fn errors_are_short_lines() {
        assert_eq!(in_a_line("one\n  two\tthree"), "one two three");
        let long = in_a_line(&"ä".repeat(1_000));
        assert_eq!(long.chars().count(), ERROR + 1);
    }
}
