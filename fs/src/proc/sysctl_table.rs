//! The files below /proc/sys: `proc_sys(5)` and the kernel documents admin-guide/sysctl. Entries of one
//! directory stand together.

use super::root::Root;
use super::settings::{Settings, random_uuid};
use super::sysctl::{Entry, Read, Store, Value, parse_int};
use super::sysvipc;
use crate::devpts::PTY_MAX;
use crate::tty::Terminals;
use abi::Errno;
use kernel::Task;
use kernel::ptrace::Scope;
use kernel::seccomp::LoggedActions;
use std::sync::atomic::Ordering::Relaxed;
use vfs::quota::Kind;
use vfs::{Caller, Capability};

const fn fixed(path: &'static str, value: &'static str) -> Entry {
    Entry { path, mode: 0o444, value: Value::Fixed(value) }
}

const fn ints(path: &'static str, value: &'static str, min: i64, max: i64) -> Entry {
    Entry { path, mode: 0o644, value: Value::Ints(value, min, max) }
}

const fn int(path: &'static str, value: &'static str) -> Entry {
    ints(path, value, i32::MIN as i64, i32::MAX as i64)
}

const fn flag(path: &'static str, value: &'static str) -> Entry {
    ints(path, value, 0, 1)
}

const fn line(path: &'static str, value: &'static str) -> Entry {
    Entry { path, mode: 0o644, value: Value::Line(value) }
}

const fn code(path: &'static str, read: Read) -> Entry {
    Entry { path, mode: 0o444, value: Value::Code(read, None) }
}

const fn stored(path: &'static str, read: Read, store: Store) -> Entry {
    Entry { path, mode: 0o644, value: Value::Code(read, Some(store)) }
}

/// Most namespaces of a kind, of the caller's user namespace.
macro_rules! namespaces {
    ($name:literal, $kind:ident) => {
        stored(
            concat!("user/max_", $name, "_namespaces"),
            |_, caller| Ok(caller.creds.user_ns.max_namespaces(Kind::$kind).to_string().into()),
            |_, caller, bytes| set_max_namespaces(caller, Kind::$kind, bytes),
        )
    };
}

/// Longest host name.
const NAME_MAX: usize = 64;

