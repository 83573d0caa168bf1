//! The last revisions, in files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use limekiln_sources::{Skipped, Snapshot, SourceFile};
use serde::{Deserialize, Serialize};

use super::plan_run::PlanRun;
use super::plan_runs::{Line, PlanRuns, name_for};
use crate::{Home, atomic};

/// The latest version of the files that this program writes and reads.
const VERSION: u64 = 2;
/// The version of one whose files are all text: earlier releases read it, too. They knew no bytes,
/// and are not to take a file that is no text for another one, or for none.
const OF_TEXTS: u64 = 1;
/// So many revisions of each source are kept.
const KEPT: usize = 10;
/// A larger one is not: ten of them would fill a disk.
const LARGEST: usize = 16 << 20;
/// The least that lies between two revisions of a source, whatever the clock says.
const STEP: SignedDuration = SignedDuration::from_millis(1);

/// What a source held at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The source's identity, as in a snapshot.
    pub source: String,
    /// The commit, or the digest of the files.
    pub revision: String,
    /// When the source came to hold it, the last time: after all that it held before, also where
    /// the clock was set back since.
    pub at: Timestamp,
    /// Its files.
    pub files: Vec<File>,
    /// What was left out of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) skipped: Vec<Skipped>,
}

/// One file of a revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The path that messages show.
    pub path: PathBuf,
    /// The path by which the ledger knows it.
    pub origin: PathBuf,
    /// What it held; of what is no UTF-8 as much as can be shown.
    pub text: String,
    /// What it held, if that is no UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    #[serde(flatten)]
    revision: Revision,
}

/// The beginning of a file.
#[derive(Clone, Debug, Deserialize)]
struct Head {
    version: u64,
    source: String,
    revision: String,
    at: Timestamp,
}

impl File {
    fn new(file: &SourceFile) -> Self {
        let text = String::from_utf8_lossy(&file.bytes);
        // Nothing was replaced.
        let bytes = (text.as_bytes() != file.bytes).then(|| file.bytes.clone());
        let (path, origin) = (file.path.clone(), file.origin.clone());
        Self { path, origin, text: text.into_owned(), bytes }
    }

    /// Whether the text is all that it held.
    pub fn is_text(&self) -> bool {
        self.bytes.is_none()
    }
}

impl Revision {
    /// The snapshot that it was.
    pub(crate) fn snapshot(self) -> Snapshot {
        let file = |file: File| {
            let File { path, origin, text, bytes } = file;
            let bytes = bytes.unwrap_or_else(|| text.into_bytes());
            Arc::new(SourceFile { path, origin, bytes })
        };
        let files = self.files.into_iter().map(file).collect();
        let Self { source, revision, skipped, .. } = self;
        Snapshot { source, revision, files, skipped }
    }
}

/// The directory `revisions`.
#[derive(Debug)]
pub struct History {
    dir: PathBuf,
    plans: PlanRuns,
    /// By name of the file. Its name says what it holds; when that was read is another time if it is
    /// written anew, which only we do.
    heads: Mutex<BTreeMap<OsString, Head>>,
}

impl History {
    /// The history of a home.
    pub fn new(home: &Home) -> Self {
        let plans = PlanRuns::new(home.dir().join("plans"));
        Self { dir: home.dir().join("revisions"), plans, heads: Mutex::default() }
    }

