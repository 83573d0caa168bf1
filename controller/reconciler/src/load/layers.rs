//! The places of what `default.yaml` and `override.yaml` say.

use std::fs;
use std::path::{Path, PathBuf};

use limekiln_api::{
    Diagnostic, FieldError, HostFacts, Layer, Located, Severity, parse_documents, unsupported,
};

/// Lima's `default.yaml` and `override.yaml`, where there are any.
pub(super) struct LayerFiles {
    home: PathBuf,
    defaults: Option<LayerFile>,
    overrides: Option<LayerFile>,
}

struct LayerFile {
    located: Option<Located>,
    /// Keys that nobody knows. Lima ignores them, so they are no errors; and which values such a
    /// file has is known without places.
    unknown: Vec<Diagnostic>,
}

impl LayerFiles {
    /// Reads the files of the layers.
    pub(super) fn read(facts: &HostFacts) -> Self {
        let file = |layer: Layer| LayerFile::read(&facts.lima_home.join(layer.file()?));
        Self {
            home: facts.lima_home.clone(),
            defaults: file(Layer::Defaults),
            overrides: file(Layer::Overrides),
        }
    }

    fn get(&self, layer: Layer) -> Option<&LayerFile> {
        match layer {
            Layer::Manifest => None,
            Layer::Defaults => self.defaults.as_ref(),
            Layer::Overrides => self.overrides.as_ref(),
        }
    }

    /// Warnings about keys that have no effect.
    pub(super) fn unknown_keys(&self) -> Vec<Diagnostic> {
        let files = [&self.defaults, &self.overrides].into_iter().flatten();
        files.flat_map(|file| file.unknown.iter().cloned()).collect()
    }

    /// Warnings about fields that the engine ignores: a layer is written for all engines, so they
    /// are no errors as they are in a manifest.
    pub(super) fn ignored(&self, facts: &HostFacts, table: &[(&str, &str)]) -> Vec<Diagnostic> {
        let layers = [(Layer::Defaults, &facts.defaults), (Layer::Overrides, &facts.overrides)];
        let fields = layers.into_iter().flat_map(|(layer, lima)| {
            unsupported(lima, table).into_iter().map(move |error| {
                let path = error.path.trim_start_matches("spec.template.").to_owned();
                FieldError { layer, path, ..error }.warning().hint("this engine ignores it")
            })
        });
        fields.filter_map(|error| self.diagnose_layer(&error)).collect()
    }

    /// The error where its field was written: in the manifest, or in one of the files.
    pub(super) fn diagnose(&self, error: &FieldError, manifest: &Located) -> Diagnostic {
        self.diagnose_layer(error).unwrap_or_else(|| manifest.diagnose(error))
    }

    fn diagnose_layer(&self, error: &FieldError) -> Option<Diagnostic> {
        let name = error.layer.file()?;
        let located = self.get(error.layer).and_then(|file| file.located.as_ref());
        Some(match located {
            Some(located) => located.diagnose(error),
            None => Diagnostic {
                severity: error.severity,
                path: error.path.clone(),
                hint: error.hint.clone(),
                ..Diagnostic::about_file(self.home.join(name), error.message.as_str())
            },
        })
    }
}

impl LayerFile {
    /// It was read before, so what cannot be read now is left out.
    fn read(path: &Path) -> Option<Self> {
        let mut parsed = parse_documents(&fs::read(path).ok()?, path);
        for diagnostic in &mut parsed.diagnostics {
            diagnostic.severity = Severity::Warning;
        }
        // An unknown key keeps it from being a manifest, and from nothing else.
        let located = parsed.objects.drain(..).chain(parsed.partial.drain(..)).next();
        Some(Self { located, unknown: parsed.diagnostics })
    }
}
