//! Processes and threads: their making, programs, end and ids.

mod arguments;
mod clone;
mod exec;
mod exit;
mod ids;
mod session;
mod unshare;
mod wait;

pub(crate) use clone::{clone, clone3, fork, vfork};
pub(crate) use exec::{execve, execveat};
pub(crate) use exit::{exit, exit_group};
pub(crate) use ids::{getpgid, getpgrp, getpid, getppid, getsid, gettid, set_tid_address, setpgid, setsid};
pub(crate) use session::{reboot, vhangup};
pub(crate) use unshare::{setns, unshare};
pub(crate) use wait::{wait4, waitid};
