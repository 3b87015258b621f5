//! The `systrap` platform. (Skeleton: signatures first.)
#![expect(missing_docs, clippy::unimplemented, unused_variables, reason = "signatures first")]

use crate::{Exit, Regs};
use abi::Errno;
use abi::mm::Prot;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Makes address spaces.
pub struct Platform {}

impl Platform {
    /// Starts the platform. Before the sentry locks itself down.
    pub fn start() -> std::io::Result<Arc<Self>> {
        unimplemented!()
    }

    /// An empty address space with one thread, parked.
    pub fn new_space(self: &Arc<Self>) -> Result<(Arc<Space>, Context), Errno> {
        unimplemented!()
    }
}

/// A guest address space. Operations that change it are carried out by the parked [`Context`] bound to the
/// calling host thread (see [`Context::bind`]), which must belong to it.
pub struct Space {}

impl Space {
    /// Reads guest memory; what was read before the first bad page. Guest protections apply.
    pub fn read(&self, addr: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        unimplemented!()
    }
    /// Writes guest memory.
    pub fn write(&self, addr: u64, bytes: &[u8]) -> Result<usize, Errno> {
        unimplemented!()
    }
    /// Reads or writes through protections (ptrace POKE).
    pub fn read_forced(&self, addr: u64, buf: &mut [u8]) -> Result<usize, Errno> {
        unimplemented!()
    }
    pub fn write_forced(&self, addr: u64, bytes: &[u8]) -> Result<usize, Errno> {
        unimplemented!()
    }
    /// Atomic compare-and-exchange of a guest word: the old value.
    pub fn compare_exchange(&self, addr: u64, old: u32, new: u32) -> Result<u32, Errno> {
        unimplemented!()
    }
    pub fn map_anonymous(&self, addr: u64, len: u64, prot: Prot, noreserve: bool) -> Result<(), Errno> {
        unimplemented!()
    }
    pub fn map_file(
        &self,
        addr: u64,
        len: u64,
        prot: Prot,
        shared: bool,
        fd: BorrowedFd<'_>,
        offset: u64,
    ) -> Result<(), Errno> {
        unimplemented!()
    }
    pub fn unmap(&self, addr: u64, len: u64) -> Result<(), Errno> {
        unimplemented!()
    }
    pub fn protect(&self, addr: u64, len: u64, prot: Prot) -> Result<(), Errno> {
        unimplemented!()
    }
    /// Host process id; for looking at /proc of the host.
    pub fn host_pid(&self) -> i32 {
        unimplemented!()
    }
    /// Kills the host process: every context in it ends with [`Exit::Dead`].
    pub fn kill(&self) {
        unimplemented!()
    }
}

/// A guest thread. Owned by its task; not shared.
pub struct Context {}

impl Context {
    /// Makes this the context of the calling host thread: `Space` operations use its hands.
    pub fn bind(&mut self) {
        unimplemented!()
    }
    /// Runs application code from the present registers to the next exit. It must be bound.
    pub fn run(&mut self) -> Exit {
        unimplemented!()
    }
    /// Registers; `fs_base` and `gs_base` included.
    pub fn regs(&self) -> &Regs {
        unimplemented!()
    }
    /// Registers, to change.
    pub fn regs_mut(&mut self) -> &mut Regs {
        unimplemented!()
    }
    /// Extended state in XSAVE format as a signal frame holds it (with the software-reserved bytes).
    pub fn fpstate(&self) -> Vec<u8> {
        unimplemented!()
    }
    /// Replaces the extended state; checked, `EINVAL` for a bad image. Empty: the initial state.
    pub fn set_fpstate(&mut self, state: &[u8]) -> Result<(), Errno> {
        unimplemented!()
    }
    /// The address space.
    pub fn space(&self) -> &Arc<Space> {
        unimplemented!()
    }
    /// Copies the address space (fork). The new context has this one's registers and extended state;
    /// it is parked: move it to a host thread of its own and bind it there.
    pub fn fork(&mut self) -> Result<(Arc<Space>, Context), Errno> {
        unimplemented!()
    }
    /// A further thread of this address space (clone with `CLONE_VM`), registers copied; parked.
    pub fn spawn(&mut self) -> Result<Context, Errno> {
        unimplemented!()
    }
    /// Ends the thread on the host. Dropping a context does the same.
    pub fn exit(self) {}
    /// For other threads to get this one out of application code.
    pub fn kicker(&self) -> Kicker {
        unimplemented!()
    }
}

/// Gets a guest thread out of application code.
#[derive(Clone)]
pub struct Kicker {}

impl Kicker {
    /// `Context::run` returns soon (at the latest with a spurious [`Exit::Interrupt`]).
    pub fn kick(&self) {
        unimplemented!()
    }
}
