//! The Linux ABI of x86-64 as data: numbers, structs, flags, error numbers. No logic.
//!
//! Lowest crate of the order; usable without `std`. A file is one header's topic.
#![no_std]
#![forbid(unsafe_code)]

pub mod bpf;
pub mod clock;
pub mod cred;
pub mod dnotify;
pub mod epoll;
pub mod errno;
pub mod fs;
pub mod futex;
pub mod inet;
pub mod inotify;
pub mod ioctl;
pub mod ipc;
pub mod kcmp;
pub mod mm;
pub mod mount;
pub mod netlink;
pub mod nr;
pub mod poll;
pub mod prctl;
pub mod process;
pub mod ptrace;
pub mod resource;
pub mod sched;
pub mod seccomp;
pub mod signal;
pub mod socket;
pub mod sysinfo;
pub mod time;
pub mod tty;
pub mod wait;

pub use errno::Errno;
