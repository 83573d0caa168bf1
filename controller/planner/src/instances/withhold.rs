//! Templates with some fields left as they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use limekiln_api::Lima;
use serde_json::Value;

/// `wanted` with these top-level fields as `now` has them. Nothing is copied if there are none:
/// that is so of nearly every instance.
pub(super) fn keep(wanted: &Arc<Lima>, now: &Lima, fields: &BTreeSet<String>) -> Arc<Lima> {
    if fields.is_empty() {
        return Arc::clone(wanted);
    }
    let (Ok(mut mixed), Ok(now)) = (serde_json::to_value(wanted), serde_json::to_value(now)) else {
        return Arc::clone(wanted);
    };
    if let Value::Object(mixed) = &mut mixed {
        for field in fields {
            match now.get(field) {
                Some(value) => mixed.insert(field.clone(), value.clone()),
                None => mixed.shift_remove(field),
            };
        }
    }
    serde_json::from_value(mixed).map_or_else(|_| Arc::clone(wanted), Arc::new)
}

#[cfg(test)]
mod tests {
    use limekiln_api::read_lima;

    use super::*;

    #[test]
    fn only_the_named_fields_stay() {
        let lima = |yaml: &str| read_lima(yaml).expect("yaml");
        let fields = BTreeSet::from(["arch".to_owned(), "user".to_owned()]);
        let wanted = Arc::new(lima("arch: aarch64\ncpus: 4\nuser: {name: b}"));
        let mixed = keep(&wanted, &lima("arch: x86_64\ncpus: 2"), &fields);
        assert_eq!(*mixed, lima("arch: x86_64\ncpus: 4"));
    }
}
