//! The allow-list of the sentry: call, condition, reason. Everything else ends the sandbox.

use abi::nr;

/// A call that is permitted.
pub struct Entry {
    /// Its number.
    pub call: u32,
    /// All of these hold. Several entries of one call are alternatives.
    pub when: &'static [Condition],
    /// What it is needed for.
    pub reason: &'static str,
}

/// A condition on an argument (0 to 5), all 64 bits of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It has this value.
    Is(u8, u64),
    /// Under this mask it has this value.
    Masked(u8, u64, u64),
}

use Condition::{Is, Masked};

const PROT_EXEC: u64 = 4;
const CLONE_THREAD: u64 = 0x1_0000 | 0x800 | 0x400 | 0x100;
const CLONE_NAMESPACES: u64 = 0x7e02_0000 | 0x80;
const AF_UNIX: u64 = 1;
const FIONREAD: u64 = 0x541b;
const TIOCGWINSZ: u64 = 0x5413;
const TCGETS: u64 = 0x5401;
const PR_SET_NAME: u64 = 15;
const SIGABRT: u64 = 6;

macro_rules! entries {
    ($($call:ident $([$($when:expr),+])? $reason:literal;)*) => {
        &[$(Entry { call: nr::$call, when: &[$($($when),+)?], reason: $reason }),*]
    };
}

