//! Asking all host agents at once, and not longer than somebody wants to wait.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join_all;
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::Client;
use limekiln_model::Name;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout_at};

use super::agent::{Answer, ask};
use super::known::Instances;

/// A look waits so long for all host agents together. A host agent answers in less than a
/// millisecond, and on a busy host in some.
const PATIENCE: Duration = Duration::from_millis(200);

/// A host agent that has been asked.
///
/// The question goes on when a look has lost its patience: one that is slow for once is not taken
/// for one that is stuck, and one that is stuck is not asked a hundred times at once.
#[derive(Debug)]
pub(super) struct Asked {
    /// The host agent; another one is asked anew.
    agent: u32,
    /// What it was asked and has not answered yet.
    question: Option<JoinHandle<Answer>>,
    /// What it last said.
    last: Option<Answer>,
}

/// Asks the host agents of these instances. Each gets the newest answer that it gave.
pub(super) async fn ask_all(
    mut before: BTreeMap<Name, Asked>,
    running: Vec<(Name, u32, InstanceFiles)>,
) -> Vec<(Name, Asked, Answer)> {
    let until = Instant::now() + PATIENCE;
    let begun: Vec<_> = running
        .into_iter()
        .map(|(name, agent, files)| {
            let before = before.remove(&name).filter(|asked| asked.agent == agent);
            (name, Asked::go_on(before, agent, &files))
        })
        .collect();
    let answers = begun.into_iter().map(|(name, mut asked)| async move {
        let answer = asked.answer(until).await;
        (name, asked, answer)
    });
    join_all(answers).await
}

impl Asked {
    fn go_on(before: Option<Self>, agent: u32, files: &InstanceFiles) -> Self {
        let mut asked = before.unwrap_or(Self { agent, question: None, last: None });
        // What came after nobody waited for it any more may be old by now, and is only the last.
        let late = asked.question.as_mut().filter(|question| question.is_finished());
        if let Some(answer) = late.and_then(FutureExt::now_or_never) {
            asked.ended(answer);
        }
        if asked.question.is_none() {
            let client = Client::new(files.file("ha.sock"));
            asked.question = Some(tokio::spawn(async move { ask(&client).await }));
        }
        asked
    }

    fn ended(&mut self, answer: Result<Answer, JoinError>) {
        self.question = None;
        self.last =
            Some(answer.unwrap_or_else(|_| Answer::Silent("the question was lost".to_owned())));
    }

    /// What it says by then. Late is not never: until the question has ended, what it said before
    /// counts.
    async fn answer(&mut self, until: Instant) -> Answer {
        if let Some(question) = &mut self.question
            && let Ok(answer) = timeout_at(until, question).await
        {
            self.ended(answer);
        }
        let none = || Answer::Silent(format!("not within {} ms", PATIENCE.as_millis()));
        self.last.clone().unwrap_or_else(none)
    }
}

/// The host agents of instances that run.
pub(super) fn running(known: &Instances) -> Vec<(Name, u32, InstanceFiles)> {
    let agents = known.iter().filter_map(|(name, known)| {
        Some((name.clone(), known.agent?, InstanceFiles::new(&known.instance.dir)))
    });
    agents.collect()
}
