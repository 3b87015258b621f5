//! System V IPC and POSIX message queues: `sysvipc(7)`, `mq_overview(7)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `IPC_PRIVATE`: always a new object.
pub const IPC_PRIVATE: i32 = 0;
/// `IPC_CREAT`.
pub const IPC_CREAT: i32 = 0o1000;
/// `IPC_EXCL`.
pub const IPC_EXCL: i32 = 0o2000;
/// `IPC_NOWAIT`.
pub const IPC_NOWAIT: i32 = 0o4000;
/// `IPC_RMID`.
pub const IPC_RMID: i32 = 0;
/// `IPC_SET`.
pub const IPC_SET: i32 = 1;
/// `IPC_STAT`.
pub const IPC_STAT: i32 = 2;
/// `IPC_INFO`.
pub const IPC_INFO: i32 = 3;
/// `IPC_64`: or'ed to commands by old libraries, no meaning here.
pub const IPC_64: i32 = 0x100;

/// `struct ipc64_perm`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of sysvipc(7)")]
pub struct IpcPerm {
    pub key: i32,
    pub uid: u32,
    pub gid: u32,
    pub cuid: u32,
    pub cgid: u32,
    pub mode: u32,
    pub seq: u16,
    pub pad2: u16,
    pub pad3: u32,
    pub unused: [u64; 2],
}

/// `SHM_RDONLY`.
pub const SHM_RDONLY: i32 = 0o10000;
/// `SHM_RND`.
pub const SHM_RND: i32 = 0o20000;
/// `SHM_REMAP`.
pub const SHM_REMAP: i32 = 0o40000;
/// `SHM_EXEC`.
pub const SHM_EXEC: i32 = 0o100_000;
/// `SHM_HUGETLB` of `shmget(2)`.
pub const SHM_HUGETLB: i32 = 0o4000;
/// `SHM_DEST` in a mode: gone with its last attach.
pub const SHM_DEST: u32 = 0o1000;
/// `SHM_LOCKED` in a mode.
pub const SHM_LOCKED: u32 = 0o2000;
/// `SHM_LOCK`.
pub const SHM_LOCK: i32 = 11;
/// `SHM_UNLOCK`.
pub const SHM_UNLOCK: i32 = 12;
/// `SHM_STAT`.
pub const SHM_STAT: i32 = 13;
/// `SHM_INFO`.
pub const SHM_INFO: i32 = 14;
/// `SHM_STAT_ANY`.
pub const SHM_STAT_ANY: i32 = 15;

/// `struct shmid64_ds`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of shmctl(2)")]
pub struct ShmidDs {
    pub perm: IpcPerm,
    pub segsz: u64,
    pub atime: i64,
    pub dtime: i64,
    pub ctime: i64,
    pub cpid: i32,
    pub lpid: i32,
    pub nattch: u64,
    pub unused: [u64; 2],
}

/// `struct shminfo64`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of shmctl(2)")]
pub struct ShmInfo64 {
    pub shmmax: u64,
    pub shmmin: u64,
    pub shmmni: u64,
    pub shmseg: u64,
    pub shmall: u64,
    pub unused: [u64; 4],
}

/// `struct shm_info`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of shmctl(2)")]
pub struct ShmInfo {
    pub used_ids: i32,
    pub pad: u32,
    pub shm_tot: u64,
    pub shm_rss: u64,
    pub shm_swp: u64,
    pub swap_attempts: u64,
    pub swap_successes: u64,
}

/// `GETPID` of `semctl(2)`.
pub const GETPID: i32 = 11;
/// `GETVAL`.
pub const GETVAL: i32 = 12;
/// `GETALL`.
pub const GETALL: i32 = 13;
/// `GETNCNT`.
pub const GETNCNT: i32 = 14;
/// `GETZCNT`.
pub const GETZCNT: i32 = 15;
/// `SETVAL`.
pub const SETVAL: i32 = 16;
/// `SETALL`.
pub const SETALL: i32 = 17;
/// `SEM_STAT`.
pub const SEM_STAT: i32 = 18;
/// `SEM_INFO`.
pub const SEM_INFO: i32 = 19;
/// `SEM_STAT_ANY`.
pub const SEM_STAT_ANY: i32 = 20;
/// `SEM_UNDO`.
pub const SEM_UNDO: i16 = 0x1000;

/// `struct semid64_ds` of x86-64.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of semctl(2)")]
pub struct SemidDs {
    pub perm: IpcPerm,
    pub otime: i64,
    pub unused1: u64,
    pub ctime: i64,
    pub unused2: u64,
    pub nsems: u64,
    pub unused: [u64; 2],
}

/// `struct sembuf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Sembuf {
    /// Semaphore in the set.
    pub num: u16,
    /// What to add; zero waits for zero.
    pub op: i16,
    /// `IPC_NOWAIT`, `SEM_UNDO`.
    pub flags: i16,
}

/// `struct seminfo`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of semctl(2)")]
pub struct Seminfo {
    pub semmap: i32,
    pub semmni: i32,
    pub semmns: i32,
    pub semmnu: i32,
    pub semmsl: i32,
    pub semopm: i32,
    pub semume: i32,
    pub semusz: i32,
    pub semvmx: i32,
    pub semaem: i32,
}

/// `MSG_NOERROR`: cut a longer message.
pub const MSG_NOERROR: i32 = 0o10000;
/// `MSG_EXCEPT`: any type but this one.
pub const MSG_EXCEPT: i32 = 0o20000;
/// `MSG_COPY`: leave it in the queue; the type is an index.
pub const MSG_COPY: i32 = 0o40000;
/// `MSG_STAT` of `msgctl(2)`.
pub const MSG_STAT: i32 = 11;
/// `MSG_INFO`.
pub const MSG_INFO: i32 = 12;
/// `MSG_STAT_ANY`.
pub const MSG_STAT_ANY: i32 = 13;

/// `struct msqid64_ds`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of msgctl(2)")]
pub struct MsqidDs {
    pub perm: IpcPerm,
    pub stime: i64,
    pub rtime: i64,
    pub ctime: i64,
    pub cbytes: u64,
    pub qnum: u64,
    pub qbytes: u64,
    pub lspid: i32,
    pub lrpid: i32,
    pub unused: [u64; 2],
}

/// `struct msginfo`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of msgctl(2)")]
pub struct Msginfo {
    pub msgpool: i32,
    pub msgmap: i32,
    pub msgmax: i32,
    pub msgmnb: i32,
    pub msgmni: i32,
    pub msgssz: i32,
    pub msgtql: i32,
    pub msgseg: u16,
    pub pad: u16,
}

/// `struct mq_attr`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct MqAttr {
    /// `O_NONBLOCK` or 0.
    pub flags: i64,
    /// Most messages.
    pub maxmsg: i64,
    /// Most bytes of one.
    pub msgsize: i64,
    /// Messages now.
    pub curmsgs: i64,
    /// Not used.
    pub reserved: [i64; 4],
}
