//! Signals: `signal(7)`.

mod action;
mod send;
mod stack;
mod wait;

pub(crate) use action::{rt_sigaction, rt_sigpending, rt_sigprocmask, rt_sigreturn};
pub(crate) use send::{kill, one_is_enough, rt_sigqueueinfo, rt_tgsigqueueinfo, tgkill, tkill};
pub(crate) use stack::sigaltstack;
pub(crate) use wait::{pause, restart_syscall, rt_sigsuspend, rt_sigtimedwait};
