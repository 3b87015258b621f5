//! The system call table: one row a call. Feeds dispatch, `--strace` and the compatibility page.

use crate::arg::Handler;
use kernel::CurrentTask;
use sync::Fail;

/// How much of a call works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// All that Linux does.
    Full,
    /// Less; what is missing.
    Partial(&'static str),
}

/// One call.
pub struct Row {
    /// Name in section 2 of the manual.
    pub name: &'static str,
    /// The handler behind its decoder.
    pub call: fn(&mut CurrentTask, &[u64; 6]) -> Result<u64, Fail>,
    /// How much works.
    pub support: Support,
}

/// Highest number plus one.
pub(crate) const LEN: usize = 470;

macro_rules! table {
    ($($nr:ident $name:literal $handler:path, $support:expr;)*) => {{
        let mut table: [Option<Row>; LEN] = [const { None }; LEN];
        $(table[abi::nr::$nr as usize] = Some(Row {
            name: $name,
            call: |task, args| Handler::call(&$handler, task, args),
            support: $support,
        });)*
        table
    }};
}

/// Rows by number; a missing one is `ENOSYS`.
pub static TABLE: [Option<Row>; LEN] = table! {
    READ "read" crate::file::read, Support::Full;
    WRITE "write" crate::file::write, Support::Full;
    OPEN "open" crate::file::open, Support::Full;
    CLOSE "close" crate::file::close, Support::Full;
    STAT "stat" crate::file::stat, Support::Full;
    FSTAT "fstat" crate::file::fstat, Support::Full;
    LSTAT "lstat" crate::file::lstat, Support::Full;
    POLL "poll" crate::file::poll, Support::Full;
    LSEEK "lseek" crate::file::lseek, Support::Full;
    MMAP "mmap" crate::memory::mmap, Support::Full;
    MPROTECT "mprotect" crate::memory::mprotect, Support::Full;
    MUNMAP "munmap" crate::memory::munmap, Support::Full;
    BRK "brk" crate::memory::brk, Support::Full;
    RT_SIGACTION "rt_sigaction" crate::signal::rt_sigaction, Support::Full;
    RT_SIGPROCMASK "rt_sigprocmask" crate::signal::rt_sigprocmask, Support::Full;
    RT_SIGRETURN "rt_sigreturn" crate::signal::rt_sigreturn, Support::Full;
    IOCTL "ioctl" crate::file::ioctl, Support::Full;
    PREAD64 "pread64" crate::file::pread64, Support::Full;
    PWRITE64 "pwrite64" crate::file::pwrite64, Support::Full;
    READV "readv" crate::file::readv, Support::Full;
    WRITEV "writev" crate::file::writev, Support::Full;
    ACCESS "access" crate::file::access, Support::Full;
    PIPE "pipe" crate::file::pipe, Support::Full;
    SELECT "select" crate::file::select, Support::Full;
    SCHED_YIELD "sched_yield" crate::sched::sched_yield, Support::Full;
    MREMAP "mremap" crate::memory::mremap, Support::Full;
    MSYNC "msync" crate::memory::msync, Support::Full;
    MINCORE "mincore" crate::memory::mincore, Support::Full;
    MADVISE "madvise" crate::memory::madvise, Support::Partial("MADV_REMOVE and KSM advice are refused");
    SHMGET "shmget" crate::ipc::shmget, Support::Partial("SHM_HUGETLB is ENOMEM");
    SHMAT "shmat" crate::ipc::shmat, Support::Full;
    SHMCTL "shmctl" crate::ipc::shmctl, Support::Partial("SHM_LOCK is shown only");
    DUP "dup" crate::file::dup, Support::Full;
    DUP2 "dup2" crate::file::dup2, Support::Full;
    PAUSE "pause" crate::signal::pause, Support::Full;
    NANOSLEEP "nanosleep" crate::time::nanosleep, Support::Full;
    PTRACE "ptrace" crate::ptrace::ptrace, Support::Partial("debug registers do not watch for reads; no user dispatch");
    GETITIMER "getitimer" crate::time::getitimer, Support::Full;
    ALARM "alarm" crate::time::alarm, Support::Full;
    SETITIMER "setitimer" crate::time::setitimer, Support::Full;
    GETPID "getpid" crate::process::getpid, Support::Full;
    SENDFILE "sendfile" crate::file::sendfile, Support::Full;
    SOCKET "socket" crate::socket::socket, Support::Partial("unix, netlink, and TCP and UDP over loopback; no raw and packet sockets");
    CONNECT "connect" crate::socket::connect, Support::Full;
    ACCEPT "accept" crate::socket::accept, Support::Full;
    SENDTO "sendto" crate::socket::sendto, Support::Full;
    RECVFROM "recvfrom" crate::socket::recvfrom, Support::Full;
    SENDMSG "sendmsg" crate::socket::sendmsg, Support::Full;
    RECVMSG "recvmsg" crate::socket::recvmsg, Support::Full;
    SHUTDOWN "shutdown" crate::socket::shutdown, Support::Full;
    BIND "bind" crate::socket::bind, Support::Full;
    LISTEN "listen" crate::socket::listen, Support::Full;
    GETSOCKNAME "getsockname" crate::socket::getsockname, Support::Full;
    GETPEERNAME "getpeername" crate::socket::getpeername, Support::Full;
    SOCKETPAIR "socketpair" crate::socket::socketpair, Support::Full;
    SETSOCKOPT "setsockopt" crate::socket::setsockopt, Support::Full;
    GETSOCKOPT "getsockopt" crate::socket::getsockopt, Support::Full;
    CLONE "clone" crate::process::clone, Support::Partial("a child in a time namespace keeps a vDSO of the outer clocks until it calls execve");
    FORK "fork" crate::process::fork, Support::Full;
    VFORK "vfork" crate::process::vfork, Support::Full;
    EXECVE "execve" crate::process::execve, Support::Full;
    EXIT "exit" crate::process::exit, Support::Full;
    WAIT4 "wait4" crate::process::wait4, Support::Full;
    KILL "kill" crate::signal::kill, Support::Full;
    UNAME "uname" crate::info::uname, Support::Full;
    SEMGET "semget" crate::ipc::semget, Support::Full;
    SEMOP "semop" crate::ipc::semop, Support::Full;
    SEMCTL "semctl" crate::ipc::semctl, Support::Full;
    SHMDT "shmdt" crate::ipc::shmdt, Support::Full;
    MSGGET "msgget" crate::ipc::msgget, Support::Full;
    MSGSND "msgsnd" crate::ipc::msgsnd, Support::Full;
    MSGRCV "msgrcv" crate::ipc::msgrcv, Support::Full;
    MSGCTL "msgctl" crate::ipc::msgctl, Support::Full;
    FCNTL "fcntl" crate::file::fcntl, Support::Partial("no leases");
    FLOCK "flock" crate::file::flock, Support::Full;
    FSYNC "fsync" crate::file::fsync, Support::Full;
    FDATASYNC "fdatasync" crate::file::fdatasync, Support::Full;
    TRUNCATE "truncate" crate::file::truncate, Support::Full;
    FTRUNCATE "ftruncate" crate::file::ftruncate, Support::Full;
    GETDENTS "getdents" crate::file::getdents, Support::Full;
    GETCWD "getcwd" crate::file::getcwd, Support::Full;
    CHDIR "chdir" crate::file::chdir, Support::Full;
    FCHDIR "fchdir" crate::file::fchdir, Support::Full;
    RENAME "rename" crate::file::rename, Support::Full;
    MKDIR "mkdir" crate::file::mkdir, Support::Full;
    RMDIR "rmdir" crate::file::rmdir, Support::Full;
    CREAT "creat" crate::file::creat, Support::Full;
    LINK "link" crate::file::link, Support::Full;
    UNLINK "unlink" crate::file::unlink, Support::Full;
    SYMLINK "symlink" crate::file::symlink, Support::Full;
    READLINK "readlink" crate::file::readlink, Support::Full;
    CHMOD "chmod" crate::file::chmod, Support::Full;
    FCHMOD "fchmod" crate::file::fchmod, Support::Full;
    CHOWN "chown" crate::file::chown, Support::Full;
    FCHOWN "fchown" crate::file::fchown, Support::Full;
    LCHOWN "lchown" crate::file::lchown, Support::Full;
    UMASK "umask" crate::file::umask, Support::Full;
    GETTIMEOFDAY "gettimeofday" crate::time::gettimeofday, Support::Full;
    GETRLIMIT "getrlimit" crate::limits::getrlimit, Support::Full;
    GETRUSAGE "getrusage" crate::limits::getrusage, Support::Partial("faults, switches and I/O are not counted");
    SYSINFO "sysinfo" crate::info::sysinfo, Support::Partial("free memory is the host's, no load averages");
    TIMES "times" crate::limits::times, Support::Full;
    GETUID "getuid" crate::cred::getuid, Support::Full;
    SYSLOG "syslog" crate::info::syslog, Support::Partial("the log is empty");
    GETGID "getgid" crate::cred::getgid, Support::Full;
    SETUID "setuid" crate::cred::setuid, Support::Full;
    SETGID "setgid" crate::cred::setgid, Support::Full;
    GETEUID "geteuid" crate::cred::geteuid, Support::Full;
    GETEGID "getegid" crate::cred::getegid, Support::Full;
    SETPGID "setpgid" crate::process::setpgid, Support::Full;
    GETPPID "getppid" crate::process::getppid, Support::Full;
    GETPGRP "getpgrp" crate::process::getpgrp, Support::Full;
    SETSID "setsid" crate::process::setsid, Support::Full;
    SETREUID "setreuid" crate::cred::setreuid, Support::Full;
    SETREGID "setregid" crate::cred::setregid, Support::Full;
    GETGROUPS "getgroups" crate::cred::getgroups, Support::Full;
    SETGROUPS "setgroups" crate::cred::setgroups, Support::Full;
    SETRESUID "setresuid" crate::cred::setresuid, Support::Full;
    GETRESUID "getresuid" crate::cred::getresuid, Support::Full;
    SETRESGID "setresgid" crate::cred::setresgid, Support::Full;
    GETRESGID "getresgid" crate::cred::getresgid, Support::Full;
    GETPGID "getpgid" crate::process::getpgid, Support::Full;
    SETFSUID "setfsuid" crate::cred::setfsuid, Support::Full;
    SETFSGID "setfsgid" crate::cred::setfsgid, Support::Full;
    GETSID "getsid" crate::process::getsid, Support::Full;
    CAPGET "capget" crate::cred::capget, Support::Full;
    CAPSET "capset" crate::cred::capset, Support::Full;
    RT_SIGPENDING "rt_sigpending" crate::signal::rt_sigpending, Support::Full;
    RT_SIGTIMEDWAIT "rt_sigtimedwait" crate::signal::rt_sigtimedwait, Support::Full;
    RT_SIGQUEUEINFO "rt_sigqueueinfo" crate::signal::rt_sigqueueinfo, Support::Full;
    RT_SIGSUSPEND "rt_sigsuspend" crate::signal::rt_sigsuspend, Support::Full;
    SIGALTSTACK "sigaltstack" crate::signal::sigaltstack, Support::Full;
    UTIME "utime" crate::file::utime, Support::Full;
    MKNOD "mknod" crate::file::mknod, Support::Full;
    PERSONALITY "personality" crate::info::personality, Support::Partial("kept and shown; only STICKY_TIMEOUTS acts, and ADDR_NO_RANDOMIZE and READ_IMPLIES_EXEC may, at execve");
    USTAT "ustat" crate::file::ustat, Support::Full;
    STATFS "statfs" crate::file::statfs, Support::Full;
    FSTATFS "fstatfs" crate::file::fstatfs, Support::Full;
    SYSFS "sysfs" crate::file::sysfs, Support::Full;
    GETPRIORITY "getpriority" crate::sched::getpriority, Support::Full;
    SETPRIORITY "setpriority" crate::sched::setpriority, Support::Partial("kept and shown, without effect on the host");
    SCHED_SETPARAM "sched_setparam" crate::sched::sched_setparam, Support::Partial("kept and shown, without effect on the host");
    SCHED_GETPARAM "sched_getparam" crate::sched::sched_getparam, Support::Full;
    SCHED_SETSCHEDULER "sched_setscheduler" crate::sched::sched_setscheduler, Support::Partial("kept and shown, without effect on the host");
    SCHED_GETSCHEDULER "sched_getscheduler" crate::sched::sched_getscheduler, Support::Full;
    SCHED_GET_PRIORITY_MAX "sched_get_priority_max" crate::sched::sched_get_priority_max, Support::Full;
    SCHED_GET_PRIORITY_MIN "sched_get_priority_min" crate::sched::sched_get_priority_min, Support::Full;
    SCHED_RR_GET_INTERVAL "sched_rr_get_interval" crate::sched::sched_rr_get_interval, Support::Full;
    MLOCK "mlock" crate::memory::mlock, Support::Partial("counted and faulted in; the host may swap the pages");
    MUNLOCK "munlock" crate::memory::munlock, Support::Full;
    MLOCKALL "mlockall" crate::memory::mlockall, Support::Partial("counted and faulted in; the host may swap the pages");
    MUNLOCKALL "munlockall" crate::memory::munlockall, Support::Full;
    VHANGUP "vhangup" crate::process::vhangup, Support::Full;
    PIVOT_ROOT "pivot_root" crate::file::pivot_root, Support::Full;
    PRCTL "prctl" crate::prctl::prctl, Support::Partial("no PR_SET_MM_MAP, PR_SCHED_CORE, PR_SET_MDWE, PR_SET_SYSCALL_USER_DISPATCH");
    ARCH_PRCTL "arch_prctl" crate::memory::arch_prctl, Support::Full;
    ADJTIMEX "adjtimex" crate::time::adjtimex, Support::Partial("reads only");
    SETRLIMIT "setrlimit" crate::limits::setrlimit, Support::Partial("RLIMIT_CPU, RLIMIT_RTTIME, RLIMIT_RSS are kept and shown only");
    CHROOT "chroot" crate::file::chroot, Support::Full;
    SYNC "sync" crate::file::sync, Support::Full;
    SETTIMEOFDAY "settimeofday" crate::time::settimeofday, Support::Partial("EPERM: the clock is the host's");
    MOUNT "mount" crate::file::mount, Support::Partial("every mount is private; MS_REMOUNT changes flags of the mount only");
    UMOUNT2 "umount2" crate::file::umount2, Support::Partial("no MNT_EXPIRE");
    REBOOT "reboot" crate::process::reboot, Support::Partial("as in a pid namespace, also in the outermost one");
    SETHOSTNAME "sethostname" crate::info::sethostname, Support::Full;
    SETDOMAINNAME "setdomainname" crate::info::setdomainname, Support::Full;
    GETTID "gettid" crate::process::gettid, Support::Full;
    READAHEAD "readahead" crate::file::readahead, Support::Partial("checked, then ignored");
    SETXATTR "setxattr" crate::file::setxattr, Support::Full;
    LSETXATTR "lsetxattr" crate::file::lsetxattr, Support::Full;
    FSETXATTR "fsetxattr" crate::file::fsetxattr, Support::Full;
    GETXATTR "getxattr" crate::file::getxattr, Support::Full;
    LGETXATTR "lgetxattr" crate::file::lgetxattr, Support::Full;
    FGETXATTR "fgetxattr" crate::file::fgetxattr, Support::Full;
    LISTXATTR "listxattr" crate::file::listxattr, Support::Full;
    LLISTXATTR "llistxattr" crate::file::llistxattr, Support::Full;
    FLISTXATTR "flistxattr" crate::file::flistxattr, Support::Full;
    REMOVEXATTR "removexattr" crate::file::removexattr, Support::Full;
    LREMOVEXATTR "lremovexattr" crate::file::lremovexattr, Support::Full;
    FREMOVEXATTR "fremovexattr" crate::file::fremovexattr, Support::Full;
    TKILL "tkill" crate::signal::tkill, Support::Full;
    TIME "time" crate::time::time, Support::Full;
    FUTEX "futex" crate::futex::futex, Support::Partial("PI futexes lend no priority; waking a word that waits to be moved to a PI lock is no error");
    SCHED_SETAFFINITY "sched_setaffinity" crate::sched::sched_setaffinity, Support::Full;
    SCHED_GETAFFINITY "sched_getaffinity" crate::sched::sched_getaffinity, Support::Full;
    EPOLL_CREATE "epoll_create" crate::file::epoll_create, Support::Full;
    REMAP_FILE_PAGES "remap_file_pages" crate::memory::remap_file_pages, Support::Full;
    GETDENTS64 "getdents64" crate::file::getdents64, Support::Full;
    SET_TID_ADDRESS "set_tid_address" crate::process::set_tid_address, Support::Full;
    RESTART_SYSCALL "restart_syscall" crate::signal::restart_syscall, Support::Full;
    SEMTIMEDOP "semtimedop" crate::ipc::semtimedop, Support::Full;
    FADVISE64 "fadvise64" crate::file::fadvise64, Support::Partial("checked, then ignored");
    TIMER_CREATE "timer_create" crate::time::timer_create, Support::Full;
    TIMER_SETTIME "timer_settime" crate::time::timer_settime, Support::Full;
    TIMER_GETTIME "timer_gettime" crate::time::timer_gettime, Support::Full;
    TIMER_GETOVERRUN "timer_getoverrun" crate::time::timer_getoverrun, Support::Full;
    TIMER_DELETE "timer_delete" crate::time::timer_delete, Support::Full;
    CLOCK_SETTIME "clock_settime" crate::time::clock_settime, Support::Partial("EPERM: the clock is the host's");
    CLOCK_GETTIME "clock_gettime" crate::time::clock_gettime, Support::Partial("no clocks of devices");
    CLOCK_GETRES "clock_getres" crate::time::clock_getres, Support::Full;
    CLOCK_NANOSLEEP "clock_nanosleep" crate::time::clock_nanosleep, Support::Partial("no alarm clocks; sleeps on processor clocks do not tell the time that is left");
    EXIT_GROUP "exit_group" crate::process::exit_group, Support::Full;
    EPOLL_WAIT "epoll_wait" crate::file::epoll_wait, Support::Full;
    EPOLL_CTL "epoll_ctl" crate::file::epoll_ctl, Support::Partial("EPOLLEXCLUSIVE wakes every instance");
    TGKILL "tgkill" crate::signal::tgkill, Support::Full;
    UTIMES "utimes" crate::file::utimes, Support::Full;
    MBIND "mbind" crate::sched::mbind, Support::Partial("one node; a policy of shared memory is its mapper's alone");
    SET_MEMPOLICY "set_mempolicy" crate::sched::set_mempolicy, Support::Partial("one node");
    GET_MEMPOLICY "get_mempolicy" crate::sched::get_mempolicy, Support::Partial("one node");
    MQ_OPEN "mq_open" crate::ipc::mq_open, Support::Full;
    MQ_UNLINK "mq_unlink" crate::ipc::mq_unlink, Support::Full;
    MQ_TIMEDSEND "mq_timedsend" crate::ipc::mq_timedsend, Support::Full;
    MQ_TIMEDRECEIVE "mq_timedreceive" crate::ipc::mq_timedreceive, Support::Full;
    MQ_NOTIFY "mq_notify" crate::ipc::mq_notify, Support::Full;
    MQ_GETSETATTR "mq_getsetattr" crate::ipc::mq_getsetattr, Support::Full;
    WAITID "waitid" crate::process::waitid, Support::Full;
    IOPRIO_SET "ioprio_set" crate::sched::ioprio_set, Support::Partial("kept and shown, without effect on the host");
    IOPRIO_GET "ioprio_get" crate::sched::ioprio_get, Support::Full;
    INOTIFY_INIT "inotify_init" crate::file::inotify_init, Support::Full;
    INOTIFY_ADD_WATCH "inotify_add_watch" crate::file::inotify_add_watch, Support::Partial("no IN_UNMOUNT");
    INOTIFY_RM_WATCH "inotify_rm_watch" crate::file::inotify_rm_watch, Support::Full;
    MIGRATE_PAGES "migrate_pages" crate::sched::migrate_pages, Support::Full;
    OPENAT "openat" crate::file::openat, Support::Full;
    MKDIRAT "mkdirat" crate::file::mkdirat, Support::Full;
    MKNODAT "mknodat" crate::file::mknodat, Support::Full;
    FCHOWNAT "fchownat" crate::file::fchownat, Support::Full;
    FUTIMESAT "futimesat" crate::file::futimesat, Support::Full;
    NEWFSTATAT "newfstatat" crate::file::newfstatat, Support::Full;
    UNLINKAT "unlinkat" crate::file::unlinkat, Support::Full;
    RENAMEAT "renameat" crate::file::renameat, Support::Full;
    LINKAT "linkat" crate::file::linkat, Support::Full;
    SYMLINKAT "symlinkat" crate::file::symlinkat, Support::Full;
    READLINKAT "readlinkat" crate::file::readlinkat, Support::Full;
    FCHMODAT "fchmodat" crate::file::fchmodat, Support::Full;
    FACCESSAT "faccessat" crate::file::faccessat, Support::Full;
    PSELECT6 "pselect6" crate::file::pselect6, Support::Full;
    PPOLL "ppoll" crate::file::ppoll, Support::Full;
    UNSHARE "unshare" crate::process::unshare, Support::Full;
    SET_ROBUST_LIST "set_robust_list" crate::futex::set_robust_list, Support::Full;
    GET_ROBUST_LIST "get_robust_list" crate::futex::get_robust_list, Support::Full;
    SPLICE "splice" crate::file::splice, Support::Full;
    TEE "tee" crate::file::tee, Support::Full;
    SYNC_FILE_RANGE "sync_file_range" crate::file::sync_file_range, Support::Full;
    VMSPLICE "vmsplice" crate::file::vmsplice, Support::Partial("bytes are copied");
    MOVE_PAGES "move_pages" crate::sched::move_pages, Support::Partial("one node");
    UTIMENSAT "utimensat" crate::file::utimensat, Support::Full;
    EPOLL_PWAIT "epoll_pwait" crate::file::epoll_pwait, Support::Full;
    SIGNALFD "signalfd" crate::pidfd::signalfd, Support::Partial("poll shows the signals of the process that made it");
    TIMERFD_CREATE "timerfd_create" crate::time::timerfd_create, Support::Full;
    EVENTFD "eventfd" crate::file::eventfd, Support::Full;
    FALLOCATE "fallocate" crate::file::fallocate, Support::Full;
    TIMERFD_SETTIME "timerfd_settime" crate::time::timerfd_settime, Support::Full;
    TIMERFD_GETTIME "timerfd_gettime" crate::time::timerfd_gettime, Support::Full;
    ACCEPT4 "accept4" crate::socket::accept4, Support::Full;
    SIGNALFD4 "signalfd4" crate::pidfd::signalfd4, Support::Partial("poll shows the signals of the process that made it");
    EVENTFD2 "eventfd2" crate::file::eventfd2, Support::Full;
    EPOLL_CREATE1 "epoll_create1" crate::file::epoll_create1, Support::Full;
    DUP3 "dup3" crate::file::dup3, Support::Full;
    PIPE2 "pipe2" crate::file::pipe2, Support::Full;
    INOTIFY_INIT1 "inotify_init1" crate::file::inotify_init1, Support::Full;
    PREADV "preadv" crate::file::preadv, Support::Full;
    PWRITEV "pwritev" crate::file::pwritev, Support::Full;
    RT_TGSIGQUEUEINFO "rt_tgsigqueueinfo" crate::signal::rt_tgsigqueueinfo, Support::Full;
    RECVMMSG "recvmmsg" crate::socket::recvmmsg, Support::Full;
    PRLIMIT64 "prlimit64" crate::limits::prlimit64, Support::Partial("RLIMIT_CPU, RLIMIT_RTTIME, RLIMIT_RSS are kept and shown only");
    NAME_TO_HANDLE_AT "name_to_handle_at" crate::file::name_to_handle_at, Support::Partial("EOPNOTSUPP: no filesystem gives handles");
    CLOCK_ADJTIME "clock_adjtime" crate::time::clock_adjtime, Support::Partial("reads only");
    SYNCFS "syncfs" crate::file::syncfs, Support::Full;
    SENDMMSG "sendmmsg" crate::socket::sendmmsg, Support::Full;
    SETNS "setns" crate::process::setns, Support::Partial("a task that enters a time namespace without execve keeps a vDSO of the outer clocks");
    GETCPU "getcpu" crate::sched::getcpu, Support::Full;
    PROCESS_VM_READV "process_vm_readv" crate::memory::process_vm_readv, Support::Full;
    PROCESS_VM_WRITEV "process_vm_writev" crate::memory::process_vm_writev, Support::Full;
    KCMP "kcmp" crate::pidfd::kcmp, Support::Full;
    SCHED_SETATTR "sched_setattr" crate::sched::sched_setattr, Support::Partial("kept and shown, without effect on the host");
    SCHED_GETATTR "sched_getattr" crate::sched::sched_getattr, Support::Full;
    RENAMEAT2 "renameat2" crate::file::renameat2, Support::Full;
    SECCOMP "seccomp" crate::seccomp::seccomp, Support::Partial("the time stamp counter works in strict mode");
    GETRANDOM "getrandom" crate::info::getrandom, Support::Full;
    MEMFD_CREATE "memfd_create" crate::file::memfd_create, Support::Partial("MFD_HUGETLB as the host has it");
    EXECVEAT "execveat" crate::process::execveat, Support::Full;
    MEMBARRIER "membarrier" crate::memory::membarrier, Support::Full;
    MLOCK2 "mlock2" crate::memory::mlock2, Support::Partial("counted and faulted in; the host may swap the pages");
    COPY_FILE_RANGE "copy_file_range" crate::file::copy_file_range, Support::Full;
    PREADV2 "preadv2" crate::file::preadv2, Support::Partial("no RWF_NOAPPEND");
    PWRITEV2 "pwritev2" crate::file::pwritev2, Support::Partial("no RWF_NOAPPEND");
    PKEY_MPROTECT "pkey_mprotect" crate::memory::pkey_mprotect, Support::Full;
    PKEY_ALLOC "pkey_alloc" crate::memory::pkey_alloc, Support::Full;
    PKEY_FREE "pkey_free" crate::memory::pkey_free, Support::Full;
    STATX "statx" crate::file::statx, Support::Full;
    RSEQ "rseq" crate::memory::rseq, Support::Full;
    PIDFD_SEND_SIGNAL "pidfd_send_signal" crate::pidfd::pidfd_send_signal, Support::Full;
    PIDFD_OPEN "pidfd_open" crate::pidfd::pidfd_open, Support::Full;
    CLONE3 "clone3" crate::process::clone3, Support::Partial("as clone; one cgroup");
    CLOSE_RANGE "close_range" crate::file::close_range, Support::Full;
    OPENAT2 "openat2" crate::file::openat2, Support::Partial("RESOLVE_CACHED is EAGAIN");
    PIDFD_GETFD "pidfd_getfd" crate::pidfd::pidfd_getfd, Support::Full;
    FACCESSAT2 "faccessat2" crate::file::faccessat2, Support::Full;
    EPOLL_PWAIT2 "epoll_pwait2" crate::file::epoll_pwait2, Support::Full;
    FUTEX_WAITV "futex_waitv" crate::futex::futex_waitv, Support::Full;
    FCHMODAT2 "fchmodat2" crate::file::fchmodat2, Support::Full;
    FUTEX_WAKE "futex_wake" crate::futex::futex_wake, Support::Full;
    FUTEX_WAIT "futex_wait" crate::futex::futex_wait, Support::Full;
    FUTEX_REQUEUE "futex_requeue" crate::futex::futex_requeue, Support::Partial("both words private, or neither");
    MSEAL "mseal" crate::memory::mseal, Support::Full;
};
