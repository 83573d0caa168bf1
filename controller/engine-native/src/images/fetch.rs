//! All that an instance is made from.

use std::path::{Path, PathBuf};

use limekiln_api::Lima;
use limekiln_api::lima::Image;
use limekiln_engine::{ActionContext, EngineError, ErrorClass};

use super::ImageError;
use super::digest::Digest;
use super::download;
use super::location::Location;

/// The files of one image, as they were downloaded: still packed.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where the disk image was found, as the template writes it.
    pub location: String,
    /// The disk image.
    pub disk: PathBuf,
    /// The kernel and its command line.
    pub kernel: Option<(PathBuf, String)>,
    /// The RAM disk.
    pub initrd: Option<PathBuf>,
}

/// Finds and fetches images.
#[derive(Clone, Debug)]
pub struct Images {
    cache_dir: PathBuf,
    home: PathBuf,
}

impl Images {
    /// Images cached below `cache_dir`; `~` in locations is `home`.
    pub fn new(cache_dir: &Path, home: &Path) -> Self {
        Self { cache_dir: cache_dir.to_owned(), home: home.to_owned() }
    }

    /// The first image of the template, in its order, that can be had and is what it should be.
    ///
    /// `ask_server` says whether bytes that are cached, and for which the template states no
    /// digest, are compared with the server's.
    ///
    /// # Errors
    /// If none can be had: the error of the only one, or one that lists all.
    pub async fn fetch(
        &self,
        filled: &Lima,
        ask_server: bool,
        context: &ActionContext,
    ) -> Result<Fetched, EngineError> {
        let mut errors: Vec<EngineError> = Vec::new();
        let mut images = filled.usable_images().peekable();
        while let Some(image) = images.next() {
            match self.fetch_one(image, ask_server, context).await {
                Ok(fetched) => return Ok(fetched),
                Err(ImageError::Cancelled) => return Err(EngineError::cancelled()),
                Err(error) => {
                    if images.peek().is_some() {
                        context.message(Kind::Image.goes_on(&error));
                    }
                    errors.push(error.into());
                }
            }
        }
        Err(none_left(Kind::Image, errors))
    }

