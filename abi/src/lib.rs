//! The Linux ABI of x86-64 as data: numbers, structs, flags, error numbers. No logic.
//!
//! Lowest crate of the order; usable without `std`. A file is one header's topic.
#![no_std]
#![forbid(unsafe_code)]

pub mod errno;
pub mod fs;
pub mod mm;
pub mod mount;
pub mod nr;
pub mod poll;
pub mod ptrace;
pub mod signal;
pub mod time;
pub mod tty;

pub use errno::Errno;