/// Every file.
pub(super) static TABLE: &[Entry] = &[
    fixed("fs/aio-nr", "0"),
    int("fs/aio-max-nr", "65536"),
    fixed("fs/dentry-state", "0\t0\t45\t0\t0\t0"),
    flag("fs/dir-notify-enable", "1"),
    fixed("fs/epoll/max_user_watches", "5490265"),
    ints("fs/file-max", "9223372036854775807", 0, i64::MAX),
    fixed("fs/file-nr", "0\t0\t9223372036854775807"),
    fixed("fs/inode-nr", "0\t0"),
    fixed("fs/inode-state", "0\t0\t0\t0\t0\t0\t0"),
    int("fs/inotify/max_queued_events", "16384"),
    int("fs/inotify/max_user_instances", "128"),
    int("fs/inotify/max_user_watches", "192493"),
    int("fs/lease-break-time", "45"),
    flag("fs/leases-enable", "1"),
    int("fs/mount-max", "100000"),
    int("fs/mqueue/msg_default", "10"),
    int("fs/mqueue/msg_max", "10"),
    int("fs/mqueue/msgsize_default", "8192"),
    int("fs/mqueue/msgsize_max", "8192"),
    int("fs/mqueue/queues_max", "256"),
    fixed("fs/nr_open", "1048576"),
    int("fs/overflowgid", "65534"),
    int("fs/overflowuid", "65534"),
    ints("fs/pipe-max-size", "1048576", 4096, 1 << 31),
    int("fs/pipe-user-pages-hard", "0"),
    int("fs/pipe-user-pages-soft", "16384"),
    ints("fs/protected_fifos", "0", 0, 2),
    flag("fs/protected_hardlinks", "1"),
    ints("fs/protected_regular", "0", 0, 2),
    flag("fs/protected_symlinks", "1"),
    ints("fs/suid_dumpable", "0", 0, 2),
    fixed("kernel/arch", "x86_64"),
    fixed("kernel/auto_msgmni", "0"),
    fixed("kernel/cap_last_cap", "40"),
    stored("kernel/core_pattern", |root, _| Ok(root.kernel.core_pattern().text()), set_core_pattern),
    int("kernel/core_pipe_limit", "0"),
    stored("kernel/core_uses_pid", core_uses_pid, set_core_uses_pid),
    flag("kernel/ctrl-alt-del", "0"),
    flag("kernel/dmesg_restrict", "1"),
    stored("kernel/domainname", domainname, set_domainname),
    stored("kernel/hostname", hostname, set_hostname),
    ints("kernel/kptr_restrict", "0", 0, 2),
    stored("kernel/msg_next_id", sysvipc::msg_next_id, sysvipc::set_msg_next_id),
    stored("kernel/msgmax", sysvipc::msgmax, sysvipc::set_msgmax),
    stored("kernel/msgmnb", sysvipc::msgmnb, sysvipc::set_msgmnb),
    stored("kernel/msgmni", sysvipc::msgmni, sysvipc::set_msgmni),
    fixed("kernel/ngroups_max", "65536"),
    stored("kernel/ns_last_pid", last_pid, set_last_pid),
    code("kernel/osrelease", |_, _| Ok(kernel::RELEASE.into())),
    fixed("kernel/ostype", "Linux"),
    int("kernel/overflowgid", "65534"),
    int("kernel/overflowuid", "65534"),
    int("kernel/panic", "0"),
    flag("kernel/panic_on_oops", "0"),
    int("kernel/perf_event_max_sample_rate", "100000"),
    int("kernel/perf_event_mlock_kb", "516"),
    int("kernel/perf_event_paranoid", "4"),
    ints("kernel/pid_max", "4194304", 301, 4_194_304),
    ints("kernel/printk", "4\t4\t1\t7", 0, 10),
    int("kernel/printk_ratelimit", "5"),
    int("kernel/printk_ratelimit_burst", "10"),
    code("kernel/pty/max", |_, _| Ok(PTY_MAX.to_string().into())),
    code("kernel/pty/nr", |root, _| {
        let terminals = root.kernel.part::<Terminals>();
        Ok(terminals.map_or(0, |terminals| terminals.count().load(Relaxed)).to_string().into())
    }),
    int("kernel/pty/reserve", "1024"),
    code("kernel/random/boot_id", |root, _| Ok(Settings::of(&root.kernel).boot_id().into())),
    fixed("kernel/random/entropy_avail", "256"),
    fixed("kernel/random/poolsize", "256"),
    int("kernel/random/urandom_min_reseed_secs", "60"),
    code("kernel/random/uuid", |_, _| Ok(random_uuid().into())),
    int("kernel/random/write_wakeup_threshold", "256"),
    ints("kernel/randomize_va_space", "2", 0, 2),
    flag("kernel/sched_autogroup_enabled", "1"),
    int("kernel/sched_child_runs_first", "0"),
    int("kernel/sched_rr_timeslice_ms", "100"),
    int("kernel/sched_rt_period_us", "1000000"),
    int("kernel/sched_rt_runtime_us", "950000"),
    code("kernel/seccomp/actions_avail", |_, _| Ok(LoggedActions::available().into())),
    stored("kernel/seccomp/actions_logged", |root, _| Ok(root.kernel.seccomp_log().names().into()), set_actions_logged),
    stored("kernel/sem", sysvipc::sem_limits, sysvipc::set_sem_limits),
    stored("kernel/sem_next_id", sysvipc::sem_next_id, sysvipc::set_sem_next_id),
    stored("kernel/shm_next_id", sysvipc::shm_next_id, sysvipc::set_shm_next_id),
    flag("kernel/shm_rmid_forced", "0"),
    stored("kernel/shmall", sysvipc::shmall, sysvipc::set_shmall),
    stored("kernel/shmmax", sysvipc::shmmax, sysvipc::set_shmmax),
    stored("kernel/shmmni", sysvipc::shmmni, sysvipc::set_shmmni),
    flag("kernel/sysctl_writes_strict", "1"),
    fixed("kernel/tainted", "0"),
    ints("kernel/threads-max", "192686", 20, i32::MAX as i64),
    int("kernel/unprivileged_bpf_disabled", "2"),
    code("kernel/version", |_, _| Ok(kernel::VERSION.into())),
    stored("kernel/yama/ptrace_scope", ptrace_scope, set_ptrace_scope),
    int("net/core/netdev_max_backlog", "1000"),
    int("net/core/optmem_max", "131072"),
    int("net/core/rmem_default", "212992"),
    int("net/core/rmem_max", "4194304"),
    ints("net/core/somaxconn", "4096", 0, i32::MAX as i64),
    int("net/core/wmem_default", "212992"),
    int("net/core/wmem_max", "4194304"),
    flag("net/ipv4/conf/all/forwarding", "0"),
    int("net/ipv4/conf/all/rp_filter", "0"),
    flag("net/ipv4/conf/default/forwarding", "0"),
    int("net/ipv4/conf/default/rp_filter", "0"),
    flag("net/ipv4/conf/lo/forwarding", "0"),
    int("net/ipv4/conf/lo/rp_filter", "0"),
    int("net/ipv4/icmp_echo_ignore_all", "0"),
    ints("net/ipv4/ip_default_ttl", "64", 1, 255),
    flag("net/ipv4/ip_forward", "0"),
    ints("net/ipv4/ip_local_port_range", "32768\t60999", 1, 65535),
    line("net/ipv4/ip_local_reserved_ports", ""),
    int("net/ipv4/ip_nonlocal_bind", "0"),
    ints("net/ipv4/ip_unprivileged_port_start", "1024", 0, 65535),
    ints("net/ipv4/ping_group_range", "1\t0", 0, u32::MAX as i64),
    fixed("net/ipv4/tcp_allowed_congestion_control", "reno cubic"),
    fixed("net/ipv4/tcp_available_congestion_control", "reno cubic"),
    line("net/ipv4/tcp_congestion_control", "cubic"),
    flag("net/ipv4/tcp_dsack", "1"),
    int("net/ipv4/tcp_ecn", "2"),
    int("net/ipv4/tcp_fastopen", "1"),
    int("net/ipv4/tcp_fin_timeout", "60"),
    int("net/ipv4/tcp_keepalive_intvl", "75"),
    int("net/ipv4/tcp_keepalive_probes", "9"),
    int("net/ipv4/tcp_keepalive_time", "7200"),
    int("net/ipv4/tcp_max_syn_backlog", "2048"),
    int("net/ipv4/tcp_max_tw_buckets", "131072"),
    int("net/ipv4/tcp_mem", "287832\t383779\t575664"),
    flag("net/ipv4/tcp_moderate_rcvbuf", "1"),
    int("net/ipv4/tcp_retries1", "3"),
    int("net/ipv4/tcp_retries2", "15"),
    int("net/ipv4/tcp_rmem", "4096\t131072\t33554432"),
    flag("net/ipv4/tcp_sack", "1"),
    int("net/ipv4/tcp_syn_retries", "6"),
    int("net/ipv4/tcp_synack_retries", "5"),
    int("net/ipv4/tcp_syncookies", "1"),
    flag("net/ipv4/tcp_timestamps", "1"),
    int("net/ipv4/tcp_tw_reuse", "2"),
    flag("net/ipv4/tcp_window_scaling", "1"),
    int("net/ipv4/tcp_wmem", "4096\t16384\t4194304"),
    int("net/ipv4/udp_mem", "575667\t767558\t1151334"),
    int("net/ipv4/udp_rmem_min", "4096"),
    int("net/ipv4/udp_wmem_min", "4096"),
    flag("net/ipv6/bindv6only", "0"),
    flag("net/ipv6/conf/all/disable_ipv6", "0"),
    flag("net/ipv6/conf/all/forwarding", "0"),
    flag("net/ipv6/conf/default/disable_ipv6", "0"),
    flag("net/ipv6/conf/default/forwarding", "0"),
    flag("net/ipv6/conf/lo/disable_ipv6", "0"),
    int("net/unix/max_dgram_qlen", "512"),
    namespaces!("cgroup", Cgroup),
    namespaces!("ipc", Ipc),
    namespaces!("mnt", Mount),
    namespaces!("net", Net),
    namespaces!("pid", Pid),
    namespaces!("time", Time),
    namespaces!("user", User),
    namespaces!("uts", Uts),
    int("vm/admin_reserve_kbytes", "8192"),
    int("vm/dirty_background_bytes", "0"),
    ints("vm/dirty_background_ratio", "10", 0, 100),
    int("vm/dirty_bytes", "0"),
    int("vm/dirty_expire_centisecs", "3000"),
    ints("vm/dirty_ratio", "20", 0, 100),
    int("vm/dirty_writeback_centisecs", "500"),
    Entry { path: "vm/drop_caches", mode: 0o200, value: Value::Ints("0", 1, 4) },
    fixed("vm/legacy_va_layout", "0"),
    ints("vm/max_map_count", "65530", 0, i32::MAX as i64),
    int("vm/min_free_kbytes", "67584"),
    ints("vm/mmap_min_addr", "65536", 0, i32::MAX as i64),
    fixed("vm/mmap_rnd_bits", "28"),
    int("vm/nr_hugepages", "0"),
    int("vm/nr_overcommit_hugepages", "0"),
    flag("vm/oom_dump_tasks", "1"),
    flag("vm/oom_kill_allocating_task", "0"),
    int("vm/overcommit_kbytes", "0"),
    ints("vm/overcommit_memory", "0", 0, 2),
    int("vm/overcommit_ratio", "50"),
    int("vm/page-cluster", "3"),
    ints("vm/panic_on_oom", "0", 0, 2),
    ints("vm/swappiness", "60", 0, 200),
    flag("vm/unprivileged_userfaultfd", "0"),
    int("vm/user_reserve_kbytes", "131072"),
    int("vm/vfs_cache_pressure", "100"),
    int("vm/zone_reclaim_mode", "0"),
];

