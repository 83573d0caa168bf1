//! Where the values of a filled template were written.

use std::collections::BTreeMap;

use serde_json::Value;

use super::layers::Layers;
use crate::Layer;

/// Where one item of a merged list was written: one place, or several that were merged, the
/// first of which made the item and the later ones changed it.
pub(super) type Item = Vec<(Layer, usize)>;

/// Where the items of lists were written whose positions differ from those in the manifest.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    lists: BTreeMap<&'static str, Vec<Item>>,
}

impl Origins {
    /// Notes where the items of a list were written.
    pub(super) fn set(&mut self, list: &'static str, items: Vec<Item>) {
        self.lists.insert(list, items);
    }

    /// Keeps only some items of a list that has `count` items now.
    pub(super) fn keep(&mut self, list: &'static str, count: usize, keep: impl Fn(usize) -> bool) {
        let own = || (0..count).map(|index| vec![(Layer::Manifest, index)]).collect();
        let items = self.lists.entry(list).or_insert_with(own);
        let mut index = 0;
        items.retain(|_| {
            index += 1;
            keep(index - 1)
        });
    }

    /// The layer and the path there of a path in the filled template.
    pub(super) fn place(&self, path: &str, layers: &Layers<'_>) -> (Layer, String) {
        if let Some((list, index, rest)) = self.split(path)
            && let Some(item) = self.lists.get(list).and_then(|items| items.get(index))
        {
            let at = |(layer, index): &(Layer, usize)| (*layer, format!("{list}[{index}]{rest}"));
            let places: Vec<_> = item.iter().map(at).collect();
            let setter = places.iter().rev().find(|(layer, path)| is_set(layers, *layer, path));
            return setter.or(places.first()).cloned().unwrap_or((Layer::Manifest, path.into()));
        }
        if layers.is_single() {
            return (Layer::Manifest, path.to_owned());
        }
        let setter = layers.falling().into_iter().find(|(layer, _)| is_set(layers, *layer, path));
        (setter.map_or(Layer::Manifest, |(layer, _)| layer), path.to_owned())
    }

    /// The list, the position in it, and the rest of a path, if the list is one of ours.
    fn split<'a>(&self, path: &'a str) -> Option<(&'a str, usize, &'a str)> {
        let (list, after) = path.split_once('[')?;
        let (index, rest) = after.split_once(']')?;
        self.lists.contains_key(list).then_some(())?;
        Some((list, index.parse().ok()?, rest))
    }
}

/// Whether the layer has a value at the path, other than null.
fn is_set(layers: &Layers<'_>, layer: Layer, path: &str) -> bool {
    let Ok(value) = serde_json::to_value(layers.get(layer)) else { return false };
    let mut node = &value;
    for part in path.split('.') {
        let (key, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        node = node.get(key).unwrap_or(&Value::Null);
        for index in indices.split(['[', ']']).filter_map(|index| index.parse::<usize>().ok()) {
            node = node.get(index).unwrap_or(&Value::Null);
        }
    }
    !node.is_null()
}
