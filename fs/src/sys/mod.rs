//! /sys as far as programs look: `sysfs(5)`.
//!
//! A fixed tree: processors, one memory node, the loopback interface, empty classes.

mod cgroup;
mod cpu;
mod tree;

pub use cgroup::{Limits, cgroup2};
pub use tree::{Machine, sysfs};
