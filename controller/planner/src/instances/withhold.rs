//! Templates with some fields left as they are.

use std::collections::BTreeSet;

use limekiln_api::Lima;
use serde_json::Value;

/// `wanted` with these top-level fields as `now` has them. Unchanged if there are none.
pub(super) fn keep(wanted: &Lima, now: &Lima, fields: &BTreeSet<String>) -> Lima {
    if fields.is_empty() {
        return wanted.clone();
    }
    let (Ok(mut mixed), Ok(now)) = (serde_json::to_value(wanted), serde_json::to_value(now)) else {
        return wanted.clone();
    };
    if let Value::Object(mixed) = &mut mixed {
        for field in fields {
            match now.get(field) {
                Some(value) => mixed.insert(field.clone(), value.clone()),
                None => mixed.shift_remove(field),
            };
        }
    }
    serde_json::from_value(mixed).unwrap_or_else(|_| wanted.clone())
}

#[cfg(test)]
mod tests {
    use limekiln_api::read_lima;

    use super::*;

    #[test]
    fn only_the_named_fields_stay() {
        let lima = |yaml: &str| read_lima(yaml).expect("yaml");
        let fields = BTreeSet::from(["arch".to_owned(), "user".to_owned()]);
        let mixed = keep(
            &lima("arch: aarch64\ncpus: 4\nuser: {name: b}"),
            &lima("arch: x86_64\ncpus: 2"),
            &fields,
        );
        assert_eq!(mixed, lima("arch: x86_64\ncpus: 4"));
    }
}
