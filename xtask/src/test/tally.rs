//! Counts of tests from what libtest prints.

use std::fmt;

/// How many tests passed, failed and skipped so far.
#[derive(Default)]
pub struct Tally {
    passed: usize,
    /// Tests that failed.
    pub failed: usize,
    ignored: usize,
    /// Tests that libtest counts as passed, but that said they couldn't run.
    gave_up: usize,
    in_successes: bool,
}

impl Tally {
    /// Counts one line; false if it is output of a test that passed, which nobody wants to read.
    ///
    /// A live test that can't run here prints a line starting with `SKIPPED:` and returns, which
    /// libtest takes for a pass.
    pub fn read(&mut self, line: &str) -> bool {
        if line.starts_with("SKIPPED:") {
            self.gave_up += 1;
            return true;
        }
        match line {
            "successes:" => self.in_successes = true,
            "failures:" => self.in_successes = false,
            _ => {}
        }
        if let Some(result) = line.strip_prefix("test result: ") {
            self.in_successes = false;
            self.result(result);
        }
        !self.in_successes
    }

    /// Reads `ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s`.
    fn result(&mut self, text: &str) {
        let text = text.split_once(". ").map_or(text, |(_, counts)| counts);
        for part in text.split("; ") {
            let Some((count, word)) = part.split_once(' ') else { continue };
            let Ok(count) = count.parse::<usize>() else { continue };
            match word {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let passed = self.passed.saturating_sub(self.gave_up);
        let skipped = self.ignored + self.gave_up;
        write!(f, "{passed} passed, {} failed, {skipped} skipped", self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn sums_up_and_hides_the_output_of_passes() {
        let text = "\
test a ... ok
successes:

---- a stdout ----
SKIPPED: no guest
noise

successes:
    a

failures:

---- b stdout ----
why

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s
test result: ok. 4 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        let mut tally = Tally::default();
        let shown: Vec<_> = text.lines().filter(|line| tally.read(line)).collect();
        assert_eq!(tally.to_string(), "5 passed, 1 failed, 2 skipped");
        assert!(shown.contains(&"why") && shown.contains(&"SKIPPED: no guest"));
        assert!(!shown.contains(&"noise"));
    }
}
