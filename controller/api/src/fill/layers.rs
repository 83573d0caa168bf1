//! The documents that make a configuration.

use crate::{HostFacts, Layer, Lima};

/// The documents that make a configuration.
#[derive(Clone, Copy)]
pub(super) struct Layers<'a> {
    /// The instance's own.
    pub(super) own: &'a Lima,
    /// `default.yaml`.
    pub(super) defaults: &'a Lima,
    /// `override.yaml`.
    pub(super) overrides: &'a Lima,
}

impl<'a> Layers<'a> {
    pub(super) fn new(own: &'a Lima, host: &'a HostFacts) -> Self {
        Self { own, defaults: &host.defaults, overrides: &host.overrides }
    }

    /// Whether there is nothing but the instance's own.
    pub(super) fn is_single(&self) -> bool {
        let empty = Lima::default();
        *self.defaults == empty && *self.overrides == empty
    }

    /// The document of a layer.
    pub(super) fn get(&self, layer: Layer) -> &'a Lima {
        match layer {
            Layer::Manifest => self.own,
            Layer::Defaults => self.defaults,
            Layer::Overrides => self.overrides,
        }
    }

    /// All, from the lowest precedence to the highest.
    pub(super) fn rising(&self) -> [(Layer, &'a Lima); 3] {
        [Layer::Defaults, Layer::Manifest, Layer::Overrides].map(|layer| (layer, self.get(layer)))
    }

    /// All, from the highest precedence to the lowest.
    pub(super) fn falling(&self) -> [(Layer, &'a Lima); 3] {
        [Layer::Overrides, Layer::Manifest, Layer::Defaults].map(|layer| (layer, self.get(layer)))
    }
}
