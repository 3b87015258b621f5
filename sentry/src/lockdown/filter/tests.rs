//! The program answers as the table says.

use super::super::code::simulate;
use super::*;
use std::collections::HashSet;

const X86_64: u32 = 0xc000_003e;

fn answer(code: &Code, number: u32, arguments: [u64; 6]) -> u32 {
    simulate(code, X86_64, number, arguments)
}

/// Arguments under which all conditions hold.
fn fitting(when: &[Condition]) -> [u64; 6] {
    let mut arguments = [!0; 6];
    for condition in when {
        match *condition {
            Condition::Is(at, value) => arguments[usize::from(at)] = value,
            Condition::Masked(at, mask, value) => arguments[usize::from(at)] = value | !mask,
        }
    }
    arguments
}

#[test]
fn the_table_compiles_small() {
    let len = program(OnViolation::Kill).instructions().len();
    assert!(len < 500, "{len} instructions");
}

#[test]
fn each_number_is_answered_as_the_table_says() {
    for (on_violation, refused) in [(OnViolation::Kill, Verdict::Kill), (OnViolation::Report, Verdict::Trap)] {
        let code = program(on_violation);
        for number in (0..1000).chain([0x4000_0000, 0x4000_0001, u32::MAX]) {
            let is_bare = |entry: &&super::super::table::Entry| entry.call == number && entry.when.is_empty();
            let want = match number {
                abi::nr::CLONE3 => Verdict::Absent,
                _ if ENTRIES.iter().any(|entry| is_bare(&entry)) => Verdict::Allow,
                _ => refused,
            };
            let unfit = [!1, !1, !1, !1, !1, !1];
            assert_eq!(answer(&code, number, unfit), want.value(), "call {number}");
        }
        assert_eq!(simulate(&code, 0x4000_0003, abi::nr::READ, [0; 6]), Verdict::Kill.value(), "32-bit call");
    }
}

#[test]
fn every_bit_of_a_condition_counts() {
    let code = program(OnViolation::Kill);
    for entry in ENTRIES {
        let fit = fitting(entry.when);
        assert_eq!(answer(&code, entry.call, fit), Verdict::Allow.value(), "call {}", entry.call);
        for condition in entry.when {
            let (at, mask) = match *condition {
                Condition::Is(at, _) => (usize::from(at), u64::MAX),
                Condition::Masked(at, mask, _) => (usize::from(at), mask),
            };
            for bit in (0..64).filter(|bit| mask & 1 << bit != 0) {
                let mut unfit = fit;
                unfit[at] ^= 1 << bit;
                // Another entry of the call may permit just that.
                let others = ENTRIES.iter().filter(|other| other.call == entry.call);
                let is_permitted = others.into_iter().any(|other| other.when.iter().all(|c| holds(c, &unfit)));
                let want = if is_permitted { Verdict::Allow } else { Verdict::Kill };
                assert_eq!(answer(&code, entry.call, unfit), want.value(), "call {} bit {bit}", entry.call);
            }
        }
    }
}

fn holds(condition: &Condition, arguments: &[u64; 6]) -> bool {
    match *condition {
        Condition::Is(at, value) => arguments[usize::from(at)] == value,
        Condition::Masked(at, mask, value) => arguments[usize::from(at)] & mask == value,
    }
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