    /// All revisions that are kept, the newest last. What is damaged is left out.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn read(&self) -> io::Result<Vec<Revision>> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut all = Vec::new();
        for entry in entries {
            all.extend(read(&entry?.path()).map(|stored| stored.revision));
        }
        all.sort_by(|a, b| (a.at, &a.revision).cmp(&(b.at, &b.revision)));
        Ok(all)
    }

    /// The revisions of a source, the newest last. What is damaged since it was first seen is not
    /// left out.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub(crate) fn revisions_of(&self, source: &str) -> io::Result<Vec<String>> {
        Ok(self.heads_of(source)?.into_iter().map(|head| head.revision).collect())
    }

    /// One revision of a source.
    pub(crate) fn get(&self, source: &str, revision: &str) -> Option<Revision> {
        read(&self.file(source, revision)).map(|stored| stored.revision)
    }

    /// The plans that were carried out for a revision of a source, the oldest first: the first, and
    /// the last ones. Those of a later release are left out.
    ///
    /// # Errors
    /// If they are there and cannot be read.
    pub fn plans(&self, source: &str, revision: &str) -> io::Result<Vec<PlanRun>> {
        self.plans.read(&name_for(&self.file(source, revision)))
    }

    /// Notes what was begun for a revision, or has ended, if that revision is kept.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn note_plans(
        &self,
        source: &str,
        revision: &str,
        lines: &[Line],
    ) -> io::Result<()> {
        let path = self.file(source, revision);
        if path.exists() { self.plans.append(&name_for(&path), lines) } else { Ok(()) }
    }

    /// Keeps what a source held, unless that is more than 16 MiB, and lets go what is too old, but
    /// for the one that it is `pinned` to. A file that is no text is kept as well: it holds back
    /// what may be in it. What is kept already stays, unless it is damaged or lacks
    /// something: earlier builds left out what is no text, and links come and go in a directory. One
    /// that comes back after others is the newest again.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn note(&self, snapshot: &Snapshot, pinned: Option<&str>) -> io::Result<()> {
        let path = self.file(&snapshot.source, &snapshot.revision);
        let bytes: usize = snapshot.files.iter().map(|file| file.bytes.len()).sum();
        let is_whole = || path.exists() && !is_damaged(&path) && !lacks(&path, snapshot);
        if bytes > LARGEST || is_whole() && !self.is_back(snapshot)? {
            return Ok(());
        }
        fs::create_dir_all(&self.dir)?;
        let revision = Revision {
            source: snapshot.source.clone(),
            revision: snapshot.revision.clone(),
            at: self.next(&snapshot.source)?,
            files: snapshot.files.iter().map(|file| File::new(file)).collect(),
            skipped: snapshot.skipped.clone(),
        };
        self.forget_head(&path);
        let is_text = revision.files.iter().all(|file| file.bytes.is_none());
        let version = if is_text { OF_TEXTS } else { VERSION };
        atomic::write(&path, &serde_json::to_vec(&Stored { version, revision })?)?;
        self.forget(snapshot, pinned)
    }

    /// Now, or just after the newest revision of a source: what came last is in force, and a clock
    /// that was ahead must not have it count as the oldest.
    fn next(&self, source: &str) -> io::Result<Timestamp> {
        let newest = self.heads_of(source)?.last().map(|head| head.at);
        let after = newest.map(|at| at.saturating_add(STEP).unwrap_or(at));
        Ok(after.into_iter().fold(Timestamp::now(), Timestamp::max))
    }

    /// Whether it is kept, and others of its source were read since. One that a later release wrote
    /// is not ours to write anew.
    fn is_back(&self, snapshot: &Snapshot) -> io::Result<bool> {
        let of_source = self.heads_of(&snapshot.source)?;
        let is_kept = |head: &Head| head.revision == snapshot.revision;
        Ok(of_source.iter().any(is_kept) && !of_source.last().is_some_and(is_kept))
    }

    fn forget(&self, noted: &Snapshot, pinned: Option<&str>) -> io::Result<()> {
        let source = &noted.source;
        let of_source = self.heads_of(source)?;
        let surplus = of_source.len().saturating_sub(KEPT);
        let stays = [Some(&*noted.revision), pinned];
        for old in &of_source[..surplus] {
            if stays.contains(&Some(&*old.revision)) {
                continue;
            }
            let path = self.file(source, &old.revision);
            self.forget_head(&path);
            atomic::remove(&path)?;
            self.plans.remove(&name_for(&path))?;
        }
        Ok(())
    }

    /// The same for one source, the newest last.
    fn heads_of(&self, source: &str) -> io::Result<Vec<Head>> {
        let mut of_source = self.heads()?;
        of_source.retain(|one| one.source == source);
        of_source.sort_by(|a, b| (a.at, &a.revision).cmp(&(b.at, &b.revision)));
        Ok(of_source)
    }

    /// The file is to be another one, or none.
    fn forget_head(&self, path: &Path) {
        let mut known = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        path.file_name().and_then(|name| known.remove(name));
    }

    /// Whose the files are, without what the revisions held.
    fn heads(&self) -> io::Result<Vec<Head>> {
        let mut known = self.heads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let name = entry?.file_name();
            let read = || serde_json::from_slice(&fs::read(self.dir.join(&name)).ok()?).ok();
            if let Some(head) = before.remove(&name).or_else(read) {
                known.insert(name, head);
            }
        }
        Ok(known.values().filter(|head| head.version <= VERSION).cloned().collect())
    }

    /// Of one source a revision may be that of another: two directories may hold the same.
    fn file(&self, source: &str, revision: &str) -> PathBuf {
        let name = limekiln_model::fingerprint(&(source, revision)).0;
        self.dir.join(format!("{name}.json"))
    }
}