/// The caller's UTS namespace.
fn uts(caller: &Caller) -> Result<std::sync::Arc<kernel::UtsNamespace>, Errno> {
    let task = Task::of(caller).ok_or(Errno::ESRCH)?;
    Ok(task.attributes().namespaces.uts)
}

fn hostname(_root: &Root, caller: &Caller) -> Result<Vec<u8>, Errno> {
    Ok(uts(caller)?.hostname())
}

fn domainname(_root: &Root, caller: &Caller) -> Result<Vec<u8>, Errno> {
    Ok(uts(caller)?.domainname())
}

/// The name in a write, cut to what fits.
fn name(bytes: &[u8]) -> Vec<u8> {
    let line = bytes.split(|&byte| byte == b'\n' || byte == 0).next().unwrap_or_default();
    line[..line.len().min(NAME_MAX)].to_vec()
}

fn check_admin(caller: &Caller) -> Result<(), Errno> {
    let owner = uts(caller)?.owner.clone();
    if caller.creds.has_in(&owner, Capability::SysAdmin) { Ok(()) } else { Err(Errno::EPERM) }
}

fn set_hostname(_root: &Root, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    check_admin(caller)?;
    uts(caller)?.set_hostname(name(bytes));
    Ok(())
}

fn set_domainname(_root: &Root, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    check_admin(caller)?;
    uts(caller)?.set_domainname(name(bytes));
    Ok(())
}

