//! The table as a seccomp program.
//!
//! The number of the call is looked for by halves: the host runs the program once for each number when it takes it
//! in, and again for each call whose arguments count.

use super::code::{Code, Verdict};
use super::table::{Condition, ENTRIES};
use std::collections::BTreeMap;
use std::io;

/// What the host does when the sentry makes a call that is not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnViolation {
    /// Kills the sandbox.
    Kill,
    /// Raises SIGSYS, for [`host::launch::report_violations`] to name the call.
    Report,
}

/// Binds every thread of the process to the table. `no_new_privs` must be set.
pub fn install(on_violation: OnViolation) -> io::Result<()> {
    seccompiler::apply_filter_all_threads(program(on_violation).instructions()).map_err(io::Error::other)
}

/// What is answered to calls of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Always(Verdict),
    /// Permitted when all conditions of one of these hold.
    When(Vec<&'static [Condition]>),
}

fn program(on_violation: OnViolation) -> Code {
    let refused = match on_violation {
        OnViolation::Kill => Verdict::Kill,
        OnViolation::Report => Verdict::Trap,
    };
    let mut ranges = Vec::new();
    let mut next = 0;
    for (number, answer) in answers() {
        if number > next {
            ranges.push((next, Answer::Always(refused)));
        }
        ranges.push((number, answer));
        next = number + 1;
    }
    ranges.push((next, Answer::Always(refused)));
    ranges.dedup_by(|later, earlier| later.1 == earlier.1);
    Code::for_this_machine(search(&ranges, refused))
}

/// Numbers that are not refused, in order.
fn answers() -> BTreeMap<u32, Answer> {
    let mut answers = BTreeMap::new();
    // It hides its flags in memory, where no filter sees them: the C library goes back to the older call.
    answers.insert(abi::nr::CLONE3, Answer::Always(Verdict::Absent));
    for entry in ENTRIES {
        if entry.when.is_empty() {
            answers.insert(entry.call, Answer::Always(Verdict::Allow));
        } else if let Answer::When(alternatives) = answers.entry(entry.call).or_insert(Answer::When(Vec::new())) {
            alternatives.push(entry.when);
        }
    }
    answers
}

/// Each range begins at its number and ends before the next.
fn search(ranges: &[(u32, Answer)], refused: Verdict) -> Code {
    match ranges {
        [] => Code::end(refused),
        [(_, Answer::Always(verdict))] => Code::end(*verdict),
        [(_, Answer::When(alternatives))] => alternatives.iter().rev().fold(Code::end(refused), |otherwise, when| {
            let permitted = Code::end(Verdict::Allow);
            when.iter().rev().fold(permitted, Code::only_if).or(otherwise)
        }),
        _ => {
            let (below, above) = ranges.split_at(ranges.len() / 2);
            Code::branch(above[0].0, search(below, refused), search(above, refused))
        }
    }
}

#[cfg(test)]
mod tests;
