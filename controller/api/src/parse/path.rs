//! Paths of fields: `spec.template.images[0].location`.

use std::fmt;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A key of a mapping.
    Key(String),
    /// A position in a list, from 0.
    Index(usize),
}

/// Steps from the document's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldPath(pub(crate) Vec<Segment>);

impl FieldPath {
    /// Reads the dotted form. Keys with dots in them cannot be written this way.
    pub(crate) fn parse(text: &str) -> Self {
        let mut segments = Vec::new();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let (key, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
            if !key.is_empty() {
                segments.push(Segment::Key(key.to_owned()));
            }
            let numbers = indices.split(['[', ']']).filter_map(|number| number.parse().ok());
            segments.extend(numbers.map(Segment::Index));
        }
        Self(segments)
    }

    /// The path of the containing node, and the last step.
    pub(crate) fn split_last(&self) -> Option<(Self, &Segment)> {
        self.0.split_last().map(|(last, parents)| (Self(parents.to_vec()), last))
    }

    /// Whether it is the other path, or below it.
    pub(crate) fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// One step further.
    pub(crate) fn join(mut self, segment: Segment) -> Self {
        self.0.push(segment);
        self
    }
}

impl From<&serde_path_to_error::Path> for FieldPath {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment as From;
        Self(
            path.iter()
                .filter_map(|segment| match segment {
                    From::Seq { index } => Some(Segment::Index(*index)),
                    From::Map { key } => Some(Segment::Key(key.clone())),
                    From::Enum { .. } | From::Unknown => None,
                })
                .collect(),
        )
    }
}

impl From<&serde_ignored::Path<'_>> for FieldPath {
    fn from(path: &serde_ignored::Path<'_>) -> Self {
        use serde_ignored::Path;
        match path {
            Path::Root => Self::default(),
            Path::Seq { parent, index } => Self::from(*parent).join(Segment::Index(*index)),
            Path::Map { parent, key } => Self::from(*parent).join(Segment::Key(key.clone())),
            Path::Some { parent }
            | Path::NewtypeStruct { parent }
            | Path::NewtypeVariant { parent } => Self::from(*parent),
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if position == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
