//! The machine that the guest sees.

use crate::container::Container;
use crate::dump::Pattern;
use crate::futex::Table;
use crate::ipc::IpcNamespace;
use crate::namespace::CgroupNamespace;
use crate::pid::PidNamespace;
use crate::ptrace::Scope;
use crate::sched::CpuSet;
use crate::seccomp::LoggedActions;
use crate::signal::FileSignals;
use crate::task::{CurrentTask, Namespaces, Task, ThreadGroup};
use crate::timens::TimeNamespace;
use crate::timers::Service;
use crate::tree::Tree;
use crate::user::User;
use crate::uts::UtsNamespace;
use net::NetNamespace;
use platform::Platform;
use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;
use sync::{Clock, EventCount, Fail, Mutex, MutexGuard, Rank};
use vfs::UserNamespace;

/// Answers a system call: number and arguments.
pub type Dispatch = fn(&mut CurrentTask, u32, &[u64; 6]) -> Result<u64, Fail>;

/// What a machine is made of.
pub struct Config {
    /// Makes address spaces.
    pub platform: Arc<Platform>,
    /// Answers system calls: `syscalls::dispatch`.
    pub dispatch: Dispatch,
    /// The root user namespace.
    pub user_ns: Arc<UserNamespace>,
    /// Host name, at most 64 bytes.
    pub hostname: Vec<u8>,
    /// NIS domain name, at most 64 bytes.
    pub domainname: Vec<u8>,
    /// Every call goes to the debug log.
    pub strace: bool,
}

/// First of the numbers of namespaces in /proc/PID/ns, as Linux numbers its own.
const FIRST_NAMESPACE: u64 = 4_026_531_834;
/// `RLIMIT_*` numbers that the core itself looks at.
pub(crate) const RLIMIT_STACK: u32 = 3;
pub(crate) const RLIMIT_CORE: u32 = 4;
pub(crate) const RLIMIT_NPROC: u32 = 6;
pub(crate) const RLIMIT_SIGPENDING: u32 = 11;

/// The machine that the guest sees: process tree, namespaces, timers, platform. One per sandbox.
pub struct Kernel {
    platform: Arc<Platform>,
    dispatch: Dispatch,
    is_strace: AtomicBool,
    /// Monotonic time of the host when the machine started.
    boot: Duration,
    tree: Mutex<Tree>,
    users: Mutex<HashMap<u32, Weak<User>>>,
    next_namespace: AtomicU64,
    next_serial: AtomicU64,
    next_session: AtomicU32,
    root: Namespaces,
    unimplemented: Mutex<BTreeMap<u32, u64>>,
    parts: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    pub(crate) containers: Mutex<Vec<Weak<Container>>>,
    /// There has been a user namespace beside the root one.
    has_user_namespaces: AtomicBool,
    pub(crate) ptrace_scope: Mutex<Scope>,
    /// Processes that have become zombies or are gone: dying inits wait for them.
    pub(crate) departures: EventCount,
    futexes: Table,
    timers: Arc<Service>,
    file_signals: Arc<FileSignals>,
    seccomp_log: LoggedActions,
    core_pattern: Pattern,
}

impl Kernel {
    /// A machine without processes.
    pub fn new(config: Config) -> Arc<Self> {
        crate::sched::set_cpus(CpuSet::of(config.platform.cpus()));
        let ids = FIRST_NAMESPACE;
        let uts = UtsNamespace::new(ids + 4, config.user_ns.clone(), config.hostname, config.domainname);
        let ipc = IpcNamespace::new(ids + 5, config.user_ns.clone());
        let pid = PidNamespace::root(ids + 2, config.user_ns.clone());
        let cgroup = CgroupNamespace::new(ids + 1, config.user_ns.clone());
        let time = TimeNamespace::root(ids, config.user_ns.clone());
        let net = NetNamespace::new(config.user_ns);
        net.set_id(ids + 6);
        Arc::new(Self {
            platform: config.platform,
            dispatch: config.dispatch,
            is_strace: AtomicBool::new(config.strace),
            boot: sync::now(Clock::Monotonic),
            tree: Mutex::new(Rank::Tree, Tree::default()),
            users: Mutex::new(Rank::Leaf, HashMap::new()),
            next_namespace: AtomicU64::new(ids + 100),
            next_serial: AtomicU64::new(1),
            next_session: AtomicU32::new(1),
            root: Namespaces {
                uts,
                ipc,
                pid_for_children: pid,
                cgroup,
                net,
                time: time.clone(),
                time_for_children: time,
            },
            unimplemented: Mutex::new(Rank::Leaf, BTreeMap::new()),
            parts: Mutex::new(Rank::Leaf, HashMap::new()),
            containers: Mutex::new(Rank::Leaf, Vec::new()),
            has_user_namespaces: AtomicBool::new(false),
            ptrace_scope: Mutex::new(Rank::Leaf, Scope::default()),
            departures: EventCount::default(),
            futexes: Table::new(),
            timers: Service::new(),
            file_signals: Arc::default(),
            seccomp_log: LoggedActions::new(),
            core_pattern: Pattern::default(),
        })
    }

