//! Which actions are logged: /proc/sys/kernel/seccomp.

use crate::task::CurrentTask;
use abi::Errno;
use abi::seccomp::{
    AUDIT_ARCH_X86_64, Data, RET_ACTION_FULL, RET_ALLOW, RET_ERRNO, RET_KILL_PROCESS, RET_KILL_THREAD, RET_LOG,
    RET_TRACE, RET_TRAP, RET_USER_NOTIF,
};
use host::debug;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

/// Actions and their names, the least permissive first.
const ACTIONS: [(u32, &str); 8] = [
    (RET_KILL_PROCESS, "kill_process"),
    (RET_KILL_THREAD, "kill_thread"),
    (RET_TRAP, "trap"),
    (RET_ERRNO, "errno"),
    (RET_USER_NOTIF, "user_notif"),
    (RET_TRACE, "trace"),
    (RET_LOG, "log"),
    (RET_ALLOW, "allow"),
];
/// The bit of `allow`, which cannot be logged.
const ALLOW: u8 = 1 << 7;

/// The actions that are logged, a bit for each in the order of `ACTIONS`.
#[derive(Debug)]
pub struct LoggedActions(AtomicU8);

impl LoggedActions {
    /// All but `allow`.
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(!ALLOW))
    }

    /// Whether there is such an action.
    pub fn exists(action: u32) -> bool {
        ACTIONS.iter().any(|&(known, _)| known == action)
    }

    /// All names.
    pub fn available() -> String {
        ACTIONS.map(|(_, name)| name).join(" ")
    }

    /// The names of those that are logged.
    pub fn names(&self) -> String {
        let bits = self.0.load(Relaxed);
        let set = ACTIONS.iter().enumerate().filter(|(at, _)| bits >> at & 1 != 0);
        set.map(|(_, &(_, name))| name).collect::<Vec<_>>().join(" ")
    }

    /// Sets them by names with one blank between them. `EINVAL` for names that are none, and for `allow`.
    pub fn set(&self, line: &str) -> Result<(), Errno> {
        let mut bits = 0;
        for word in line.split(' ').take_while(|word| !word.is_empty()) {
            let at = ACTIONS.iter().position(|&(_, name)| name == word).ok_or(Errno::EINVAL)?;
            bits |= 1 << at;
        }
        if bits & ALLOW != 0 {
            return Err(Errno::EINVAL);
        }
        self.0.store(bits, Relaxed);
        Ok(())
    }

    /// Whether an action is logged; one without a name is as `kill_process`.
    fn has(&self, action: u32) -> bool {
        let at = ACTIONS.iter().position(|&(known, _)| known == action).unwrap_or(0);
        self.0.load(Relaxed) >> at & 1 != 0
    }
}

impl CurrentTask {
    /// Logs what becomes of a call, in the words of Linux. `wants`: the filter asks for it, for actions that are not
    /// logged by themselves. Where every call is logged so is what filters do.
    pub(super) fn log_action(&self, result: u32, data: &Data, wants: bool) {
        let action = result & RET_ACTION_FULL;
        let is_asked = wants || !matches!(action, RET_TRAP | RET_ERRNO | RET_USER_NOTIF | RET_TRACE | RET_ALLOW);
        let is_logged = is_asked && self.kernel().seccomp_log().has(action);
        if !host::log::is_on() || !(is_logged || self.kernel().is_strace()) {
            return;
        }
        let (pid, tid, comm) = (self.group().pid().root(), self.task().tid(), self.task().comm());
        debug!(
            "[{pid} {tid}] seccomp: comm={} arch={AUDIT_ARCH_X86_64:x} syscall={} ip={:#x} code={action:#x}",
            comm.escape_ascii(),
            data.nr,
            data.instruction_pointer
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_there_and_back() {
        let logged = LoggedActions::new();
        assert_eq!(logged.names(), "kill_process kill_thread trap errno user_notif trace log");
        assert_eq!(logged.set("log trap"), Ok(()));
        assert_eq!(logged.names(), "trap log");
        assert_eq!(logged.set("log allow"), Err(Errno::EINVAL));
        assert_eq!(logged.set("log trap,"), Err(Errno::EINVAL));
        assert_eq!(logged.names(), "trap log");
        assert!(logged.has(RET_TRAP) && !logged.has(0x1234_0000) && !LoggedActions::exists(0x1234_0000));
        assert_eq!(logged.set(""), Ok(()));
        assert_eq!(logged.names(), "");
    }
}
