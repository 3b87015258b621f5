//! A task as its own host thread sees it. (Skeleton: accessors that handlers rely on.)

use crate::kernel::Kernel;
use crate::task::Task;
use mm::Mm;
use std::marker::PhantomData;
use std::sync::Arc;
use vfs::{Caller, FdTable, FsContext};

/// The task of the calling host thread: what only its owner may touch. Not `Send`.
pub struct CurrentTask {
    task: Arc<Task>,
    kernel: Arc<Kernel>,
    caller: Caller,
    mm: Arc<Mm>,
    fds: Arc<FdTable>,
    fs: Arc<FsContext>,
    _not_send: PhantomData<*const ()>,
}

impl CurrentTask {
    /// The task as others see it.
    pub const fn task(&self) -> &Arc<Task> {
        &self.task
    }
    /// The machine.
    pub const fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }
    /// Who asks, for file operations.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }
    /// Its memory; implements `mm::UserMemory`.
    pub const fn mm(&self) -> &Arc<Mm> {
        &self.mm
    }
    /// Its descriptor table.
    pub const fn fds(&self) -> &Arc<FdTable> {
        &self.fds
    }
    /// Its root, working directory and umask.
    pub const fn fs(&self) -> &Arc<FsContext> {
        &self.fs
    }
}
