//! /proc: `proc(5)`.
//!
//! Everything is a table: `root` and `machine` the files of the machine, `sysctl` those below /proc/sys,
//! `process` those of a process. A new file is one row and one function.

/// Appends formatted text to a byte vector, which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {{
        use std::io::Write as _;
        let _ = write!($out, $($arg)*);
    }};
}

mod access;
mod addresses;
mod cpuinfo;
mod dump;
mod fds;
mod ids;
mod limits;
mod login;
mod machine;
mod mem;
mod mounts;
mod namespaces;
mod net;
mod oom;
mod pagemap;
mod process;
mod root;
mod settings;
mod smaps;
mod stat;
mod status;
mod sysctl;
mod sysctl_table;
mod sysvipc;
mod tasks;
#[cfg(test)]
mod tests;
mod timens;
mod timers;

pub use namespaces::{NamespaceFile, namespace_file};
pub use process::task_of;
pub use root::procfs;
pub use settings::Settings;