    /// The first of the template's UEFI images for its machine that can be had and is what it
    /// should be, still packed, with its location; `None` if the template names none, or its machine
    /// starts without UEFI.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub async fn fetch_firmware(
        &self,
        filled: &Lima,
        ask_server: bool,
        context: &ActionContext,
    ) -> Result<Option<(String, PathBuf)>, EngineError> {
        let images = filled.usable_firmware();
        let files: Vec<_> =
            images.map(|image| (image.location.as_str(), image.digest.as_deref())).collect();
        self.first(Kind::Image, &files, ask_server, context).await
    }

    /// The first of the template's archives of containerd for its machine that can be had and is
    /// what it should be; `None` if it installs none.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub async fn fetch_archive(
        &self,
        filled: &Lima,
        ask_server: bool,
        context: &ActionContext,
    ) -> Result<Option<PathBuf>, EngineError> {
        let archives = filled.usable_archives();
        let files: Vec<_> = archives
            .map(|archive| (archive.location.as_str(), archive.digest.as_deref()))
            .collect();
        let found = self.first(Kind::Archive, &files, ask_server, context).await;
        let found = found.map_err(of_archive)?;
        Ok(found.map(|(_, path)| path))
    }

    /// The first of such locations and digests, with its location.
    async fn first(
        &self,
        kind: Kind,
        files: &[(&str, Option<&str>)],
        ask_server: bool,
        context: &ActionContext,
    ) -> Result<Option<(String, PathBuf)>, EngineError> {
        let mut errors: Vec<EngineError> = Vec::new();
        for (index, (location, digest)) in files.iter().enumerate() {
            match self.file(location, *digest, ask_server, context).await {
                Ok(path) => return Ok(Some(((*location).to_owned(), path))),
                Err(ImageError::Cancelled) => return Err(EngineError::cancelled()),
                Err(error) => {
                    if index + 1 < files.len() {
                        context.message(kind.goes_on(&error));
                    }
                    errors.push(kind.error(error));
                }
            }
        }
        if errors.is_empty() { Ok(None) } else { Err(none_left(kind, errors)) }
    }

    async fn fetch_one(
        &self,
        image: &Image,
        ask_server: bool,
        context: &ActionContext,
    ) -> Result<Fetched, ImageError> {
        let disk = self.file(&image.location, image.digest.as_deref(), ask_server, context).await?;
        let kernel = match &image.kernel {
            Some(kernel) => {
                let path = self
                    .file(&kernel.location, kernel.digest.as_deref(), ask_server, context)
                    .await?;
                Some((path, kernel.cmdline.clone().unwrap_or_default()))
            }
            None => None,
        };
        let initrd = match &image.initrd {
            Some(initrd) => Some(
                self.file(&initrd.location, initrd.digest.as_deref(), ask_server, context).await?,
            ),
            None => None,
        };
        Ok(Fetched { location: image.location.clone(), disk, kernel, initrd })
    }

    async fn file(
        &self,
        location: &str,
        digest: Option<&str>,
        ask_server: bool,
        context: &ActionContext,
    ) -> Result<PathBuf, ImageError> {
        let digest = digest.map(Digest::parse).transpose()?;
        match Location::parse(location, &self.home)? {
            Location::Url(url) => {
                download::cached(&self.cache_dir, &url, digest.as_ref(), ask_server, context).await
            }
            Location::File(path) => {
                std::fs::File::open(&path)
                    .map_err(|source| ImageError::Local { path: path.clone(), source })?;
                if let Some(digest) = &digest {
                    download::verify(path.clone(), digest, location, context).await?;
                }
                Ok(path)
            }
        }
    }
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Kind {
    Image,
    Archive,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Archive => "archive",
        }
    }

    fn goes_on(self, error: &ImageError) -> String {
        format!("{error}; goes on with the next {}", self.noun())
    }

    /// With what to do about it.
    fn error(self, error: ImageError) -> EngineError {
        let hint = match self {
            Self::Image => error.hint(),
            Self::Archive => error.hint_of_archive(),
        };
        EngineError { hint: hint.map(str::to_owned), ..error.into() }
    }
}

/// The same error, which says what it is that cannot be had.
fn of_archive(error: EngineError) -> EngineError {
    if error.class == ErrorClass::Cancelled {
        return error;
    }
    let message = format!("containerd cannot be had: {}", error.chain());
    EngineError { hint: error.hint, ..EngineError::new(error.class, message) }
}

/// One error for all: as bad as the one that is most likely to pass.
fn none_left(kind: Kind, mut errors: Vec<EngineError>) -> EngineError {
    match errors.len() {
        0 => EngineError::permanent("the template has no image for this architecture"),
        1 => errors.remove(0),
        _ => {
            let transient = errors.iter().find(|error| error.class == ErrorClass::Transient);
            let class = transient.unwrap_or(&errors[0]).class;
            let all: Vec<_> = errors.iter().map(EngineError::chain).collect();
            let error = EngineError::new(
                class,
                format!("none of these {} can be had: {}", all.len(), all.join("; ")),
            );
            let noun = kind.noun();
            match common_hint(&errors) {
                Some(hint) => error.hint(hint),
                None => error
                    .hint(format!("check the network, or put an {noun} at one of these places")),
            }
        }
    }
}

/// What is to be done about each of them: a disk that is full is so for every place.
fn common_hint(errors: &[EngineError]) -> Option<&str> {
    let hint = errors.first()?.hint.as_deref()?;
    errors.iter().all(|error| error.hint.as_deref() == Some(hint)).then_some(hint)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_full_disk_is_no_fault_of_the_places() {
        let full = || {
            let path = Path::new("/cache");
            Kind::Archive.error(ImageError::file("write", path)(io::ErrorKind::StorageFull.into()))
        };
        for errors in [vec![full()], vec![full(), full()]] {
            let error = of_archive(none_left(Kind::Archive, errors));
            assert_eq!(error.class, ErrorClass::NeedsHuman);
            assert_eq!(error.hint.as_deref(), Some("free some space, then apply again"));
        }
    }
}
