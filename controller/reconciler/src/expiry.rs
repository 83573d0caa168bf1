//! How long parked objects have been parked, by a clock that can be believed.
//!
//! A wall clock jumps: a battery is empty, a virtual machine is restored, somebody mistypes a
//! year. What would then be removed for good is not to be had again, so time is counted while it
//! goes by. Between two looks of one process it is what both clocks of the machine agree on;
//! between two processes, at most a day.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use limekiln_api::mutant::{Mutant, is_on};
use limekiln_model::{ObjectId, Parked};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{Home, atomic};

/// The version of the file that this program writes.
const VERSION: u64 = 1;
/// So much is believed to have gone by while no controller ran.
const AWAY: Duration = Duration::from_secs(24 * 3_600);
/// What was counted is written this often.
const OFTEN: Duration = Duration::from_secs(600);

/// The file `expiry.json`. Without it everything has just been parked.
#[derive(Debug)]
pub(crate) struct Expiry {
    path: PathBuf,
    ages: BTreeMap<String, u64>,
    /// By the wall clock.
    seen: Option<Timestamp>,
    /// When this process last looked.
    looked: Option<Instant>,
    written: Option<Instant>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u64,
    /// When it was last looked at.
    seen: Timestamp,
    /// For how many seconds each has been parked, by id and key.
    ages: BTreeMap<String, u64>,
}

impl Expiry {
    /// Reads what was counted. What cannot be read was not.
    pub(crate) fn open(home: &Home) -> Self {
        let path = home.dir().join("expiry.json");
        let bytes = fs::read(&path).ok();
        let stored = bytes.and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
        let stored = stored.filter(|stored| stored.version <= VERSION);
        let (ages, seen) =
            stored.map(|stored| (stored.ages, Some(stored.seen))).unwrap_or_default();
        Self { path, ages, seen, looked: None, written: None }
    }

    /// Counts the time since the last look. Gives those that have been parked for `keep`.
    pub(crate) fn look(
        &mut self,
        parked: &[Parked],
        keep: Duration,
        wall: Timestamp,
    ) -> Vec<(ObjectId, String)> {
        let now = Instant::now();
        let by_wall = self.seen.map_or(Duration::ZERO, |seen| {
            Duration::try_from(wall.duration_since(seen)).unwrap_or_default()
        });
        let by_machine = self.looked.map_or(AWAY, |looked| now.duration_since(looked));
        let gone_by = match is_on(Mutant::TrustsTheClock) {
            true => by_wall,
            false => by_wall.min(by_machine),
        };
        let ages = std::mem::take(&mut self.ages);
        for one in parked {
            let age = ages.get(&name(one)).map_or(0, |age| age + gone_by.as_secs());
            self.ages.insert(name(one), age);
        }
        // Fractions of a second would be lost with each look.
        if gone_by >= Duration::from_secs(1)
            || self.seen.is_none()
            || wall < self.seen.unwrap_or(wall)
        {
            (self.seen, self.looked) = (Some(wall), Some(now));
        }
        let over =
            |one: &&Parked| self.ages.get(&name(one)).is_some_and(|age| *age >= keep.as_secs());
        parked.iter().filter(over).map(|one| (one.id.clone(), one.key.clone())).collect()
    }

    /// Writes what was counted, now and then.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        let recent = self.written.is_some_and(|written| written.elapsed() < OFTEN);
        let Some(seen) = self.seen.filter(|_| !recent && !self.ages.is_empty()) else {
            return Ok(());
        };
        let stored = Stored { version: VERSION, seen, ages: self.ages.clone() };
        atomic::write(&self.path, &serde_json::to_vec(&stored)?)?;
        self.written = Some(Instant::now());
        Ok(())
    }
}

fn name(parked: &Parked) -> String {
    format!("{} {}", parked.id, parked.key)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3_600);

    fn parked() -> [Parked; 1] {
        let id = "instance/web".parse().expect("an id");
        [Parked { id, key: "web-1".to_owned(), since: 0 }]
    }

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + days * 24 * 3_600).expect("in range")
    }

    fn open(dir: &tempfile::TempDir) -> Expiry {
        let home = Home::new(dir.path());
        home.prepare().expect("home");
        Expiry::open(&home)
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_parked_for_long_is_over() {
        let dir = tempfile::tempdir().expect("dir");
        let mut expiry = open(&dir);
        for day in 0..3 {
            assert_eq!(expiry.look(&parked(), 3 * DAY, at(day)), [], "day {day}");
            advance(DAY).await;
        }
        assert_eq!(expiry.look(&parked(), 3 * DAY, at(3)).len(), 1);
        assert_eq!(expiry.look(&[], 3 * DAY, at(3)), [], "it is gone");
        assert_eq!(expiry.look(&parked(), 3 * DAY, at(3)), [], "and another has its name");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_jumps_ends_nothing() {
        let dir = tempfile::tempdir().expect("dir");
        let mut expiry = open(&dir);
        for (wall, machine) in [(0, 0), (4_000, 60), (-4_000, 60), (9_000, 60)] {
            advance(Duration::from_secs(machine)).await;
            assert_eq!(expiry.look(&parked(), 3 * DAY, at(wall)), [], "{wall} days");
            expiry.save().expect("written");
        }
        // Each start of a controller is a day at most.
        for start in 1..3 {
            let mut again = open(&dir);
            assert_eq!(again.look(&parked(), 3 * DAY, at(9_000 + start * 3_000)), []);
            again.written = None;
            again.save().expect("written");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_lost_or_damaged_begins_anew() {
        let dir = tempfile::tempdir().expect("dir");
        let mut expiry = open(&dir);
        expiry.look(&parked(), 3 * DAY, at(0));
        advance(2 * DAY).await;
        expiry.look(&parked(), 3 * DAY, at(2));
        expiry.save().expect("written");
        let whole = fs::read(&expiry.path).expect("there");
        for cut in 0..whole.len() {
            fs::write(&expiry.path, &whole[..cut]).expect("cut");
            assert_eq!(open(&dir).look(&parked(), 3 * DAY, at(5)), []);
        }
        fs::write(&expiry.path, whole).expect("whole again");
        assert_eq!(open(&dir).look(&parked(), 3 * DAY, at(5)).len(), 1, "two days and one");
    }
}
