//! Values by key, each with the number of its last change.
//!
//! Whoever knows up to which change he was told can be told the rest, as long as nothing of it was
//! forgotten. He costs nothing while he does not ask: nobody keeps a queue for him. Of a value that
//! changed several times since then he gets the last state.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// What somebody is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told<K, V> {
    /// The value is so now.
    Is(K, V),
    /// It is no more.
    Gone(K),
    /// Some changes were missed; for values of which all are kept, they all follow.
    Lost,
    /// All is told; the next is a change.
    Synced,
}

/// Told with the number of the change.
pub(crate) type Numbered<K, V> = (u64, Told<K, V>);

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// So many values; those that changed longest ago go first.
    pub(crate) values: usize,
    /// So many that are gone, for those who have not heard of it.
    pub(crate) gone: usize,
}

struct Inner<K, V> {
    /// The number of the last change.
    last: u64,
    values: BTreeMap<K, (u64, Option<V>)>,
    order: BTreeMap<u64, K>,
    gone: usize,
    /// Of changes up to this one some may be forgotten.
    forgotten: u64,
    limits: Limits,
}

/// Values that several write and several follow.
pub(crate) struct News<K, V> {
    inner: Mutex<Inner<K, V>>,
    changed: watch::Sender<u64>,
}

impl<K: Clone + Ord, V: Clone + PartialEq> News<K, V> {
    pub(crate) fn new(limits: Limits) -> Self {
        let (values, order) = (BTreeMap::new(), BTreeMap::new());
        let inner = Inner { last: 0, values, order, gone: 0, forgotten: 0, limits };
        Self { inner: Mutex::new(inner), changed: watch::Sender::new(0) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes values; those that are as they were are no news.
    pub(crate) fn put(&self, values: impl IntoIterator<Item = (K, Option<V>)>) {
        let mut inner = self.lock();
        let before = inner.last;
        for (key, value) in values {
            inner.put(key, value);
        }
        inner.shrink();
        let last = inner.last;
        drop(inner);
        if last != before {
            self.changed.send_replace(last);
        }
    }

    /// Replaces all values.
    pub(crate) fn replace(&self, all: BTreeMap<K, V>) {
        let inner = self.lock();
        let there = inner.values.iter().filter(|(_, (_, value))| value.is_some());
        let gone: Vec<_> = there
            .filter(|(key, _)| !all.contains_key(key))
            .map(|(key, _)| (key.clone(), None))
            .collect();
        drop(inner);
        self.put(gone.into_iter().chain(all.into_iter().map(|(key, value)| (key, Some(value)))));
    }

    /// The number of the last change.
    #[cfg(test)]
    fn last(&self) -> u64 {
        self.lock().last
    }
}

impl<K: Clone + Ord, V: Clone + PartialEq> Inner<K, V> {
    fn put(&mut self, key: K, value: Option<V>) {
        let known = self.values.get(&key);
        let same = match known {
            Some((_, known)) => *known == value,
            None => value.is_none(),
        };
        if same {
            return;
        }
        if let Some((number, known)) = known {
            self.order.remove(number);
            self.gone -= usize::from(known.is_none());
        }
        self.last += 1;
        self.gone += usize::from(value.is_none());
        self.order.insert(self.last, key.clone());
        self.values.insert(key, (self.last, value));
    }

    /// Forgets what is too much, the oldest changes first.
    fn shrink(&mut self) {
        while self.gone > self.limits.gone || self.values.len() - self.gone > self.limits.values {
            let too_many_gone = self.gone > self.limits.gone;
            let wanted = |number: &u64, key: &K| {
                let value = self.values.get(key);
                value.is_some_and(|(_, value)| value.is_none() == too_many_gone).then_some(*number)
            };
            let oldest = self.order.iter().find_map(|(number, key)| wanted(number, key));
            let Some(key) = oldest.and_then(|number| self.order.remove(&number)) else { return };
            if let Some((number, value)) = self.values.remove(&key) {
                self.gone -= usize::from(value.is_none());
                self.forgotten = self.forgotten.max(number);
            }
        }
    }

    fn since(&self, number: u64) -> impl Iterator<Item = Numbered<K, V>> + '_ {
        self.order.range(number + 1..).filter_map(|(number, key)| {
            let (_, value) = self.values.get(key)?;
            Some((
                *number,
                match value {
                    Some(value) => Told::Is(key.clone(), value.clone()),
                    None => Told::Gone(key.clone()),
                },
            ))
        })
    }
}

/// Follows the news, at his own pace.
pub(crate) struct Follower<K, V> {
    news: Arc<News<K, V>>,
    changed: watch::Receiver<u64>,
    /// Up to which change he was told.
    cursor: u64,
    queue: VecDeque<Numbered<K, V>>,
    /// Whether all values are told when some changes were missed.
    whole: bool,
}

impl<K: Clone + Ord, V: Clone + PartialEq> Follower<K, V> {
    /// All values first.
    pub(crate) fn all(news: Arc<News<K, V>>) -> Self {
        let mut follower = Self::at(news, 0, true);
        follower.list();
        follower
    }

