//! Everything that a template builds on, put into it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Locator;
use super::combine::{combine, has_wildcards};
use super::fetch::{Fetch, MAX_TEMPLATE};
use super::merge::merge;
use super::pinned::{Written, bases};
use super::scripts;
use crate::parse::{Diagnostic, Node, Position, Sources, Tree, decode, read_node};

/// The deepest chain of templates that build on each other.
const MAX_DEPTH: usize = 32;

/// How templates are composed.
#[derive(Clone)]
pub struct Embedding<'a> {
    /// Hands over the texts.
    pub fetch: &'a dyn Fetch,
    /// The host user's home, for `~`.
    pub home: &'a Path,
    /// What every template builds on first: `_config/base.yaml`, where it exists.
    pub default_base: Option<PathBuf>,
}

/// What became of a template.
#[derive(Default)]
pub(crate) struct Composed {
    /// The template with all that it builds on, as far as that could be had; `None` if that is
    /// nothing.
    pub(crate) whole: Option<Node>,
    /// What is wrong with what it builds on.
    pub(crate) problems: Vec<Diagnostic>,
}

impl Embedding<'_> {
    /// Puts what a template builds on into it.
    pub(crate) fn embed(
        &self,
        template: &Node,
        locator: &Locator,
        sources: &mut Sources,
    ) -> Composed {
        if self.default_base.is_none() && stands_alone(template) {
            return Composed::default();
        }
        let mut composer = Composer {
            embedding: self,
            sources,
            chain: vec![locator.clone()],
            seen: BTreeMap::new(),
            bytes: 0,
            problems: Vec::new(),
        };
        let mut whole = template.clone();
        let mut changed = self.default_base.as_ref().is_some_and(|path| {
            composer.add(&mut whole, template.at, &Locator::File(path.clone()), None);
            true
        });
        changed |= composer.compose(&mut whole, locator);
        if changed || has_wildcards(&whole) {
            changed |= combine(&mut whole);
        }
        Composed { whole: changed.then_some(whole), problems: composer.problems }
    }
}

/// Whether there is nothing to put in and nothing to combine: most templates are left as they are.
fn stands_alone(template: &Node) -> bool {
    template.get("base").is_none() && !scripts::has_files(template) && !has_wildcards(template)
}

/// One composition, from its top template down.
pub(super) struct Composer<'a> {
    embedding: &'a Embedding<'a>,
    sources: &'a mut Sources,
    /// From the top template to the one that is being put in.
    chain: Vec<Locator>,
    /// Every template that was put in, and the one that asked for it.
    seen: BTreeMap<Locator, Locator>,
    /// All that was fetched.
    bytes: usize,
    problems: Vec<Diagnostic>,
}

/// A text that was fetched.
pub(super) struct Text {
    pub(super) text: Arc<str>,
    /// Its number among the sources.
    pub(super) source: u16,
}