fn set_max_namespaces(caller: &Caller, kind: Kind, bytes: &[u8]) -> Result<(), Errno> {
    caller.creds.user_ns.set_max_namespaces(kind, parse_int(bytes, i32::MAX)?);
    Ok(())
}

fn set_actions_logged(root: &Root, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    if !caller.creds.has_in(&root.kernel.root_namespaces().uts.owner, Capability::SysAdmin) {
        return Err(Errno::EPERM);
    }
    let line = bytes.split(|&byte| byte == b'\n' || byte == 0).next().unwrap_or_default();
    root.kernel.seccomp_log().set(std::str::from_utf8(line).map_err(|_| Errno::EINVAL)?)
}

fn last_pid(root: &Root, _caller: &Caller) -> Result<Vec<u8>, Errno> {
    Ok(root.kernel.tree().last_id(&root.ns).to_string().into())
}

fn ptrace_scope(root: &Root, _caller: &Caller) -> Result<Vec<u8>, Errno> {
    Ok(format!("{}\n", root.kernel.ptrace_scope() as u8).into_bytes())
}

fn set_ptrace_scope(root: &Root, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    if !caller.creds.has(Capability::SysPtrace) {
        return Err(Errno::EPERM);
    }
    let number = std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse::<usize>().ok());
    let scope = number.and_then(|number| Scope::ALL.get(number).copied()).ok_or(Errno::EINVAL)?;
    root.kernel.set_ptrace_scope(scope)
}

/// The next process gets the id behind it, when that is free.
fn set_last_pid(root: &Root, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let has = |capability| caller.creds.has_in(&root.ns.owner, capability);
    if !has(Capability::CheckpointRestore) && !has(Capability::SysAdmin) {
        return Err(Errno::EPERM);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?.trim();
    let id = text.parse().ok().filter(|&id| id >= 0).ok_or(Errno::EINVAL)?;
    if root.kernel.tree().set_last_id(&root.ns, id) { Ok(()) } else { Err(Errno::EINVAL) }
}

fn set_core_pattern(root: &Root, _caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    let line = bytes.split(|&byte| byte == b'\n' || byte == 0).next().unwrap_or_default();
    root.kernel.core_pattern().set_text(line);
    Ok(())
}

fn core_uses_pid(root: &Root, _caller: &Caller) -> Result<Vec<u8>, Errno> {
    Ok(u8::from(root.kernel.core_pattern().uses_pid.load(Relaxed)).to_string().into())
}

fn set_core_uses_pid(root: &Root, _caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
    root.kernel.core_pattern().uses_pid.store(parse_int(bytes, 1)? == 1, Relaxed);
    Ok(())
}
