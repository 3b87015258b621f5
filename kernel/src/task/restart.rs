//! How interrupted calls go on: the one place that knows (`signal(7)`, "Interruption of system calls").

use crate::task::CurrentTask;
use abi::Errno;
use abi::signal::ActionFlags;
use platform::Regs;
use sync::{Deadline, Fail, Restart};

/// How an interrupted call goes on when `restart_syscall(2)` is made: with the time that is left.
#[derive(Clone, Copy, Debug)]
pub struct RestartBlock {
    /// Goes on with the call.
    pub resume: fn(&mut CurrentTask, &RestartBlock) -> Result<u64, Fail>,
    /// When the call was to end.
    pub deadline: Option<Deadline>,
    /// Arguments, as the call's own `resume` wants them.
    pub args: [u64; 6],
}

/// What Linux keeps in `rax` between an interrupted call and its restart, where tracers see it.
const ERESTARTSYS: u64 = 512;
const ERESTARTNOINTR: u64 = 513;
const ERESTARTNOHAND: u64 = 514;
const ERESTART_RESTARTBLOCK: u64 = 516;

/// The value of `rax` that stands for an interrupted call.
pub(crate) const fn to_return(restart: Restart) -> u64 {
    let number = match restart {
        Restart::Always => ERESTARTNOINTR,
        Restart::Sa => ERESTARTSYS,
        Restart::NoHandler => ERESTARTNOHAND,
        Restart::Block => ERESTART_RESTARTBLOCK,
    };
    number.wrapping_neg()
}

/// The interrupted call that registers stand for, after a tracer may have changed them.
pub(crate) const fn pending(regs: &Regs) -> Option<Restart> {
    if (regs.orig_rax as i64) < 0 {
        return None;
    }
    match regs.rax.wrapping_neg() {
        ERESTARTNOINTR => Some(Restart::Always),
        ERESTARTSYS => Some(Restart::Sa),
        ERESTARTNOHAND => Some(Restart::NoHandler),
        ERESTART_RESTARTBLOCK => Some(Restart::Block),
        _ => None,
    }
}

/// Bytes of the instruction that makes a call.
pub(crate) const SYSCALL_LEN: u64 = 2;

/// Sets the registers of a task whose call was interrupted, before a handler with `flags` runs.
pub(crate) fn before_handler(regs: &mut Regs, restart: Restart, flags: ActionFlags) {
    match restart {
        Restart::Always => again(regs),
        Restart::Sa if flags.contains(ActionFlags::RESTART) => again(regs),
        Restart::Sa | Restart::NoHandler | Restart::Block => regs.rax = Errno::EINTR.to_return(),
    }
}

/// Sets the registers of a task whose call was interrupted by something that no handler runs for.
pub(crate) fn without_handler(regs: &mut Regs, restart: Restart) {
    again(regs);
    if restart == Restart::Block {
        regs.rax = abi::nr::RESTART_SYSCALL.into();
    }
}

/// The call is made again.
const fn again(regs: &mut Regs) {
    regs.rax = regs.orig_rax;
    regs.rip = regs.rip.wrapping_sub(SYSCALL_LEN);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regs() -> Regs {
        Regs { rax: 99, orig_rax: 35, rip: 0x1002, ..Regs::default() }
    }

    fn handled(restart: Restart, flags: ActionFlags) -> (u64, u64) {
        let mut regs = regs();
        before_handler(&mut regs, restart, flags);
        (regs.rax, regs.rip)
    }

    #[test]
    fn with_a_handler() {
        let eintr = (Errno::EINTR.to_return(), 0x1002);
        let (sa, none) = (ActionFlags::RESTART, ActionFlags::empty());
        assert_eq!(handled(Restart::Always, none), (35, 0x1000));
        assert_eq!(handled(Restart::Sa, sa), (35, 0x1000));
        assert_eq!(handled(Restart::Sa, none), eintr);
        assert_eq!(handled(Restart::NoHandler, sa), eintr);
        assert_eq!(handled(Restart::Block, sa), eintr);
    }

    #[test]
    fn in_registers() {
        for restart in [Restart::Always, Restart::Sa, Restart::NoHandler, Restart::Block] {
            let regs = Regs { rax: to_return(restart), ..regs() };
            assert_eq!(pending(&regs), Some(restart));
            assert_eq!(pending(&Regs { orig_rax: u64::MAX, ..regs }), None);
        }
        assert_eq!(pending(&regs()), None);
    }

    #[test]
    fn without_one() {
        for restart in [Restart::Always, Restart::Sa, Restart::NoHandler] {
            let mut regs = regs();
            without_handler(&mut regs, restart);
            assert_eq!((regs.rax, regs.rip), (35, 0x1000));
        }
        let mut regs = regs();
        without_handler(&mut regs, Restart::Block);
        assert_eq!((regs.rax, regs.rip), (219, 0x1000));
    }
}