/// `None` if it is damaged, or of a later version.
fn read(path: &Path) -> Option<Stored> {
    let stored: Stored = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (stored.version <= VERSION).then_some(stored)
}

/// Whether the file holds nothing that this version or a later one wrote. What cannot be read at
/// all may be whole.
fn is_damaged(path: &Path) -> bool {
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let Ok(bytes) = fs::read(path) else { return false };
    match serde_json::from_slice(&bytes) {
        Ok(Versioned { version }) if version > VERSION => false,
        _ => serde_json::from_slice::<Stored>(&bytes).is_err(),
    }
}

/// Whether a file that this version reads holds other files than the snapshot, or was without
/// something else.
fn lacks(path: &Path, snapshot: &Snapshot) -> bool {
    let Some(Stored { revision, .. }) = read(path) else { return false };
    let kept = revision.files.iter().map(|file| &file.origin);
    let left_out = revision.skipped.iter().map(|one| (&one.origin, one.kind));
    !kept.eq(snapshot.files.iter().map(|file| &file.origin))
        || !left_out.eq(snapshot.skipped.iter().map(|one| (&one.origin, one.kind)))
}

#[cfg(test)]
mod tests {
    use limekiln_sources::SkippedKind;

    use super::*;

    fn snapshot() -> Snapshot {
        let file = SourceFile {
            path: "m/web.yaml".into(),
            origin: "web.yaml".into(),
            bytes: b"cpus: 1\n".to_vec(),
        };
        Snapshot {
            source: "git:team".to_owned(),
            revision: "1".to_owned(),
            files: vec![file.into()],
            skipped: Vec::new(),
        }
    }

