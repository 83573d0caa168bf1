//! Why an object is not where it should be, and what is done about it.

use std::time::Duration;

use limekiln_proto::v1alpha1 as wire;
use limekiln_server::convert::to_duration;

use super::time::elapsed;

/// What the controller knows of it, a reason per line; nothing if all is well.
pub fn lines(object: &wire::Object) -> Vec<String> {
    let Some(known) = &object.reconciliation else { return Vec::new() };
    let mut lines: Vec<_> = known.waits.iter().map(reason).collect();
    lines.extend(tries(known));
    lines
}

fn reason(wait: &wire::Wait) -> String {
    match wait.hint.as_str() {
        "" => wait.message.clone(),
        hint => format!("{} → {hint}", wait.message),
    }
}

fn tries(known: &wire::Reconciliation) -> Option<String> {
    let times = match known.tries {
        0 => return None,
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let next = match (known.busy, &known.next_try) {
        (true, _) => "; tried again now".to_owned(),
        (false, Some(left)) if to_duration(left) > Duration::ZERO => {
            format!("; again in {}", elapsed(to_duration(left)))
        }
        (false, Some(_)) => "; again soon".to_owned(),
        (false, None) => String::new(),
    };
    Some(match (known.stalled, known.last_error.as_str()) {
        (true, "") => format!("done {times} in vain{next}"),
        (false, "") => format!("done {times}{next}"),
        (_, error) => format!("failed {times}{next}: {error}"),
    })
}
