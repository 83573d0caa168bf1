//! Times and durations as people read them.

use std::time::Duration;

use jiff::Timestamp;

/// How long ago, in one unit: `5s`, `3m`, `2h`, `4d`.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(since.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Nobody waits longer; what a clock counts in has no room for any number of seconds.
const LONGEST: Duration = Duration::from_secs(3_650 * 24 * 3_600);

/// Reads `90`, `90s`, `5m`, `1h30m`.
///
/// # Errors
/// If the text is none of these, or means more than ten years.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = parse(text)?;
    if duration > LONGEST {
        return Err(format!("{text:?} is longer than {} days", LONGEST.as_secs() / 86_400));
    }
    Ok(duration)
}

fn parse(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is not a duration, write for example 90s or 5m");
    let (mut total, mut number) = (0_u64, String::new());
    for c in text.chars() {
        let factor = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 24 * 3_600,
            _ => return Err(bad()),
        };
        let value: u64 = number.parse().map_err(|_| bad())?;
        total = value
            .checked_mul(factor)
            .and_then(|seconds| total.checked_add(seconds))
            .ok_or_else(bad)?;
        number.clear();
    }
    if !number.is_empty() {
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|seconds| total.checked_add(seconds))
            .ok_or_else(bad)?;
    }
    if text.is_empty() { Err(bad()) } else { Ok(Duration::from_secs(total)) }
}

/// `8.2s`, `1m 05s`.
pub fn elapsed(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1}s", duration.as_secs_f64()),
        _ => format!("{}m {:02}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in
            ["", "m", "5x", "-1", "1.5m", "99999999999999999999s", "3651d", "18446744073709551615"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_have_one_unit() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        for (seconds, text) in [(5, "5s"), (180, "3m"), (7_200, "2h"), (345_600, "4d")] {
            assert_eq!(age(at(0), at(seconds)), text);
        }
    }
}
