//! The HTTP client.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

/// Browsers allow 20; mirrors of distributions use up to 3.
const MAX_REDIRECTS: usize = 10;
const CONNECT: Duration = Duration::from_secs(10);
/// Without a byte for so long, the connection counts as broken.
const SILENCE: Duration = Duration::from_secs(60);

/// The client, made when it is first needed: reading the system's certificates takes a while.
///
/// # Errors
/// If TLS cannot be set up.
pub(super) fn client() -> Result<&'static Client, reqwest::Error> {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client);
    }
    // Fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .user_agent(concat!("limekiln/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::limited(MAX_REDIRECTS))
        .connect_timeout(CONNECT)
        .read_timeout(SILENCE)
        .build()?;
    Ok(CLIENT.get_or_init(|| client))
}