/// The table. Numbers of calls in groups of use.
pub const ENTRIES: &[Entry] = entries! {
    // Memory of the sentry itself. Never executable.
    BRK "heap of the C library";
    MMAP [Masked(2, PROT_EXEC, 0)] "heap, thread stacks, file pages of tmpfs";
    MUNMAP "heap, thread stacks, file pages of tmpfs";
    MREMAP "heap: growth of large blocks";
    MPROTECT [Masked(2, PROT_EXEC, 0)] "guard pages of thread stacks, arenas of the heap";
    MADVISE "returns freed heap to the host; thread stacks";

    // Threads: one per guest task.
    CLONE [Masked(0, CLONE_THREAD | CLONE_NAMESPACES, CLONE_THREAD)] "threads, never processes";
    SET_ROBUST_LIST "start of a thread in the C library";
    RSEQ "start of a thread in the C library";
    RT_SIGPROCMASK "start of a thread in the C library";
    SIGALTSTACK "stack overflow guard of a thread";
    PRLIMIT64 [Is(0, 0), Is(2, 0)] "stack size of a new thread, descriptors that are left";
    PRCTL [Is(0, PR_SET_NAME)] "names of threads, for whoever looks at the host";
    SCHED_GETAFFINITY "cores to run on: the adaptive hand-over and the guest's CPU count";
    SCHED_SETAFFINITY "the adaptive hand-over moves a thread to its stub's core; affinity of guests";
    SCHED_YIELD "contended locks; hand-over to a stub on the same core";
    GETCPU "the adaptive hand-over";
    GETTID "ids of threads";
    GETPID "own id in the pid namespace";
    FUTEX "locks, wait words, hand-over to and from stubs";
    EXIT "end of a thread";
    EXIT_GROUP "end of the sandbox";
    TGKILL "kicks a stub's thread out of application code; abort after a bug";
    RT_SIGACTION [Is(0, SIGABRT)] "abort after a bug";
    RT_SIGRETURN "return from the stack overflow guard";
    RESTART_SYSCALL "a sleep that a stop interrupted";

    // Stubs.
    KILL "ends a stub process, within the pid namespace";
    PIDFD_SEND_SIGNAL "ends a stub process";
    PIDFD_OPEN "learns of a stub's end";
    WAIT4 "reaps stubs, and orphans of the pid namespace";
    WAITID "reaps stubs, and orphans of the pid namespace";
    PROCESS_VM_READV "reads guest memory";
    PROCESS_VM_WRITEV "writes guest memory";
    SENDMSG "passes descriptors to a stub for mapping";
    SOCKETPAIR [Is(0, AF_UNIX)] "socket of a new stub";

    // Time and chance.
    CLOCK_GETTIME "clocks of guests beyond the vDSO's";
    CLOCK_GETRES "clock_getres(2) of guests";
    CLOCK_NANOSLEEP "sleeps of threads of the sentry";
    NANOSLEEP "sleeps of threads of the sentry";
    GETRANDOM "getrandom(2) and /dev/urandom of guests, AT_RANDOM, hash keys";
    TIMERFD_CREATE "the timer thread sleeps on the real-time clock, cancelled when it is set";
    TIMERFD_SETTIME "the timer thread's next deadline";

    // Files beneath directory descriptors.
    OPENAT2 "files of the host beneath a mount's directory; process files of stubs";
    OPENAT "process files of stubs and of the sentry in its own /proc";
    CLOSE "descriptors no longer needed";
    READ "host files, terminal, inherited standard streams";
    WRITE "host files, terminal, inherited standard streams, debug log";
    READV "inherited standard streams";
    WRITEV "inherited standard streams";
    PREAD64 "host files, tmpfs, memory of a traced stub";
    PWRITE64 "host files, tmpfs, memory of a traced stub";
    PREADV "host files, tmpfs";
    PWRITEV "host files, tmpfs";
    PREADV2 "host files with RWF_* flags";
    PWRITEV2 "host files with RWF_* flags";
    LSEEK "size, SEEK_DATA and SEEK_HOLE of host files and tmpfs";
    FSTAT "attributes of an open file";
    NEWFSTATAT "attributes beneath a directory";
    STATX "attributes with birth time and mount id";
    FSTATFS "statfs(2) of guests";
    GETDENTS64 "entries of directories";
    READLINKAT "symbolic links";
    MKDIRAT "written-through directories";
    MKNODAT "FIFOs and sockets in written-through directories";
    UNLINKAT "written-through directories";
    RENAMEAT2 "written-through directories";
    LINKAT "written-through directories";
    SYMLINKAT "written-through directories";
    FCHMOD "attributes of written-through files";
    FCHMODAT "attributes of written-through files";
    FCHMODAT2 "attributes of written-through files, links not followed";
    FCHOWNAT "attributes of written-through files";
    FCHOWN "attributes of written-through files";
    UTIMENSAT "attributes of written-through files";
    FTRUNCATE "written-through files, tmpfs";
    FALLOCATE "written-through files, tmpfs";
    FADVISE64 "posix_fadvise(2) of guests";
    FSYNC "written-through files";
    SYNCFS "written-through files";
    FDATASYNC "written-through files";
    SYNC_FILE_RANGE "written-through files";
    FGETXATTR "extended attributes";
    FSETXATTR "extended attributes of written-through files";
    FLISTXATTR "extended attributes";
    FREMOVEXATTR "extended attributes of written-through files";
    GETXATTR "extended attributes of a file by its descriptor's name in /proc";
    SETXATTR "extended attributes of a written-through file by its descriptor's name in /proc";
    LISTXATTR "extended attributes of a file by its descriptor's name in /proc";
    REMOVEXATTR "extended attributes of a written-through file by its descriptor's name in /proc";
    LGETXATTR "extended attributes, links not followed";
    LSETXATTR "extended attributes, links not followed";
    LLISTXATTR "extended attributes, links not followed";
    LREMOVEXATTR "extended attributes, links not followed";
    COPY_FILE_RANGE "copies within the host, overlay's copy-up";
    SENDFILE "copies from the host's page cache";
    MEMFD_CREATE "files of tmpfs, shared memory";
    FCNTL "descriptor flags, seals of memfds, locks of written-through files";
    DUP "a descriptor for another owner";
    DUP3 "a descriptor for another owner";
    IOCTL [Is(1, FIONREAD)] "bytes that wait in an inherited pipe or terminal";
    IOCTL [Is(1, TIOCGWINSZ)] "size of the terminal";
    IOCTL [Is(1, TCGETS)] "is an inherited stream a terminal";

    // Waiting, control.
    POLL "terminal and inherited streams, control";
    PPOLL "terminal and inherited streams, control";
    EPOLL_CREATE1 "waits for many inherited streams";
    EPOLL_CTL "waits for many inherited streams";
    EPOLL_WAIT "waits for many inherited streams";
    EPOLL_PWAIT "waits for many inherited streams";
    EVENTFD2 "wakes a thread that polls";
    PIPE2 "wakes a thread that polls";
    ACCEPT4 "control connections";
    RECVFROM "control messages";
    RECVMSG "control messages";
    SENDTO "control messages";
    SHUTDOWN "end of a control connection";

    // The machine.
    SYSINFO "memory figures of the guest's sysinfo(2) and /proc/meminfo";
    UNAME "release of the host, for features";
    GETRUSAGE "CPU time of the sentry's threads for guest accounting";
    MEMBARRIER "publishes changed patches to running threads";
};
