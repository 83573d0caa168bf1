//! Texts on servers.

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use limekiln_api::template::FetchError;
use reqwest::blocking::{Client, ClientBuilder, Response};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;

use super::file::bounded;
use super::outcome::Once;

const MAX_REDIRECTS: usize = 10;
const CONNECT: Duration = Duration::from_secs(10);

/// A server's answer.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    /// At most one byte more than a template may have.
    pub(super) bytes: Vec<u8>,
}

/// Gets pages, each once.
#[derive(Debug)]
pub(super) struct Http {
    timeout: Duration,
    client: OnceLock<Client>,
    pages: Once<String, Result<Arc<Page>, String>>,
}

impl Http {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, client: OnceLock::new(), pages: Once::default() }
    }

    /// All are got anew.
    pub(super) fn forget(&self) {
        self.pages.forget();
    }

    /// The page, whatever its status; proxies are as the environment says.
    ///
    /// # Errors
    /// If there is no answer.
    pub(super) fn get(
        &self,
        url: &str,
        headers: &[(HeaderName, String)],
    ) -> Result<Arc<Page>, FetchError> {
        let page = self.pages.get(&url.to_owned(), || {
            self.ask(url, headers).map(Arc::new).map_err(|error| chain(&error))
        });
        page.map_err(|why| {
            let error = FetchError::new(format!("cannot get {url}: {why}"));
            error.hint("check the address, the network and `https_proxy`, then try again")
        })
    }

    /// On a thread of its own: the blocking client refuses to be used where an asynchronous
    /// runtime is at work, and callers should not need to know.
    fn ask(&self, url: &str, headers: &[(HeaderName, String)]) -> Result<Page, Error> {
        std::thread::scope(|scope| {
            let asked = scope.spawn(|| self.send(url, headers));
            asked.join().unwrap_or_else(|_| Err("the HTTP client failed".into()))
        })
    }

    fn send(&self, url: &str, headers: &[(HeaderName, String)]) -> Result<Page, Error> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name, HeaderValue::from_str(value)?);
        }
        let response = self.client()?.get(url).headers(map).send()?;
        let status = response.status().as_u16();
        Ok(Page { status, bytes: bounded(response)? })
    }

    fn client(&self) -> Result<&Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = builder().timeout(self.timeout).build()?;
        Ok(self.client.get_or_init(|| client))
    }
}

fn builder() -> ClientBuilder {
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("limekiln/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::limited(MAX_REDIRECTS))
        .connect_timeout(CONNECT)
}

/// The bytes at a URL, however many; not to be used where an asynchronous runtime is at work.
pub(crate) fn open_url(url: &str) -> io::Result<impl Read> {
    let client = builder().timeout(None).build().map_err(io::Error::other)?;
    client.get(url).send().and_then(Response::error_for_status).map_err(io::Error::other)
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The causes on one line; the first one names the URL again and is left out where it has one.
fn chain(error: &Error) -> String {
    let mut causes = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error.as_ref());
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    if causes.len() > 1 && error.downcast_ref::<reqwest::Error>().is_some() {
        causes.remove(0);
    }
    causes.dedup();
    causes.join(": ")
}
