//! Makes the process of a sandbox and takes from it what it does not need.
//!
//! In the order of a launch: [`spawn`] clones the process into namespaces of its own, the parent writes its
//! [`IdMaps`], the child takes [`MountTrees`] of the host directories that it may use and leaves everything
//! else behind, [`close_others`] leaves descriptors behind, [`drop_capabilities`] rights. The seccomp filter
//! of the sentry comes last and is the sentry's business.

mod caps;
mod error;
mod fds;
mod idmap;
mod mounts;
mod process;
mod signals;
mod text;
mod trap;

pub use caps::{KEPT, Kept, drop_capabilities, has_capability};
pub use error::{Context, Error, Result};
pub use fds::{close_others, keep_across_exec};
pub use idmap::{IdMaps, IdRange};
pub use mounts::{MountTrees, Tree, procfs};
pub use process::{Child, Ended, become_root, die_with_parent, fork, leave_session, spawn};
pub use signals::{Arrived, Signals, ignored_signals, restore_signals};
pub use text::read_text;
pub use trap::report_violations;