    /// What came after a change, or all values if some of that was forgotten.
    pub(crate) fn after(news: Arc<News<K, V>>, number: u64) -> Self {
        let mut follower = Self::at(news, number, true);
        if follower.catch_up() {
            follower.queue.push_back((follower.cursor, Told::Synced));
        }
        follower
    }

    /// What came after a change, and a note if some of that was forgotten.
    pub(crate) fn tail(news: Arc<News<K, V>>, number: u64) -> Self {
        Self::at(news, number, false)
    }

    fn at(news: Arc<News<K, V>>, cursor: u64, whole: bool) -> Self {
        let changed = news.changed.subscribe();
        Self { news, changed, cursor, queue: VecDeque::new(), whole }
    }

    /// Puts all that there is into the queue.
    fn list(&mut self) {
        let inner = self.news.lock();
        self.cursor = inner.last;
        self.queue.extend(inner.since(0).filter(|(_, told)| !matches!(told, Told::Gone(_))));
        self.queue.push_back((self.cursor, Told::Synced));
    }

    /// Puts what is new into the queue; false if that was all that there is.
    fn catch_up(&mut self) -> bool {
        let inner = self.news.lock();
        // A number that was never given is from another time.
        let lost = self.cursor < inner.forgotten || self.cursor > inner.last;
        match (lost, self.whole) {
            (false, _) => self.queue.extend(inner.since(self.cursor)),
            (true, false) => {
                self.queue.push_back((inner.forgotten, Told::Lost));
                self.queue.extend(inner.since(inner.forgotten));
            }
            (true, true) => {
                self.queue.push_back((0, Told::Lost));
                drop(inner);
                self.list();
                return false;
            }
        }
        self.cursor = inner.last;
        true
    }

    /// Leaves out all that there is but the newest of those that are meant.
    pub(crate) fn keep_newest(&mut self, count: usize, meant: impl Fn(&Told<K, V>) -> bool) {
        self.catch_up();
        let all = self.queue.drain(..).filter(|(_, told)| meant(told)).collect::<Vec<_>>();
        self.queue.extend(all.into_iter().rev().take(count).rev());
    }

    /// The next thing to tell; waits for it.
    pub(crate) async fn next(&mut self) -> Numbered<K, V> {
        loop {
            if let Some(told) = self.queue.pop_front() {
                return told;
            }
            self.changed.mark_unchanged();
            self.catch_up();
            if self.queue.is_empty() && self.changed.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    type Words = News<&'static str, u32>;

    fn words(limits: Limits) -> Arc<Words> {
        Arc::new(News::new(limits))
    }

    const WIDE: Limits = Limits { values: 100, gone: 100 };

    fn told(follower: &mut Follower<&'static str, u32>) -> Vec<Told<&'static str, u32>> {
        std::iter::from_fn(|| follower.next().now_or_never().map(|(_, told)| told)).collect()
    }

    #[test]
    fn all_comes_first_and_then_each_change_once() {
        let news = words(WIDE);
        news.put([("a", Some(1)), ("b", Some(1))]);
        let mut follower = Follower::all(Arc::clone(&news));
        assert_eq!(told(&mut follower), [Told::Is("a", 1), Told::Is("b", 1), Told::Synced]);
        news.put([("a", Some(1))]);
        assert_eq!(told(&mut follower), [], "the same is no news");
        // Who reads slowly gets the last state.
        for value in 2..1_000 {
            news.put([("a", Some(value))]);
        }
        news.put([("b", None), ("c", None)]);
        assert_eq!(told(&mut follower), [Told::Is("a", 999), Told::Gone("b")]);
    }

    #[test]
    fn who_comes_back_gets_what_he_missed() {
        let news = words(WIDE);
        news.put([("a", Some(1))]);
        let seen = news.last();
        news.put([("b", Some(1)), ("a", None)]);
        let mut follower = Follower::after(Arc::clone(&news), seen);
        assert_eq!(told(&mut follower), [Told::Is("b", 1), Told::Gone("a"), Told::Synced]);
        news.replace(BTreeMap::from([("c", 1)]));
        assert_eq!(told(&mut follower), [Told::Gone("b"), Told::Is("c", 1)]);
    }

    #[test]
    fn who_missed_too_much_is_told_so() {
        let news = words(Limits { values: 2, gone: 1 });
        news.put([("a", Some(1)), ("b", Some(1))]);
        let seen = news.last();
        news.put([("a", None), ("b", None), ("c", Some(1))]);
        let mut whole = Follower::after(Arc::clone(&news), seen);
        assert_eq!(told(&mut whole), [Told::Lost, Told::Is("c", 1), Told::Synced]);
        let mut stranger = Follower::after(Arc::clone(&news), 1_000);
        assert_eq!(told(&mut stranger)[0], Told::Lost);
        news.put([("d", Some(1)), ("e", Some(1)), ("f", Some(1))]);
        let mut tail = Follower::tail(Arc::clone(&news), seen);
        assert_eq!(told(&mut tail), [Told::Lost, Told::Is("e", 1), Told::Is("f", 1)]);
        let inner = news.lock();
        assert!(inner.values.len() <= 3 && inner.order.len() == inner.values.len());
    }
}
