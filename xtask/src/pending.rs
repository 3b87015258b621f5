//! Lists of tests that are known to fail in Nacre: `NAME reason` lines in a `pending.txt`.
//!
//! A pending test that fails is counted apart; one that passes is a failure, so that the list only shrinks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The list of one suite.
pub(crate) struct Pending {
    reasons: BTreeMap<String, String>,
}

impl Pending {
    /// Reads `directory/pending.txt`; a missing file is an empty list.
    pub(crate) fn of(directory: &Path) -> Self {
        let text = fs::read_to_string(directory.join("pending.txt")).unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let reasons = lines.map(|line| match line.split_once(' ') {
            Some((name, reason)) => (name.to_owned(), reason.trim().to_owned()),
            None => (line.to_owned(), String::new()),
        });
        Self { reasons: reasons.collect() }
    }

    /// Why this test may fail.
    pub(crate) fn reason(&self, name: &str) -> Option<&str> {
        self.reasons.get(name).map(String::as_str)
    }
}