    #[test]
    fn a_damaged_revision_is_kept_anew_and_a_whole_or_newer_one_stays() {
        let dir = tempfile::tempdir().expect("dir");
        let history = History::new(&Home::new(dir.path()));
        history.note(&snapshot(), None).expect("written");
        let path = history.file("git:team", "1");
        let whole = fs::read(&path).expect("there");
        history.note(&snapshot(), None).expect("kept");
        assert_eq!(fs::read(&path).expect("there"), whole, "it was written again");
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).expect("cut");
            assert_eq!(history.read().expect("read"), [], "cut at {cut}");
            history.note(&snapshot(), None).expect("written");
            let kept = history.get("git:team", "1").expect("whole again");
            assert_eq!(kept.snapshot(), snapshot());
        }
        let newer = br#"{"version":3,"of":"a later release"}"#;
        fs::write(&path, newer).expect("write");
        history.note(&snapshot(), None).expect("left alone");
        assert_eq!(fs::read(&path).expect("there"), newer);
    }

    #[test]
    fn a_file_that_is_no_text_and_what_was_left_out_are_kept_as_they_were() {
        let dir = tempfile::tempdir().expect("dir");
        let history = History::new(&Home::new(dir.path()));
        let mut latin = snapshot();
        let bytes = b"message: caf\xe9\n".to_vec();
        latin.files.push(SourceFile { path: "l".into(), origin: "l".into(), bytes }.into());
        let kind = SkippedKind::Submodule;
        latin.skipped.push(Skipped { path: "m/lib".into(), origin: "lib".into(), kind });
        latin.revision = "2".to_owned();
        for (snapshot, version) in [(snapshot(), OF_TEXTS), (latin, VERSION)] {
            history.note(&snapshot, None).expect("written");
            let path = history.file(&snapshot.source, &snapshot.revision);
            assert_eq!(read(&path).expect("whole").version, version, "others would misread it");
            let kept = history.get(&snapshot.source, &snapshot.revision).expect("kept");
            assert_eq!(kept.snapshot(), snapshot);
        }
        let shown = history.get("git:team", "2").expect("kept").files.remove(1).text;
        assert_eq!(shown, "message: caf\u{fffd}\n");
    }

    #[test]
    fn one_that_an_earlier_build_kept_in_part_is_kept_anew() {
        let dir = tempfile::tempdir().expect("dir");
        let history = History::new(&Home::new(dir.path()));
        let mut whole = snapshot();
        let bytes = b"message: caf\xe9\n".to_vec();
        whole.files.push(SourceFile { path: "l".into(), origin: "l".into(), bytes }.into());
        let mut without = snapshot();
        let kind = SkippedKind::Link;
        without.skipped.push(Skipped { path: "m/lib".into(), origin: "lib".into(), kind });
        for now in [snapshot(), whole, snapshot(), without, snapshot()] {
            history.note(&now, None).expect("written");
            let kept = history.get("git:team", "1").expect("kept").snapshot();
            assert_eq!(kept, now);
        }
    }

    #[test]
    fn one_that_comes_back_is_new_again_and_a_pinned_one_stays() {
        let dir = tempfile::tempdir().expect("dir");
        let history = History::new(&Home::new(dir.path()));
        let note = |number: usize, pinned| {
            let snapshot = Snapshot { revision: number.to_string(), ..snapshot() };
            history.note(&snapshot, pinned).expect("written");
        };
        let is_kept = |number: usize| history.get("git:team", &number.to_string()).is_some();
        (1..=KEPT + 1).for_each(|number| note(number, None));
        assert!(!is_kept(1) && is_kept(2), "the oldest went");
        note(1, None);
        assert!(is_kept(1) && !is_kept(2), "it is the newest now");
        for number in KEPT + 2..3 * KEPT {
            note(number, Some("1"));
        }
        assert!(is_kept(1) && !is_kept(KEPT));
    }

    #[test]
    fn one_that_comes_back_after_others_is_the_newest_again() {
        let dir = tempfile::tempdir().expect("dir");
        let history = History::new(&Home::new(dir.path()));
        let note = |revision: &str| {
            let snapshot = Snapshot { revision: revision.to_owned(), ..snapshot() };
            history.note(&snapshot, None).expect("written");
        };
        ["A", "B", "A"].iter().for_each(|revision| note(revision));
        let kept = || history.revisions_of("git:team").expect("readable");
        assert_eq!(kept(), ["B", "A"]);
        let at = history.get("git:team", "A").expect("kept").at;
        note("A");
        assert_eq!(history.get("git:team", "A").expect("kept").at, at, "it was written again");
        // What was in force before the last one is not the first to go.
        (2..=KEPT).for_each(|number| note(&number.to_string()));
        assert!(kept().contains(&"A".to_owned()) && !kept().contains(&"B".to_owned()));
    }

    /// Has so many be kept, each as of its time, as a clock that is ahead does.
    fn keep_at(history: &History, count: usize, at: impl Fn(usize) -> Timestamp) {
        for number in 1..=count {
            let snapshot = Snapshot { revision: number.to_string(), ..snapshot() };
            history.note(&snapshot, None).expect("written");
            let path = history.file("git:team", &snapshot.revision);
            let mut stored = read(&path).expect("whole");
            stored.revision.at = at(number);
            fs::write(&path, serde_json::to_vec(&stored).expect("JSON")).expect("write");
            history.forget_head(&path);
        }
    }

    #[test]
    fn what_comes_after_a_clock_that_was_ahead_is_the_newest() {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        let ahead = Timestamp::now() + SignedDuration::from_hours(2);
        let minute = |number| ahead + SignedDuration::from_mins(number as i64);
        keep_at(&History::new(&home), KEPT, minute);
        let history = History::new(&home);
        let kept = || history.revisions_of("git:team").expect("readable");
        let of = |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>();
        assert_eq!(kept(), of(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), "as the clock said");
        for revision in ["11", "12", "3"] {
            history.note(&Snapshot { revision: revision.into(), ..snapshot() }, None).expect("ok");
        }
        assert_eq!(kept(), of(&[4, 5, 6, 7, 8, 9, 10, 11, 12, 3]), "as they came");
        // Who goes back with no controller at work leaves what is in force.
        let all = history.read().expect("readable");
        let to = all.iter().find(|one| one.revision == "11").expect("kept");
        let back = crate::Requests::roll_back(&home, &all, to, None).expect("written");
        assert_eq!(back.left.as_deref(), Some("3"));
    }

    #[test]
    fn what_was_just_noted_stays_whatever_the_others_say() {
        let dir = tempfile::tempdir().expect("dir");
        let history = History::new(&Home::new(dir.path()));
        keep_at(&history, KEPT, |_| Timestamp::MAX);
        // No time is left after them, and this name is before all others.
        let first = Snapshot { revision: "0".to_owned(), ..snapshot() };
        for _ in 0..2 {
            history.note(&first, None).expect("written");
            assert!(history.get("git:team", "0").is_some(), "it is in force");
        }
    }
}