impl Composer<'_> {
    /// Puts into the template its bases, depth first, and then its scripts. Tells whether there
    /// were any.
    fn compose(&mut self, template: &mut Node, locator: &Locator) -> bool {
        let had_base = template.get("base").is_some();
        let bases = template.take("base").map(|base| bases(&base)).unwrap_or_default();
        for base in bases {
            match locator.resolve(&base.url, self.embedding.home) {
                Ok(at) => self.add(template, base.at, &at, base.digest.as_deref()),
                Err(error) => self.refuse(base.at, "base", error.to_string(), None),
            }
        }
        let had_scripts = scripts::embed(self, template, locator);
        had_base || had_scripts
    }

    /// Puts one base into the template.
    fn add(&mut self, template: &mut Node, at: Position, base: &Locator, digest: Option<&str>) {
        let by = self.chain.last().cloned().unwrap_or(Locator::Stdin);
        if let Some(why) = self.repeated(base) {
            return self.refuse(at, "base", why, Some("remove one of them".to_owned()));
        }
        if self.chain.len() > MAX_DEPTH {
            let why = format!("more than {MAX_DEPTH} templates build on each other");
            return self.refuse(at, "base", why, None);
        }
        self.seen.insert(base.clone(), by);
        let Some(text) = self.fetch(at, "base", base, digest) else { return };
        let Some(mut node) = self.read(&text) else { return };
        self.chain.push(base.clone());
        self.compose(&mut node, base);
        self.chain.pop();
        merge(template, node);
    }

    /// Why a template cannot be put in once more, if it was before. Twice would double its lists.
    fn repeated(&self, base: &Locator) -> Option<String> {
        if let Some(start) = self.chain.iter().position(|known| known == base) {
            let round = self.chain[start..].iter().chain([base]).map(ToString::to_string);
            return Some(format!(
                "the template builds on itself: {}",
                round.collect::<Vec<_>>().join(" → ")
            ));
        }
        let by = self.seen.get(base)?;
        Some(format!("{base} is built on twice: {by} does so, too"))
    }

    fn read(&mut self, text: &Text) -> Option<Node> {
        match read_node(&text.text, text.source) {
            Ok(node) if matches!(node.value, Tree::Map(_)) => Some(node),
            // A file of comments sets nothing.
            Ok(node) if node.is_null() => Some(Node { value: Tree::Map(Vec::new()), ..node }),
            Ok(node) => {
                let message = "not a template: the document is no mapping".to_owned();
                self.refuse(node.at, "", message, None);
                None
            }
            Err((at, message)) => {
                self.refuse(at, "", message, None);
                None
            }
        }
    }

    /// The text at a locator that is written at `at`; what keeps it from being used is noted.
    pub(super) fn fetch(
        &mut self,
        at: Position,
        field: &str,
        locator: &Locator,
        digest: Option<&str>,
    ) -> Option<Text> {
        match self.try_fetch(locator, digest) {
            Ok(text) => Some(text),
            Err((message, hint)) => {
                self.refuse(at, field, message, hint);
                None
            }
        }
    }

    fn try_fetch(
        &mut self,
        locator: &Locator,
        digest: Option<&str>,
    ) -> Result<Text, (String, Option<String>)> {
        let plain = |message: String| (message, None);
        let digest = digest.map(form_of_digest).transpose()?;
        let by = self.chain.last().unwrap_or(&Locator::Stdin);
        let fetched = self.embedding.fetch.fetch_for(by, locator);
        let fetched = fetched.map_err(|error| (error.chain(), error.hint))?;
        self.bytes += fetched.bytes.len();
        if self.bytes > MAX_TEMPLATE {
            return Err(plain(format!(
                "with {locator} the template would have more than {} MiB",
                MAX_TEMPLATE >> 20
            )));
        }
        check_digest(locator, &fetched.bytes, digest).map_err(plain)?;
        let text = decode(&fetched.bytes)
            .map_err(|(at, why)| plain(format!("{}:{}: {why}", fetched.place, at.line)))?;
        let text: Arc<str> = text.into();
        let source = self.sources.add(fetched.place, Arc::clone(&text));
        let source = source.ok_or_else(|| plain("too many templates".to_owned()))?;
        Ok(Text { text, source })
    }

    /// Reads a locator that stands in the template at `holder`; what is wrong with it is noted.
    pub(super) fn resolve(
        &mut self,
        holder: &Locator,
        written: &Written,
        field: &str,
    ) -> Option<Locator> {
        match holder.resolve(&written.url, self.embedding.home) {
            Ok(locator) => Some(locator),
            Err(error) => {
                self.refuse(written.at, field, error.to_string(), None);
                None
            }
        }
    }

    /// Notes what is wrong at a place.
    pub(super) fn refuse(
        &mut self,
        at: Position,
        field: &str,
        message: String,
        hint: Option<String>,
    ) {
        let place = self.sources.diagnostic(at, field.to_owned(), message);
        self.problems.push(Diagnostic { hint, ..place });
    }
}

/// The hexadecimal digits of a digest, in lower case.
fn form_of_digest(digest: &str) -> Result<String, (String, Option<String>)> {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(hex.to_ascii_lowercase());
    }
    let message = format!("the digest {digest:?} is not sha256: and 64 hexadecimal digits");
    Err((message, Some("write `sha256:` and what `sha256sum` prints".to_owned())))
}

/// Whether the bytes are those that were meant.
fn check_digest(locator: &Locator, bytes: &[u8], hex: Option<String>) -> Result<(), String> {
    let Some(hex) = hex else { return Ok(()) };
    let found: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found == hex {
        Ok(())
    } else {
        Err(format!("{locator} has the digest sha256:{found}, not sha256:{hex}"))
    }
}
