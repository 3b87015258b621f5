//! The table as a seccomp program.

use super::table::{Condition, ENTRIES};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
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
    // The newer call hides its flags in memory, where no filter sees them: the C library goes back to the old one.
    let absent = SeccompAction::Errno(abi::Errno::ENOSYS.0.into());
    let first = compile(BTreeMap::from([(i64::from(abi::nr::CLONE3), vec![])]), SeccompAction::Allow, absent)?;
    let second = program(on_violation)?;
    seccompiler::apply_filter_all_threads(&first).map_err(io::Error::other)?;
    seccompiler::apply_filter_all_threads(&second).map_err(io::Error::other)
}

fn program(on_violation: OnViolation) -> io::Result<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for entry in ENTRIES {
        let alternatives = rules.entry(i64::from(entry.call)).or_default();
        if !entry.when.is_empty() {
            let conditions = entry.when.iter().map(condition).collect::<io::Result<Vec<_>>>()?;
            alternatives.push(SeccompRule::new(conditions).map_err(io::Error::other)?);
        }
    }
    // Left as a permitted answer by the first program.
    rules.insert(i64::from(abi::nr::CLONE3), vec![]);
    let refused = match on_violation {
        OnViolation::Kill => SeccompAction::KillProcess,
        OnViolation::Report => SeccompAction::Trap,
    };
    compile(rules, refused, SeccompAction::Allow)
}

fn condition(condition: &Condition) -> io::Result<SeccompCondition> {
    let (arg, op, value) = match *condition {
        Condition::Is(arg, value) => (arg, SeccompCmpOp::Eq, value),
        Condition::Masked(arg, mask, value) => (arg, SeccompCmpOp::MaskedEq(mask), value),
    };
    SeccompCondition::new(arg, SeccompCmpArgLen::Qword, op, value).map_err(io::Error::other)
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    listed: SeccompAction,
) -> io::Result<BpfProgram> {
    let filter = SeccompFilter::new(rules, otherwise, listed, TargetArch::x86_64).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_compiles_small() {
        let len = program(OnViolation::Kill).unwrap().len();
        assert!(len < 1000, "{len} instructions");
    }

    #[test]
    fn every_entry_has_a_reason_and_is_said_once() {
        let mut seen = HashSet::new();
        for entry in ENTRIES {
            assert!(entry.reason.len() > 8, "call {} lacks a reason", entry.call);
            assert!(seen.insert((entry.call, format!("{:?}", entry.when))), "call {} is there twice", entry.call);
        }
        let bare: HashSet<_> = ENTRIES.iter().filter(|entry| entry.when.is_empty()).map(|entry| entry.call).collect();
        let bound = ENTRIES.iter().filter(|entry| !entry.when.is_empty());
        for entry in bound {
            assert!(!bare.contains(&entry.call), "call {} is permitted without its condition, too", entry.call);
        }
        assert!(seen.len() <= 130, "the list grows: {}", seen.len());
    }

    #[test]
    fn nothing_that_makes_programs_or_namespaces_is_listed() {
        for call in [
            abi::nr::EXECVE,
            abi::nr::EXECVEAT,
            abi::nr::PTRACE,
            abi::nr::MOUNT,
            abi::nr::UNSHARE,
            abi::nr::SETNS,
            abi::nr::FORK,
            abi::nr::VFORK,
            abi::nr::CONNECT,
            abi::nr::BPF,
            abi::nr::OPEN_TREE,
        ] {
            assert!(ENTRIES.iter().all(|entry| entry.call != call), "call {call}");
        }
    }
}
