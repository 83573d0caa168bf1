//! Keeps a connection to the guest agent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::transport::{self, Ends, Transport};
use super::{CallError, GuestClient, Reported, clock};
use crate::api::Shared;
use crate::chain;
use crate::files::InstanceFiles;
use crate::forwards::GuestListener;
use crate::ssh::Session;

/// After a broken connection, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Between tries of the port, which does not refuse a guest that is not up, but gives it up.
const PORT: Duration = Duration::from_millis(500);
/// The port gets so much of a lead before SSH is tried, too: an agent of ours answers there first.
const LEAD: Duration = Duration::from_secs(2);
/// An agent answers its first call over SSH in a moment, or there is none.
const FIRST_CALL: Duration = Duration::from_secs(5);
/// A guest that reports changes without end is listened to no quicker.
const PACE: Duration = Duration::from_millis(5);

/// What is known of the guest agent; everything is watched, nothing is asked.
#[derive(Debug)]
pub(crate) struct Link {
    /// The way in, while there is one.
    client: watch::Sender<Option<GuestClient>>,
    /// What listens; what was known last while there is no connection.
    listeners: watch::Sender<Arc<BTreeSet<GuestListener>>>,
}

impl Link {
    pub(crate) fn new() -> Self {
        Self { client: watch::Sender::new(None), listeners: watch::Sender::new(Arc::default()) }
    }

    /// The way in, as it comes and goes.
    pub(crate) fn client(&self) -> watch::Receiver<Option<GuestClient>> {
        self.client.subscribe()
    }

    /// What listens in the guest.
    pub(crate) fn listeners(&self) -> watch::Receiver<Arc<BTreeSet<GuestListener>>> {
        self.listeners.subscribe()
    }

    /// Connects again and again, until this is dropped.
    pub(crate) async fn keep(&self, files: &InstanceFiles, session: &Session, shared: &Shared) {
        let ends = Ends { port: files.guest_port(), socket: files.guest_agent() };
        let mut pause = AGAIN.0;
        loop {
            let connected = connect(&ends, session).await;
            tracing::info!("the guest agent answers over {}", connected.transport);
            shared.update(|status| status.guest_agent = Some(connected.transport));
            let _gone = Gone { link: self, shared };
            let since = tokio::time::Instant::now();
            let why = self.follow(&connected).await;
            tracing::warn!("the guest agent is gone: {why}");
            // One that lived is tried again at once.
            pause = if since.elapsed() > AGAIN.1 { AGAIN.0 } else { (pause * 2).min(AGAIN.1) };
            drop(_gone);
            drop(connected);
            sleep(pause).await;
        }
    }

    /// Takes in what the agent reports, until it is gone; returns why.
    async fn follow(&self, connected: &Connected) -> String {
        self.client.send_replace(Some(connected.client.clone()));
        let mut reported = connected.reported.clone();
        self.publish(&reported);
        let follow = async {
            let mut events = connected.client.events().await?;
            while let Some(event) = events.message().await? {
                reported.apply(&event);
                self.publish(&reported);
                for error in event.errors.iter().take(4) {
                    let said: String = error.chars().take(200).collect();
                    tracing::debug!("the guest agent says {said:?}");
                }
                sleep(PACE).await;
            }
            Ok::<_, CallError>(())
        };
        tokio::select! {
            ended = follow => ended.map_or_else(|error| chain(&error), |()| "it ended".to_owned()),
            why = clock::keep(&connected.client) => why,
        }
    }

    fn publish(&self, reported: &Reported) {
        self.listeners.send_if_modified(|known| {
            let changed = **known != *reported.listeners();
            if changed {
                *known = Arc::new(reported.listeners().clone());
            }
            changed
        });
    }
}

/// Says that there is no connection any more, however the end came.
struct Gone<'a> {
    link: &'a Link,
    shared: &'a Shared,
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.link.client.send_replace(None);
        self.shared.update(|status| status.guest_agent = None);
    }
}

/// A connection that works.
struct Connected {
    transport: Transport,
    client: GuestClient,
    reported: Reported,
    _moving: AbortOnDropHandle<()>,
}

/// The first connection that an agent answers on. The port needs nothing but patience: what is said
/// there waits until the guest listens. So it stays open while SSH is tried.
async fn connect(ends: &Ends, session: &Session) -> Connected {
    let by_port = async {
        loop {
            if let Ok(connected) = over_port(ends).await {
                return connected;
            }
            sleep(PORT).await;
        }
    };
    let by_ssh = async {
        transport::master(session).await;
        sleep(LEAD).await;
        let mut pause = AGAIN.0;
        loop {
            match timeout(FIRST_CALL * 3, over_ssh(ends, session)).await {
                Ok(Ok(connected)) => return connected,
                Ok(Err(why)) => tracing::debug!("no guest agent over SSH: {why}"),
                Err(_) => tracing::debug!("no guest agent over SSH in time"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(AGAIN.1);
        }
    };
    tokio::select! {
        connected = by_port => connected,
        connected = by_ssh => connected,
    }
}

async fn over_port(ends: &Ends) -> Result<Connected, String> {
    let stream = transport::open_port(&ends.port).await.map_err(|error| error.to_string())?;
    begin(Transport::VirtioSerial, stream).await.map_err(|error| chain(&error))
}

async fn over_ssh(ends: &Ends, session: &Session) -> Result<Connected, String> {
    let opened = transport::open_ssh(session, &ends.socket).await;
    let stream = opened.map_err(|error| error.to_string())?;
    let begun = timeout(FIRST_CALL, begin(Transport::Ssh, stream)).await;
    begun.map_err(|_| "no answer".to_owned())?.map_err(|error| chain(&error))
}

async fn begin(
    transport: Transport,
    stream: tokio::net::UnixStream,
) -> Result<Connected, CallError> {
    let (client, connection) = GuestClient::over(stream).await?;
    // Stopped also if the first call is given up.
    let moving = AbortOnDropHandle::new(tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("the connection to the guest agent: {}", chain(&error));
        }
    }));
    let reported = Reported::all(&client.info().await?);
    Ok(Connected { transport, client, reported, _moving: moving })
}

/// Takes away what SSH forwards for the agent.
pub(crate) async fn close(files: &InstanceFiles, session: &Session) {
    if files.guest_agent().exists() {
        transport::close_ssh(session, &files.guest_agent()).await;
    }
}
