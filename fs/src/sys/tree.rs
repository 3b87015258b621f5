//! The tree of /sys.

use super::cpu;
use crate::pseudo::{LazyDir, PseudoFs, StaticDir};
use kernel::sched::CpuSet;
use kernel::{Container, Task};
use std::sync::Arc;
use vfs::Caller;

/// `statfs(2)` magic.
const MAGIC: u64 = 0x6265_6572;

/// What the machine is like, as a container sees it.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Processors.
    pub cpus: CpuSet,
    /// Bytes of memory.
    pub memory: u64,
}

impl Machine {
    /// A container's; without one, what the sandbox has.
    pub fn of(container: Option<&Arc<Container>>) -> Self {
        let memory = host::file::total_memory();
        match container {
            Some(container) => Self { cpus: container.cpus(), memory: memory.min(container.memory()) },
            None => Self { cpus: kernel::sched::cpus(), memory },
        }
    }

    /// That of a caller's container.
    pub fn seen_by(caller: &Caller) -> Self {
        Self::of(Task::of(caller).map(|task| task.group().container()))
    }
}

/// A sysfs with a device number.
pub fn sysfs(machine: Machine, device: u64) -> Arc<PseudoFs> {
    // Put together when somebody looks: most never do.
    PseudoFs::new("sysfs", MAGIC, device, String::new(), move || Box::new(LazyDir::new(move || tree(machine))))
}

/// Directories that are there and empty.
const EMPTY: [&str; 18] = [
    "block",
    "bus",
    "class/block",
    "class/input",
    "class/mem",
    "class/misc",
    "class/power_supply",
    "class/thermal",
    "class/tty",
    "dev/block",
    "dev/char",
    "firmware",
    "fs/bpf",
    "fs/cgroup",
    "fs/fuse/connections",
    "hypervisor",
    "kernel/debug",
    "module",
];

fn tree(machine: Machine) -> StaticDir {
    let mut root = StaticDir::new();
    for path in EMPTY {
        root = root.dir(path, StaticDir::new());
    }
    root = cpu::add(root, &machine.cpus);
    root = add_memory_node(root, machine);
    root = add_loopback(root);
    root.file("kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
        .file("kernel/mm/transparent_hugepage/defrag", "always defer defer+madvise [madvise] never\n")
        .file("kernel/mm/transparent_hugepage/shmem_enabled", "always within_size advise [never] deny force\n")
        .file("kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152\n")
        .file("kernel/mm/transparent_hugepage/use_zero_page", "1\n")
        .file("kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n")
        .file("kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n")
        .file("kernel/mm/ksm/run", "0\n")
        .file("kernel/uevent_seqnum", "0\n")
        .file("devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
        .file("devices/system/clocksource/clocksource0/available_clocksource", "tsc \n")
}

/// One node of memory with all processors.
fn add_memory_node(root: StaticDir, machine: Machine) -> StaticDir {
    let kib = machine.memory / 1024;
    let cpus = machine.cpus.list();
    let node = "devices/system/node/node0";
    let meminfo = format!(
        "Node 0 MemTotal:       {kib:8} kB\nNode 0 MemFree:        {kib:8} kB\nNode 0 MemUsed:        {:8} kB\n",
        0
    );
    let root = root
        .file("devices/system/node/online", "0\n")
        .file("devices/system/node/possible", "0\n")
        .file("devices/system/node/has_cpu", "0\n")
        .file("devices/system/node/has_memory", "0\n")
        .file("devices/system/node/has_normal_memory", "0\n")
        .file(&format!("{node}/cpulist"), format!("{cpus}\n"))
        .file(&format!("{node}/cpumap"), format!("{}\n", machine.cpus.mask(machine.cpus.end())))
        .file(&format!("{node}/distance"), "10\n")
        .file(&format!("{node}/meminfo"), meminfo)
        .file(
            &format!("{node}/numastat"),
            "numa_hit 0\nnuma_miss 0\nnuma_foreign 0\ninterleave_hit 0\nlocal_node 0\nother_node 0\n",
        );
    let link = |root: StaticDir, cpu| root.link(&format!("{node}/cpu{cpu}"), &format!("../../cpu/cpu{cpu}"));
    machine.cpus.iter().fold(root, link)
}

/// The loopback interface.
fn add_loopback(root: StaticDir) -> StaticDir {
    const FILES: [(&str, &str); 17] = [
        ("addr_assign_type", "0\n"),
        ("addr_len", "6\n"),
        ("address", "00:00:00:00:00:00\n"),
        ("broadcast", "00:00:00:00:00:00\n"),
        ("carrier", "1\n"),
        ("dev_id", "0x0\n"),
        ("dormant", "0\n"),
        ("flags", "0x9\n"),
        ("ifalias", "\n"),
        ("ifindex", "1\n"),
        ("iflink", "1\n"),
        ("link_mode", "0\n"),
        ("mtu", "65536\n"),
        ("operstate", "unknown\n"),
        ("tx_queue_len", "1000\n"),
        ("type", "772\n"),
        ("uevent", "INTERFACE=lo\nIFINDEX=1\n"),
    ];
    const COUNTERS: [&str; 12] = [
        "collisions",
        "multicast",
        "rx_bytes",
        "rx_dropped",
        "rx_errors",
        "rx_fifo_errors",
        "rx_packets",
        "tx_bytes",
        "tx_dropped",
        "tx_errors",
        "tx_fifo_errors",
        "tx_packets",
    ];
    let dir = "devices/virtual/net/lo";
    let root = FILES.iter().fold(root, |root, (name, content)| root.file(&format!("{dir}/{name}"), *content));
    let root = COUNTERS.iter().fold(root, |root, name| root.file(&format!("{dir}/statistics/{name}"), "0\n"));
    root.link("class/net/lo", "../../devices/virtual/net/lo").link(&format!("{dir}/subsystem"), "../../../../class/net")
}
