//! The root directory of /proc: files of the machine, and the processes.

use super::machine;
use super::process::{Process, process_dir};
use super::settings::Settings;
use super::sysctl::Sysctl;
use super::sysvipc;
use crate::pseudo::{Child, Name, Object, PseudoFs, Row, Subject, TableDir, dir, link, special, text};
use abi::Errno;
use abi::fs::FileType;
use kernel::{Kernel, PidNamespace, Task};
use std::sync::Arc;
use vfs::{CachePolicy, Caller, LinkTarget};

/// `statfs(2)` magic.
const MAGIC: u64 = 0x9fa0;

/// The machine as a pid namespace sees it.
#[derive(Clone)]
pub(super) struct Root {
    pub(super) kernel: Arc<Kernel>,
    pub(super) ns: Arc<PidNamespace>,
}

impl Subject for Root {}

/// A /proc that shows the processes of a pid namespace.
pub fn procfs(kernel: Arc<Kernel>, ns: Arc<PidNamespace>, device: u64) -> Arc<PseudoFs> {
    Settings::of(&kernel);
    let root = Root { kernel, ns };
    PseudoFs::new_closed("proc", MAGIC, device, move || Box::new(RootDir::new(root.clone())))
}

/// Files of the machine, by name.
static ROWS: &[Row<Root>] = &[
    text("buddyinfo", 0o444, machine::buddyinfo),
    text("cgroups", 0o444, machine::cgroups),
    text("cmdline", 0o444, machine::cmdline),
    text("consoles", 0o444, machine::empty),
    text("cpuinfo", 0o444, machine::cpuinfo),
    text("crypto", 0o444, machine::empty),
    text("devices", 0o444, machine::devices),
    text("diskstats", 0o444, machine::empty),
    dir("driver", &[]),
    text("execdomains", 0o444, machine::execdomains),
    text("filesystems", 0o444, machine::filesystems),
    dir("fs", &[]),
    text("interrupts", 0o444, machine::interrupts),
    text("iomem", 0o400, machine::empty),
    text("ioports", 0o400, machine::empty),
    dir("irq", &[]),
    text("key-users", 0o444, machine::empty),
    text("keys", 0o444, machine::empty),
    text("loadavg", 0o444, machine::loadavg),
    text("locks", 0o444, machine::empty),
    text("meminfo", 0o444, machine::meminfo),
    text("misc", 0o444, machine::empty),
    text("modules", 0o444, machine::empty),
    link("mounts", |_, _| path("self/mounts")),
    link("net", |_, _| path("self/net")),
    text("partitions", 0o444, machine::empty),
    dir(
        "pressure",
        &[
            text("cpu", 0o444, machine::pressure),
            text("io", 0o444, machine::pressure),
            text("memory", 0o444, machine::pressure),
        ],
    ),
    link("self", own_process),
    text("softirqs", 0o444, machine::softirqs),
    text("stat", 0o444, machine::stat),
    text("swaps", 0o444, machine::swaps),
    special("sys", FileType::Directory, |root| Box::new(Sysctl::root(root.clone()))),
    dir(
        "sysvipc",
        &[text("msg", 0o444, sysvipc::msg), text("sem", 0o444, sysvipc::sem), text("shm", 0o444, sysvipc::shm)],
    ),
    link("thread-self", own_thread),
    dir("tty", &[text("drivers", 0o444, machine::tty_drivers)]),
    text("uptime", 0o444, machine::uptime),
    text("version", 0o444, machine::version),
    text("vmstat", 0o444, machine::vmstat),
    text("zoneinfo", 0o444, machine::empty),
];

fn path(target: &str) -> Result<LinkTarget, Errno> {
    Ok(LinkTarget::Path(target.as_bytes().to_vec()))
}

fn own_process(root: &Root, caller: &Caller) -> Result<LinkTarget, Errno> {
    let task = Task::of(caller).ok_or(Errno::ENOENT)?;
    match task.group().pid().within(&root.ns) {
        0 => Err(Errno::ENOENT),
        pid => path(&pid.to_string()),
    }
}

fn own_thread(root: &Root, caller: &Caller) -> Result<LinkTarget, Errno> {
    let task = Task::of(caller).ok_or(Errno::ENOENT)?;
    match (task.group().pid().within(&root.ns), task.tid_in(&root.ns)) {
        (0, _) | (_, 0) => Err(Errno::ENOENT),
        (pid, tid) => path(&format!("{pid}/task/{tid}")),
    }
}

/// A process or thread id as a name of /proc: decimal without zeros in front.
pub(super) fn parse_id(name: &[u8]) -> Option<i32> {
    if name.first() == Some(&b'0') {
        return None;
    }
    let digits = std::str::from_utf8(name).ok().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok()
}

/// Keys of processes lie above those of the rows.
const FIRST_PROCESS: u64 = 256;

/// The root directory.
struct RootDir {
    root: Root,
    table: TableDir<Root>,
}

impl RootDir {
    fn new(root: Root) -> Self {
        Self { table: TableDir::new(root.clone(), ROWS), root }
    }

    /// Ids of all processes, in order.
    fn ids(&self) -> Vec<i32> {
        let groups = self.root.kernel.groups();
        let mut ids: Vec<i32> =
            groups.iter().map(|group| group.pid().within(&self.root.ns)).filter(|&id| id != 0).collect();
        ids.sort_unstable();
        ids
    }
}

impl Object for RootDir {
    fn kind(&self) -> FileType {
        FileType::Directory
    }

    fn mode(&self) -> u32 {
        0o555
    }

    fn links(&self) -> u32 {
        2 + self.table.dir_count() + self.root.kernel.groups().len() as u32
    }

    fn cache_policy(&self) -> CachePolicy {
        CachePolicy::Never
    }

    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        let Some(id) = parse_id(name) else {
            return self.table.find(name).map(Child::Object).ok_or(Errno::ENOENT);
        };
        // A thread's id works as well, though it is not listed.
        let task = self.root.kernel.tree().task(&self.root.ns, id).ok_or(Errno::ENOENT)?;
        Ok(Child::Object(process_dir(Process::new(self.root.clone(), task, false))))
    }

    fn list(&self, _caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        let rows = self.table.names();
        let processes = self.ids().into_iter().map(|id| Name {
            name: id.to_string().into_bytes(),
            kind: FileType::Directory,
            ino: None,
            key: FIRST_PROCESS + id as u64,
        });
        Ok(rows.chain(processes).filter(|name| name.key > after).collect())
    }
}