    /// Waiters of all futexes.
    pub const fn futexes(&self) -> &Table {
        &self.futexes
    }

    /// All timers.
    pub const fn timers(&self) -> &Arc<Service> {
        &self.timers
    }

    pub(crate) const fn file_signals(&self) -> &Arc<FileSignals> {
        &self.file_signals
    }

    /// Where core dumps go.
    pub const fn core_pattern(&self) -> &Pattern {
        &self.core_pattern
    }

    /// Which actions of filters are logged.
    pub const fn seccomp_log(&self) -> &LoggedActions {
        &self.seccomp_log
    }

    /// Makes address spaces.
    pub const fn platform(&self) -> &Arc<Platform> {
        &self.platform
    }

    /// Answers system calls.
    pub const fn dispatch(&self) -> Dispatch {
        self.dispatch
    }

    /// Every call goes to the debug log.
    pub fn is_strace(&self) -> bool {
        self.is_strace.load(Relaxed)
    }

    /// Monotonic time of the host when the machine started.
    pub const fn boot(&self) -> Duration {
        self.boot
    }

    /// Time since the machine started.
    pub fn uptime(&self) -> Duration {
        sync::now(Clock::Monotonic).saturating_sub(self.boot)
    }

    /// The process tree, locked.
    pub fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock()
    }

    /// The namespaces of the first process.
    pub const fn root_namespaces(&self) -> &Namespaces {
        &self.root
    }

    /// The root pid namespace.
    pub const fn root_pids(&self) -> &Arc<PidNamespace> {
        &self.root.pid_for_children
    }

    /// A number for a new namespace.
    pub fn new_namespace_id(&self) -> u64 {
        self.next_namespace.fetch_add(1, Relaxed)
    }

    /// There is, or was, a user namespace beside the root one: ids may have other names.
    pub fn has_user_namespaces(&self) -> bool {
        self.has_user_namespaces.load(Relaxed)
    }

    /// Notes that there is a user namespace beside the root one.
    pub(crate) fn note_user_namespace(&self) {
        self.has_user_namespaces.store(true, Relaxed);
    }

    /// A number for a login.
    pub fn new_login_session(&self) -> u32 {
        self.next_session.fetch_add(1, Relaxed)
    }

    pub(crate) fn new_serial(&self) -> u64 {
        self.next_serial.fetch_add(1, Relaxed)
    }

    /// What is counted for a real user id.
    pub fn user(&self, uid: u32) -> Arc<User> {
        let mut users = self.users.lock();
        if let Some(user) = users.get(&uid).and_then(Weak::upgrade) {
            return user;
        }
        users.retain(|_, user| user.strong_count() != 0);
        let user = Arc::new(User::default());
        users.insert(uid, Arc::downgrade(&user));
        user
    }

    /// Counts a call that does not exist here.
    pub fn count_unimplemented(&self, nr: u32) {
        *self.unimplemented.lock().entry(nr.min(0x1000)).or_default() += 1;
    }

    /// Calls that programs made but do not exist here, with counts (numbers from 0x1000 on are one).
    pub fn unimplemented(&self) -> Vec<(u32, u64)> {
        self.unimplemented.lock().iter().map(|(&nr, &count)| (nr, count)).collect()
    }

    /// Adds a part that the core knows nothing of (a network, a terminal table), found by its type.
    pub fn set_part<T: Any + Send + Sync>(&self, part: Arc<T>) {
        self.parts.lock().insert(TypeId::of::<T>(), part);
    }

    /// A part added by [`Self::set_part`].
    pub fn part<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let part = self.parts.lock().get(&TypeId::of::<T>())?.clone();
        part.downcast().ok()
    }

    /// All processes, zombies included.
    pub fn groups(&self) -> Vec<Arc<ThreadGroup>> {
        self.tree().groups()
    }

    /// The thread with an id in the root namespace.
    pub fn task(&self, tid: i32) -> Option<Arc<Task>> {
        self.tree().task(self.root_pids(), tid)
    }

    /// The process with an id in the root namespace.
    pub fn group(&self, pid: i32) -> Option<Arc<ThreadGroup>> {
        self.tree().group(self.root_pids(), pid)
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kernel")
    }
}
