//! A guest's address space with its mappings. (Skeleton: signatures first.)
#![expect(missing_docs, clippy::unimplemented, unused_variables, reason = "signatures first")]

use crate::addr::UserAddr;
use crate::backing::Backing;
use crate::memory::UserMemory;
use abi::Errno;
use abi::mm::{MapFlags, Prot};
use platform::{Context, Platform, Space};
use std::sync::Arc;

/// What a task's memory is: the tree of mappings over a platform space. Shared by tasks with `CLONE_VM`.
pub struct Mm {}

impl Mm {
    /// The copy for a forked child over the child's space.
    pub fn fork(&self, space: Arc<Space>) -> Arc<Self> {
        unimplemented!()
    }
    pub fn space(&self) -> &Arc<Space> {
        unimplemented!()
    }
    /// What a fault in application code means: `true`: repaired (the stack grew), run on.
    pub fn handle_fault(&self, fault: &platform::Fault) -> bool {
        unimplemented!()
    }
    pub fn map(
        &self,
        addr: UserAddr,
        len: u64,
        prot: Prot,
        flags: MapFlags,
        file: Option<(Arc<dyn Backing>, u64)>,
    ) -> Result<UserAddr, Errno> {
        unimplemented!()
    }
    /// Identity of a futex word: private words by (this address space, address), words of shared mappings by
    /// (object, offset). `EFAULT` when nothing is mapped there.
    pub fn futex_key(&self, addr: UserAddr, shared: bool) -> Result<FutexKey, Errno> {
        unimplemented!()
    }
    pub fn compare_exchange(&self, addr: UserAddr, old: u32, new: u32) -> Result<u32, Errno> {
        unimplemented!()
    }
    /// The file that was executed.
    pub fn exe(&self) -> Option<Arc<dyn Backing>> {
        unimplemented!()
    }
}

impl UserMemory for Mm {
    fn read_some(&self, addr: UserAddr, buf: &mut [u8]) -> Result<usize, Errno> {
        unimplemented!()
    }
    fn write_some(&self, addr: UserAddr, bytes: &[u8]) -> Result<usize, Errno> {
        unimplemented!()
    }
}

/// Identity of a futex word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FutexKey {
    /// Address space or mapped object.
    pub object: u64,
    /// Address in it or offset.
    pub offset: u64,
    pub shared: bool,
}

/// An ELF file to load.
pub struct Image<'a> {
    /// What its segments map.
    pub backing: Arc<dyn Backing>,
    /// Reads file bytes at an offset; short at the end of the file.
    pub read_at: &'a dyn Fn(u64, &mut [u8]) -> Result<usize, Errno>,
}

impl Image<'_> {
    /// Path of the interpreter that the image asks for (PT_INTERP). `ENOEXEC` for what is no ELF file of
    /// this machine.
    pub fn interpreter(&self) -> Result<Option<Vec<u8>>, Errno> {
        unimplemented!()
    }
}

/// What `execve(2)` puts into a fresh address space.
pub struct Exec<'a> {
    pub image: Image<'a>,
    pub interpreter: Option<Image<'a>>,
    pub argv: Vec<Vec<u8>>,
    pub envp: Vec<Vec<u8>>,
    /// The path as given: AT_EXECFN.
    pub filename: Vec<u8>,
    /// uid, euid, gid, egid for the auxiliary vector.
    pub ids: [u32; 4],
    /// AT_SECURE.
    pub is_secure: bool,
    /// Soft RLIMIT_STACK.
    pub stack_limit: u64,
    /// Address space randomisation is off (personality).
    pub is_fixed_layout: bool,
}

impl Exec<'_> {
    /// Builds the address space; registers are ready to run. The caller binds the context. `E2BIG`, `ENOEXEC`,
    /// `ENOMEM`, `EFAULT`...
    pub fn load(self, platform: &Arc<Platform>) -> Result<(Arc<Mm>, Context), Errno> {
        unimplemented!()
    }
}
