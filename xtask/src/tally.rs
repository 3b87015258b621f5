//! What passed, what failed.

use std::fmt;
use std::ops::AddAssign;

/// Counts of one chore; its text is the closing line.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Did what they should.
    pub(crate) passed: usize,
    /// Did not.
    pub(crate) failed: usize,
    /// Could not run here.
    pub(crate) skipped: usize,
    /// Failed as the list of pending tests says.
    pub(crate) pending: usize,
}

impl Tally {
    /// One more, said on a line of its own.
    pub(crate) fn note(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("ok {name}");
            }
            Err(why) => {
                self.failed += 1;
                println!("FAIL {name}: {why}");
            }
        }
    }

    /// One that cannot run here.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        self.skipped += 1;
        println!("skipped {name}: {why}");
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.pending += other.pending;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        if self.pending > 0 {
            write!(f, ", {} pending", self.pending)?;
        }
        Ok(())
    }
}
