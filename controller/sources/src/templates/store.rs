//! Texts by locator.

use std::fmt;
use std::path::Path;

use limekiln_api::template::{Fetch, FetchError, Fetched, Locator, image_template};

use super::file::{self, within_bound};
use super::github::Github;
use super::http::Http;
use super::outcome::{Once, Outcome};
use super::plugin::Plugins;
use super::search::SearchPath;
use super::{Listed, Place, TemplateSettings};

/// The most transformations of one locator.
const MAX_STEPS: usize = 32;

/// Fetches templates and scripts, each locator once until it is told to forget: make one per run.
///
/// ```
/// use limekiln_api::HostFacts;
/// use limekiln_api::template::{Fetch, Locator};
/// use limekiln_sources::templates::{TemplateSettings, TemplateStore};
///
/// let store = TemplateStore::new(TemplateSettings::new(&HostFacts::example()));
/// let debian = store.fetch(&Locator::Template("debian".into())).expect("built in");
/// assert_eq!(debian.place, "template:debian");
/// ```
pub struct TemplateStore {
    settings: TemplateSettings,
    search: SearchPath,
    plugins: Plugins,
    http: Http,
    outcomes: Once<Locator, Outcome>,
}

impl TemplateStore {
    /// A store that knows nothing yet.
    pub fn new(settings: TemplateSettings) -> Self {
        Self {
            search: SearchPath::new(&settings),
            plugins: Plugins::new(&settings),
            http: Http::new(settings.http_timeout),
            outcomes: Once::default(),
            settings,
        }
    }

    /// Where `template:NAME` is looked for, in this order.
    pub fn places(&self) -> &[Place] {
        self.search.places()
    }

    /// Every `template:NAME`, sorted by name. Those that begin with `_` are parts of others.
    pub fn list(&self) -> Vec<Listed> {
        self.search.list()
    }

    /// What a locator leads to when plugins and GitHub have been asked.
    ///
    /// # Errors
    /// If one of them fails, or they lead in a circle.
    pub fn settle(&self, locator: &Locator) -> Result<Locator, FetchError> {
        let mut steps = vec![locator.clone()];
        while let Some(last) = steps.last()
            && let Some(next) = self.transform(last)?
        {
            if next == *last {
                break;
            }
            if steps.contains(&next) || steps.len() > MAX_STEPS {
                steps.push(next);
                let chain: Vec<_> = steps.iter().map(ToString::to_string).collect();
                let error = FetchError::new(format!("{locator} leads in a circle"));
                return Err(error.hint(chain.join(" → ")));
            }
            steps.push(next);
        }
        Ok(steps.pop().unwrap_or_else(|| locator.clone()))
    }

    /// One step; `None` if nobody knows more about it.
    fn transform(&self, locator: &Locator) -> Result<Option<Locator>, FetchError> {
        let text = locator.to_string();
        let Some((scheme, rest)) = text.split_once(':') else { return Ok(None) };
        let scheme = scheme.to_ascii_lowercase();
        match locator {
            Locator::Template(_) | Locator::File(_) | Locator::Stdin => Ok(None),
            Locator::Github(github) => {
                let service = Github { http: &self.http, settings: &self.settings };
                service.resolve(github).map(Some)
            }
            Locator::Http(_) | Locator::FileUrl(_) | Locator::Plugin { .. } => {
                match self.plugins.find(&scheme) {
                    Some(plugin) => {
                        let answer = self.plugins.transform(&plugin, rest)?;
                        self.parse(&answer, &plugin).map(Some)
                    }
                    None => Ok(None),
                }
            }
        }
    }

    fn parse(&self, answer: &str, plugin: &Path) -> Result<Locator, FetchError> {
        Locator::parse(answer, &self.settings.home).map_err(|error| {
            FetchError::new(format!("{} printed no locator", plugin.display())).because(error)
        })
    }

    fn read(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let settled = self.settle(locator)?;
        if let Some(yaml) = self.image(&settled) {
            return Ok(Fetched { bytes: yaml.into_bytes(), place: settled.to_string() });
        }
        match &settled {
            Locator::Template(name) => self.search.read(name),
            Locator::File(path) | Locator::FileUrl(path) => file::read(path),
            Locator::Stdin => file::stdin(),
            Locator::Http(url) => self.get(url),
            Locator::Github(github) => Err(FetchError::new(format!("{github} leads nowhere"))),
            Locator::Plugin { scheme, .. } => Err(no_plugin(scheme, &settled)),
        }
    }

    /// An image's name stands for a template with this image.
    fn image(&self, locator: &Locator) -> Option<String> {
        let text = match locator {
            Locator::File(path) => std::path::absolute(path).ok()?.display().to_string(),
            other => other.to_string(),
        };
        image_template(&text, self.settings.arch)
    }

    fn get(&self, url: &str) -> Result<Fetched, FetchError> {
        let page = self.http.get(url, &[])?;
        match page.status {
            200 => within_bound(page.bytes.clone(), url.to_owned()),
            404 | 410 => Err(FetchError::new(format!("there is no {url}"))
                .hint(format!("the server answered {}: check the address", page.status))),
            401 | 403 => {
                let status = page.status;
                Err(FetchError::new(format!("cannot get {url}: the server answered {status}"))
                    .hint("put a copy beside the manifest, or where no login is needed"))
            }
            status => {
                Err(FetchError::new(format!("cannot get {url}: the server answered {status}"))
                    .hint("try again later"))
            }
        }
    }
}

fn no_plugin(scheme: &str, locator: &Locator) -> FetchError {
    FetchError::new(format!("nothing knows what {locator} leads to")).hint(format!(
        "put a program limactl-url-{scheme} on the PATH, or use template:, https:, github: or a path"
    ))
}

impl Fetch for TemplateStore {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        self.outcomes.get(locator, || self.read(locator).into()).into_result()
    }

    fn forget(&self) {
        self.outcomes.forget();
        self.http.forget();
    }
}

impl fmt::Debug for TemplateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateStore").field("settings", &self.settings).finish_non_exhaustive()
    }
}
