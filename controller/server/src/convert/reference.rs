//! Names of objects.

use limekiln_model::{Kind, Name, ObjectId};
use limekiln_proto::v1alpha1 as wire;
use tonic::Status;

/// The name of an object.
pub fn object_ref(id: &ObjectId) -> wire::ObjectRef {
    let kind = match id.kind {
        Kind::Instance => wire::Kind::Instance,
        Kind::Disk => wire::Kind::Disk,
        Kind::Network => wire::Kind::Network,
    };
    wire::ObjectRef { kind: kind.into(), name: id.name.to_string() }
}

/// The object that is meant.
///
/// # Errors
/// `INVALID_ARGUMENT` for what is no kind or no name.
pub fn object_id(reference: Option<&wire::ObjectRef>) -> Result<ObjectId, Status> {
    let bad = |why: String| Status::invalid_argument(why);
    let reference = reference.ok_or_else(|| bad("an object must be named".to_owned()))?;
    let kind = kind(reference.kind)?;
    let name = Name::new(reference.name.as_str()).map_err(|error| bad(error.to_string()))?;
    Ok(ObjectId { kind, name })
}

/// The objects that are meant.
///
/// # Errors
/// As [`object_id`].
pub fn object_ids(references: &[wire::ObjectRef]) -> Result<Vec<ObjectId>, Status> {
    references.iter().map(|reference| object_id(Some(reference))).collect()
}

fn kind(number: i32) -> Result<Kind, Status> {
    match wire::Kind::try_from(number) {
        Ok(wire::Kind::Instance) => Ok(Kind::Instance),
        Ok(wire::Kind::Disk) => Ok(Kind::Disk),
        Ok(wire::Kind::Network) => Ok(Kind::Network),
        Ok(wire::Kind::Unspecified) => Err(Status::invalid_argument("a kind must be named")),
        Err(_) => Err(Status::invalid_argument(format!("there is no kind {number}"))),
    }
}

/// Which objects are meant.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    kinds: Vec<Kind>,
    objects: Vec<ObjectId>,
}

impl Filter {
    /// From the wire.
    ///
    /// # Errors
    /// As [`object_id`].
    pub fn new(filter: Option<&wire::ObjectFilter>) -> Result<Self, Status> {
        let Some(filter) = filter else { return Ok(Self::default()) };
        let kinds = filter.kinds.iter().map(|number| kind(*number)).collect::<Result<_, _>>()?;
        Ok(Self { kinds, objects: object_ids(&filter.objects)? })
    }

    /// This object alone.
    pub fn one(id: ObjectId) -> Self {
        Self { kinds: Vec::new(), objects: vec![id] }
    }

    /// For the wire: all of these kinds, and these objects.
    pub fn to_wire(kinds: &[Kind], objects: &[ObjectId]) -> wire::ObjectFilter {
        let number = |kind: &Kind| match kind {
            Kind::Instance => wire::Kind::Instance.into(),
            Kind::Disk => wire::Kind::Disk.into(),
            Kind::Network => wire::Kind::Network.into(),
        };
        wire::ObjectFilter {
            kinds: kinds.iter().map(number).collect(),
            objects: objects.iter().map(object_ref).collect(),
        }
    }

    /// Whether the object is meant.
    pub fn includes(&self, id: &ObjectId) -> bool {
        let all = self.kinds.is_empty() && self.objects.is_empty();
        all || self.kinds.contains(&id.kind) || self.objects.contains(id)
    }
}
