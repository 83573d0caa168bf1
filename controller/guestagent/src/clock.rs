//! The guest's clock, which stands still while the VM does.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use limekiln_proto::guest::TimeSyncResponse;
use rustix::time::{ClockId, Timespec, clock_settime};

/// A clock that is off by less is left to the guest's own time service, as Lima does.
const TOLERANCE: Duration = Duration::from_millis(100);

/// Sets the clock to the host's time if it is off, and if `may_set` is true. That it can't be set
/// is in the answer.
pub(crate) fn sync(host: SystemTime, may_set: bool) -> TimeSyncResponse {
    let drift_ms = ahead_ms(SystemTime::now(), host);
    if u128::from(drift_ms.unsigned_abs()) <= TOLERANCE.as_millis() {
        return TimeSyncResponse { drift_ms, ..TimeSyncResponse::default() };
    }
    if !may_set {
        let error = "this guest agent leaves the clock alone".to_owned();
        return TimeSyncResponse { adjusted: false, drift_ms, error };
    }
    match set(host) {
        Ok(()) => TimeSyncResponse { adjusted: true, drift_ms, error: String::new() },
        Err(error) => TimeSyncResponse { adjusted: false, drift_ms, error: error.to_string() },
    }
}

fn ahead_ms(guest: SystemTime, host: SystemTime) -> i64 {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match guest.duration_since(host) {
        Ok(ahead) => millis(ahead),
        Err(behind) => -millis(behind.duration()),
    }
}

fn set(host: SystemTime) -> io::Result<()> {
    let since = host.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let time = Timespec {
        tv_sec: i64::try_from(since.as_secs()).map_err(io::Error::other)?,
        tv_nsec: since.subsec_nanos().into(),
    };
    Ok(clock_settime(ClockId::Realtime, time)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Never with true: tests may run as root, and the machine's clock is not theirs.
    #[test]
    fn what_is_right_or_not_ours_is_left_alone() {
        let answer = sync(SystemTime::now(), false);
        assert!(!answer.adjusted && answer.error.is_empty(), "{answer:?}");
        let answer = sync(SystemTime::now() - Duration::from_secs(3600), false);
        assert!(!answer.adjusted && answer.error.contains("leaves the clock alone"), "{answer:?}");
        assert!((3_599_000..=3_601_000).contains(&answer.drift_ms), "{answer:?}");
    }

    #[test]
    fn drift_has_a_sign() {
        let now = SystemTime::now();
        assert_eq!(ahead_ms(now + Duration::from_secs(2), now), 2000);
        assert_eq!(ahead_ms(now, now + Duration::from_secs(2)), -2000);
    }
}
