//! Times and durations.

use std::time::Duration;

use jiff::Timestamp;

/// A time for the wire.
pub fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    // Both count nanoseconds towards the future, jiff with the sign of the seconds.
    let nanoseconds = time.as_nanosecond();
    let second = nanoseconds.div_euclid(1_000_000_000);
    let rest = nanoseconds.rem_euclid(1_000_000_000);
    prost_types::Timestamp {
        seconds: i64::try_from(second).unwrap_or_default(),
        nanos: i32::try_from(rest).unwrap_or_default(),
    }
}

/// A time from the wire; the beginning of 1970 where there is none that we could have.
pub fn to_timestamp(time: Option<&prost_types::Timestamp>) -> Timestamp {
    let time = time.and_then(|time| Timestamp::new(time.seconds, time.nanos).ok());
    time.unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A duration for the wire.
pub fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

/// A duration from the wire; one that is negative is none.
pub fn to_duration(duration: &prost_types::Duration) -> Duration {
    let seconds = u64::try_from(duration.seconds).unwrap_or_default();
    Duration::new(seconds, u32::try_from(duration.nanos).unwrap_or_default().min(999_999_999))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_equal() {
        for text in
            ["2026-11-25T22:27:55.123456789Z", "1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z"]
        {
            let time: Timestamp = text.parse().expect(text);
            assert_eq!(to_timestamp(Some(&timestamp(time))), time);
        }
        let long = Duration::new(3, 4);
        assert_eq!(to_duration(&duration(long)), long);
        assert_eq!(to_duration(&prost_types::Duration { seconds: -1, nanos: -1 }), Duration::ZERO);
    }
}
