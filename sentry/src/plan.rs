//! What a sandbox is to be. Built by `nacre` from its arguments or from a bundle.

use crate::control::{ConsoleSize, Link};
use abi::Errno;
use abi::bpf::Instruction;
use host::launch::Tree;
use kernel::seccomp::Setting;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;

/// What a container is to be: the first one, which makes the sandbox, or a further one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Host directories and files that come along, the root first; those of a further container as descriptors.
    #[serde(skip)]
    pub trees: Vec<Tree>,
    /// What lies above the root tree.
    pub overlay: Overlay,
    /// The guest's root mount is read-only.
    pub is_root_read_only: bool,
    /// Mounts, in order.
    pub mounts: Vec<Mount>,
    /// Absolute paths that appear empty.
    pub masked_paths: Vec<Vec<u8>>,
    /// Absolute paths that appear read-only.
    pub read_only_paths: Vec<Vec<u8>>,
    /// Whose namespaces it is in.
    pub shares: Shares,
    /// `uname` node name.
    pub hostname: Vec<u8>,
    /// `uname` domain name.
    pub domainname: Vec<u8>,
    /// The first program.
    pub process: Process,
    /// The first process dies by signals without a handler, as any other; else it is an init that does not.
    pub is_init_mortal: bool,
    /// Owner that is shown for files of host ids outside the id map.
    pub unmapped_owner: u32,
    /// The program starts by [`crate::control::Order::Start`] only.
    pub awaits_start: bool,
    /// The sandbox ends with its starter; else the starter will detach from it.
    pub dies_with_starter: bool,
    /// After the id maps are written, become user and group 0 of the sandbox.
    pub becomes_root: bool,
    /// Every system call goes to the debug log.
    pub strace: bool,
    /// `oom_score_adj` of guest processes.
    pub oom_score_adj: Option<i32>,
    /// Most tasks of the container at a time.
    pub pids_limit: Option<u64>,
    /// Bytes of memory that the sandbox may have, when that is fewer than the host has. The first container decides.
    pub memory: Option<u64>,
    /// What else it may have.
    pub resources: Resources,
}

/// What a container may have besides tasks. The host's control groups hold a sandbox to it as a whole; here it is what
/// the container sees, and the processors that its tasks run on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Microseconds of processor time in each period, and the period.
    pub cpu: Option<(u64, u64)>,
    /// Numbers of processors; none: those of the sandbox.
    pub cpus: Vec<usize>,
}

/// Whose namespaces a container is in; those of the first one are the sandbox's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shares {
    /// Process ids.
    pub pid: Share,
    /// System V IPC and message queues.
    pub ipc: Share,
    /// Names of the machine.
    pub uts: Share,
    /// Sockets and devices.
    pub net: Share,
}

/// Whose namespace a container is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Share {
    /// The first container's.
    #[default]
    First,
    /// That of the container with this name.
    Of(String),
    /// Its own.
    Own,
}

/// What lies above the root tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Overlay {
    /// Memory of the sandbox: changes are gone at its end.
    Memory,
    /// Nothing: changes go to the host.
    None,
}

/// A mount of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path in the guest. Made when it is missing.
    pub target: Vec<u8>,
    /// What is mounted.
    pub kind: MountKind,
    /// How.
    pub options: MountOptions,
    /// The starter did not ask for it: no error when its target can't be made.
    pub is_optional: bool,
}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountKind {
    /// The tree with this index.
    Tree(usize),
    /// Memory, with the options of tmpfs(5).
    Tmpfs(Vec<u8>),
    /// Processes.
    Proc,
    /// The machine.
    Sysfs,
    /// Standard devices.
    Dev,
    /// Pseudo-terminals, with the options of pts(4).
    DevPts(Vec<u8>),
    /// POSIX message queues.
    Mqueue,
    /// Control groups.
    Cgroup,
}

