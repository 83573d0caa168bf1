//! Lima's plain mode.

use super::origins::Origins;
use crate::Lima;

/// Takes away what a plain guest does not get. Only static forwards stay.
pub(super) fn take_away(lima: &mut Lima, origins: &mut Origins) {
    if let Some(forwards) = &mut lima.port_forwards {
        let is_static: Vec<_> =
            forwards.iter().map(|forward| forward.static_ == Some(true)).collect();
        origins.keep("portForwards", forwards.len(), |index| is_static[index]);
        forwards.retain(|forward| forward.static_ == Some(true));
    }
    lima.mounts = None;
    let containerd = lima.containerd.get_or_insert_default();
    containerd.system = Some(false);
    containerd.user = Some(false);
    lima.timezone = Some(String::new());
}
