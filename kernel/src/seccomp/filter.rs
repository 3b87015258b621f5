//! Chains of filters.

use super::cache::Cache;
use super::notifier::Notifier;
use abi::Errno;
use abi::bpf::Instruction;
use abi::seccomp::{AUDIT_ARCH_X86_64, Data, FilterFlags, RET_ACTION_FULL, RET_ALLOW};
use bpf::Program;
use std::sync::Arc;

/// Most instructions of a chain: `MAX_INSNS_PER_PATH`. What each filter counts beside its own.
const MAX_INSTRUCTIONS: usize = 32768;
const PENALTY: usize = 4;

/// A program that decides about calls, and those before it. Threads and processes that come from one another share
/// what they have in common.
pub(super) struct Filter {
    program: Program,
    previous: Option<Arc<Self>>,
    /// Filters of the chain.
    count: u32,
    /// Instructions of the chain with their penalties.
    cost: usize,
    is_logged: bool,
    /// Who answers calls that the program wants answered.
    notifier: Option<Arc<Notifier>>,
    cache: Cache,
}

impl Filter {
    /// Puts a program before a chain. `ENOMEM` when that gets too long.
    pub(super) fn new(
        program: Program,
        flags: FilterFlags,
        notifier: Option<Arc<Notifier>>,
        previous: Option<Arc<Self>>,
    ) -> Result<Arc<Self>, Errno> {
        let (count, cost) = previous.as_ref().map_or((0, 0), |previous| (previous.count, previous.cost));
        let total = program.translated_len() + cost;
        if total > MAX_INSTRUCTIONS {
            return Err(Errno::ENOMEM);
        }
        Ok(Arc::new(Self {
            program,
            previous,
            count: count + 1,
            cost: total + PENALTY,
            is_logged: flags.contains(FilterFlags::LOG),
            notifier,
            cache: Cache::default(),
        }))
    }

    /// Filters of the chain.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// The filter with a number: the oldest one has 0.
    pub(super) fn nth(&self, index: u64) -> Option<&Self> {
        let newer = u64::from(self.count).checked_sub(index)?.checked_sub(1)?;
        self.chain().nth(usize::try_from(newer).ok()?)
    }

    /// Its instructions.
    pub(super) fn source(&self) -> &[Instruction] {
        self.program.source()
    }

    /// All actions but `ALLOW` are to be logged.
    pub(super) const fn is_logged(&self) -> bool {
        self.is_logged
    }

    /// Who answers.
    pub(super) const fn notifier(&self) -> Option<&Arc<Notifier>> {
        self.notifier.as_ref()
    }

    /// The chain, newest first.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |filter| filter.previous.as_deref())
    }

    /// All programs are asked, the newest first; the action that allows least counts, and of equal ones the newest.
    /// With it the filter that says so, unless it is `ALLOW`.
    pub(super) fn evaluate(&self, data: &Data) -> (u32, Option<&Self>) {
        let mut found = (RET_ALLOW, None);
        for filter in self.chain() {
            let result = filter.program.run(data);
            if precedence(result) < precedence(found.0) {
                found = (result, Some(filter));
            }
        }
        found
    }

    /// No filter of the chain ever does anything about the call but allow it.
    pub(super) fn allows_always(&self, nr: u32) -> bool {
        let Ok(index) = usize::try_from(nr) else { return false };
        if let Some(known) = self.cache.get(index) {
            return known;
        }
        let mut result = true;
        for filter in self.chain() {
            if let Some(known) = filter.cache.get(index) {
                result = known;
                break;
            }
            let verdict = filter.program.run_known(nr, AUDIT_ARCH_X86_64);
            if verdict.is_none_or(|verdict| verdict & RET_ACTION_FULL != RET_ALLOW) {
                result = false;
                break;
            }
        }
        self.cache.set(index, result);
        result
    }
}

/// The lower, the less an action allows.
const fn precedence(result: u32) -> i32 {
    (result & RET_ACTION_FULL).cast_signed()
}

impl Drop for Filter {
    fn drop(&mut self) {
        // No thread has it any more, nor will have.
        if let Some(notifier) = &self.notifier {
            notifier.lose_users();
        }
        // One after the other: a chain is longer than the host stack is deep.
        let mut next = self.previous.take();
        while let Some(mut filter) = next.and_then(Arc::into_inner) {
            next = filter.previous.take();
        }
    }
}

#[cfg(test)]
mod tests;
