//! `linux.seccomp` of `config.json`: a profile of calls becomes the filter of the first process.
//!
//! Names that no call has are left out, as libseccomp does. What decides is the first rule of a call whose conditions
//! all hold; a rule without conditions stands before those that have some.

mod compile;
mod rule;

use crate::error::{Error, Result, bail};
use compile::{Profile, compile};
use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompFilterFlag, LinuxSyscall};
use rule::Rule;
use sentry::Filter;
use std::collections::BTreeMap;

/// Numbers below which all calls are.
const NUMBERS: u32 = 1024;

/// The filter of a profile.
pub(super) fn filter(profile: &LinuxSeccomp) -> Result<Filter> {
    let default = verdict(profile.default_action(), profile.default_errno_ret())?;
    let mut calls: BTreeMap<u32, Vec<Rule>> = BTreeMap::new();
    for entry in profile.syscalls().iter().flatten() {
        add(&mut calls, entry, default)?;
    }
    for rules in calls.values_mut() {
        rules.sort_by_key(Rule::is_conditional);
    }
    let has_x32 = profile.architectures().iter().flatten().any(|&arch| arch == Arch::ScmpArchX32);
    let absent = absent(profile);
    let instructions = compile(&Profile { calls, default, absent, has_x32 });
    let is_logged = profile.flags().iter().flatten().any(|&flag| flag == LinuxSeccompFilterFlag::SeccompFilterFlagLog);
    Filter::new(&instructions, is_logged).map_err(|_| {
        Error::new(format_args!(
            "linux.seccomp makes a program of {} instructions; Linux takes 4096",
            instructions.len()
        ))
    })
}

/// Calls newer than all that the profile names do not exist (`ENOSYS`), unless it allows what it does not name: a
/// program then tries an older one, where the profile's own errno would end it. As runc does.
fn absent(profile: &LinuxSeccomp) -> Option<u32> {
    use LinuxSeccompAction::{ScmpActAllow, ScmpActLog, ScmpActTrace};
    let is_permissive = matches!(profile.default_action(), ScmpActAllow | ScmpActLog | ScmpActTrace);
    let names = profile.syscalls().iter().flatten().flat_map(LinuxSyscall::names);
    let last = names.filter_map(|name| number(name)).max()?;
    (!is_permissive).then_some(last + 1)
}

/// Adds an entry to the rules of the calls that it names.
fn add(calls: &mut BTreeMap<u32, Vec<Rule>>, entry: &LinuxSyscall, default: u32) -> Result<()> {
    let verdict = verdict(entry.action(), entry.errno_ret())?;
    let rules = Rule::of(verdict, entry.args().as_deref().unwrap_or_default())?;
    if verdict == default {
        return Ok(());
    }
    for name in entry.names() {
        if let Some(nr) = number(name) {
            calls.entry(nr).or_default().extend(rules.iter().cloned());
        }
    }
    Ok(())
}

/// The number of a call.
fn number(name: &str) -> Option<u32> {
    (0..NUMBERS).find(|&nr| abi::nr::name(nr).is_some_and(|known| known.eq_ignore_ascii_case(name)))
}

/// What a filter returns for an action.
fn verdict(action: LinuxSeccompAction, errno: Option<u32>) -> Result<u32> {
    use abi::seccomp::{RET_ALLOW, RET_ERRNO, RET_KILL_PROCESS, RET_KILL_THREAD, RET_LOG, RET_TRACE, RET_TRAP};
    let data = errno.unwrap_or(abi::Errno::EPERM.0.into()) & abi::seccomp::RET_DATA;
    Ok(match action {
        LinuxSeccompAction::ScmpActKill | LinuxSeccompAction::ScmpActKillThread => RET_KILL_THREAD,
        LinuxSeccompAction::ScmpActKillProcess => RET_KILL_PROCESS,
        LinuxSeccompAction::ScmpActTrap => RET_TRAP,
        LinuxSeccompAction::ScmpActErrno => RET_ERRNO | data,
        LinuxSeccompAction::ScmpActTrace => RET_TRACE | data,
        LinuxSeccompAction::ScmpActLog => RET_LOG,
        LinuxSeccompAction::ScmpActAllow => RET_ALLOW,
        LinuxSeccompAction::ScmpActNotify => {
            bail!("linux.seccomp: SCMP_ACT_NOTIFY is not supported: no process of the host can answer a guest's calls")
        }
    })
}

#[cfg(test)]
mod tests;
