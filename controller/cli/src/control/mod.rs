//! Asking the controller of the home, and doing without one.
//!
//! A [`Desk`] answers in both cases, the controller's or one in this process, with the same types:
//! what is printed from them is the same. A controller that does not say within a second that
//! it is there is done without, where that is possible, and said so once.

mod events;
mod objects;
mod order;
mod requests;

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::Duration;

use limekiln_proto::v1alpha1 as wire;
use limekiln_proto::v1alpha1::control_client::ControlClient;
use limekiln_server::{Desk, socket_path};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::output::style::{CHANGE, Styled};

pub use events::Followed;
pub use objects::{Change, Objects};

/// Who does not say within this time that he is there is done without.
const GREETING: Duration = Duration::from_secs(1);
/// Who is there may take so long: a home can be large, and its host busy.
const ANSWER: Duration = Duration::from_secs(10);
/// The largest message that is taken: a revision with its files.
const LARGEST: usize = 64 << 20;

type Client = ControlClient<Channel>;

/// The controller, if one answers, and what can be done without.
pub struct Control<'a> {
    app: &'a App,
    desk: Desk,
    client: RefCell<Option<Client>>,
    /// It listens, and did not say that it is there.
    hangs: bool,
    warned: Cell<bool>,
}

impl<'a> Control<'a> {
    /// Looks whether a controller listens.
    pub fn open(app: &'a App) -> Self {
        let control = app.block_on(Self::reach(app));
        if control.hangs {
            control.warn("does not answer");
        }
        control
    }

    /// The same from asynchronous work, without a word.
    pub async fn reach(app: &'a App) -> Self {
        let socket = socket_path(app.reconciler.home());
        // A socket that a killed controller left is refused at once, and means none.
        let greeted = match socket.exists() {
            true => timeout(GREETING, greet(&socket)).await,
            false => Ok(None),
        };
        Self {
            app,
            desk: Desk::alone(app.reconciler.clone()),
            hangs: greeted.is_err(),
            client: RefCell::new(greeted.unwrap_or_default()),
            warned: Cell::new(false),
        }
    }

    /// Asks the controller; `None` if there is none, or none that answers in time.
    ///
    /// # Errors
    /// What the controller says to the question.
    fn ask<T>(
        &self,
        question: impl AsyncFnOnce(Client) -> Result<T, Status>,
    ) -> anyhow::Result<Option<T>> {
        let Some(client) = self.client.borrow().clone() else { return Ok(None) };
        let answer = self.app.block_on(within(question(client)));
        match answer.unwrap_or_else(|Late| Err(Status::deadline_exceeded("it does not answer"))) {
            Ok(answer) => Ok(Some(answer)),
            Err(status) if is_absent(&status) => {
                self.do_without(&status);
                Ok(None)
            }
            Err(status) => Err(failure(&status)),
        }
    }

    /// From now on as if there were no controller.
    fn do_without(&self, status: &Status) {
        self.client.replace(None);
        // One that has just ended is none, and no news.
        match status.code() {
            Code::Unavailable => {}
            Code::DeadlineExceeded => self.warn("does not answer"),
            _ => self.warn("is of another version"),
        }
    }

    fn warn(&self, why: &str) {
        if !self.warned.replace(true) {
            let warning = Styled(CHANGE, "warning:");
            errln!("{warning} the controller of this home {why}; what follows is from its files");
        }
    }
}

/// The controller that listens there and says that it is there; `None` if nobody listens.
async fn greet(socket: &Path) -> Option<Client> {
    let channel = limekiln_proto::connect(socket).await.ok()?;
    let mut client = Client::new(channel).max_decoding_message_size(LARGEST);
    client.get_controller(wire::GetControllerRequest {}).await.ok()?;
    Some(client)
}

/// It did not answer in time.
struct Late;

async fn within<T>(work: impl Future<Output = T>) -> Result<T, Late> {
    timeout(ANSWER, work).await.map_err(|_| Late)
}

/// Whether nobody is there who could answer, or nobody who understands.
fn is_absent(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::DeadlineExceeded | Code::Unimplemented | Code::Unknown
    )
}

/// What the controller says, as an error of the program.
fn failure(status: &Status) -> anyhow::Error {
    let exit = match status.code() {
        Code::InvalidArgument => Exit::BadInput,
        _ => Exit::Failed,
    };
    let failure = Failure::new(exit, status.message());
    let hint = status.metadata().get_bin("hint-bin").and_then(|hint| hint.to_bytes().ok());
    match hint.and_then(|hint| String::from_utf8(hint.to_vec()).ok()) {
        Some(hint) => failure.hint(hint).into(),
        None => failure.into(),
    }
}