/// Flags of a mount: mount(8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountOptions {
    /// `ro`.
    pub read_only: bool,
    /// `nosuid`.
    pub nosuid: bool,
    /// `nodev`.
    pub nodev: bool,
    /// `noexec`.
    pub noexec: bool,
}

/// A program and its process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Arguments, the program first. Searched along PATH of `env` when it has no slash.
    pub args: Vec<Vec<u8>>,
    /// Environment, `NAME=VALUE`.
    pub env: Vec<Vec<u8>>,
    /// Working directory.
    pub cwd: Vec<u8>,
    /// A missing working directory is replaced by `/`.
    pub is_cwd_optional: bool,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// File creation mask.
    pub umask: u32,
    /// Capabilities.
    pub capabilities: CapabilitySets,
    /// Limits that differ from the kernel's own.
    pub limits: Vec<Limit>,
    /// `no_new_privs`.
    pub no_new_privs: bool,
    /// What decides about its calls. A further process has that of the first.
    pub seccomp: Option<Filter>,
}

/// A filter of a process's calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// `code`, `jt`, `jf` and `k` of each instruction.
    code: Vec<(u16, u8, u8, u32)>,
    /// All that it does is logged, but for allowing.
    pub is_logged: bool,
}

impl Filter {
    /// A filter of these instructions. `EINVAL`: they are no program.
    pub fn new(instructions: &[Instruction], is_logged: bool) -> Result<Self, Errno> {
        let code = instructions.iter().map(|&Instruction { code, jt, jf, k }| (code, jt, jf, k)).collect();
        let filter = Self { code, is_logged };
        filter.setting().map(|_| filter)
    }

    /// As the kernel takes it. `EINVAL`.
    pub fn setting(&self) -> Result<Setting, Errno> {
        let instructions: Vec<_> = self.code.iter().map(|&(code, jt, jf, k)| Instruction { code, jt, jf, k }).collect();
        Ok(Setting { program: bpf::Program::new(&instructions)?, is_logged: self.is_logged })
    }
}

/// The five sets of capabilities(7), bit n for capability n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names of capabilities(7)")]
pub struct CapabilitySets {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
    pub bounding: u64,
    pub ambient: u64,
}

impl CapabilitySets {
    /// Those of root.
    pub const fn all() -> Self {
        let all = vfs::Capability::ALL;
        Self { effective: all, permitted: all, inheritable: 0, bounding: all, ambient: 0 }
    }

    /// Those of an ordinary user.
    pub const fn none() -> Self {
        Self { effective: 0, permitted: 0, inheritable: 0, bounding: vfs::Capability::ALL, ambient: 0 }
    }
}

/// A resource limit: getrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// `RLIMIT_*`.
    pub resource: u32,
    /// Soft limit; `u64::MAX` is none.
    pub soft: u64,
    /// Hard limit; `u64::MAX` is none.
    pub hard: u64,
}

/// Descriptors of the host that the sandbox is given. Everything else is closed.
#[derive(Debug)]
pub struct Descriptors {
    /// To the starter.
    pub link: Link,
    /// Where later commands connect.
    pub listener: Option<OwnedFd>,
    /// What the program reads and writes.
    pub streams: Streams,
    /// The debug log.
    pub log: Option<OwnedFd>,
}

/// Standard streams of a program and its terminal.
#[derive(Debug, Default)]
pub struct Streams {
    /// `None` is the guest's terminal.
    pub standard: [Option<OwnedFd>; 3],
    /// The host's terminal behind the guest's terminal.
    pub terminal: Option<Terminal>,
}

/// A terminal of the host. Unless it is the sandbox's own, it is lent when a program uses it.
#[derive(Debug)]
pub struct Terminal {
    /// It is read.
    pub input: OwnedFd,
    /// It is written.
    pub output: OwnedFd,
    /// Its size at the start.
    pub size: ConsoleSize,
    /// It is the sandbox's own (a pseudo-terminal made for it): its size is watched.
    pub is_own: bool,
}
