//! /sys/devices/system/cpu: kernel document admin-guide/cputopology.

use crate::pseudo::StaticDir;
use kernel::sched::CpuSet;

/// Adds the processors, each a core of one package with its own caches. Those that are not the sandbox's but have a
/// lower number are off line.
pub(super) fn add(mut root: StaticDir, cpus: &CpuSet) -> StaticDir {
    let base = "devices/system/cpu";
    let end = cpus.end();
    let possible = CpuSet::of(0..end);
    let offline = CpuSet::of(possible.iter().filter(|&cpu| !cpus.has(cpu)));
    for (name, set) in [("online", cpus), ("possible", &possible), ("present", &possible), ("offline", &offline)] {
        root = root.file(&format!("{base}/{name}"), format!("{}\n", set.list()));
    }
    root = root
        .file(&format!("{base}/isolated"), "\n")
        .file(&format!("{base}/kernel_max"), format!("{}\n", end.max(64) - 1))
        .file(&format!("{base}/smt/active"), "0\n")
        .file(&format!("{base}/smt/control"), "notsupported\n");
    for cpu in possible.iter() {
        root = add_one(root, &format!("{base}/cpu{cpu}"), cpu, cpus);
        root = root.link(&format!("bus/cpu/devices/cpu{cpu}"), &format!("../../../devices/system/cpu/cpu{cpu}"));
    }
    root
}

fn add_one(mut root: StaticDir, dir: &str, cpu: usize, cpus: &CpuSet) -> StaticDir {
    let (own, own_mask) = (cpu.to_string(), CpuSet::of([cpu]).mask(cpus.end()));
    let (all, all_mask) = (cpus.list(), cpus.mask(cpus.end()));
    let topology = [
        ("physical_package_id", "0"),
        ("die_id", "0"),
        ("core_id", &own),
        ("core_cpus", &own_mask),
        ("core_cpus_list", &own),
        ("thread_siblings", &own_mask),
        ("thread_siblings_list", &own),
        ("core_siblings", &all_mask),
        ("core_siblings_list", &all),
        ("package_cpus", &all_mask),
        ("package_cpus_list", &all),
        ("die_cpus", &all_mask),
        ("die_cpus_list", &all),
    ];
    for (name, value) in topology {
        root = root.file(&format!("{dir}/topology/{name}"), format!("{value}\n"));
    }
    // Level, type, size in KiB, ways; the last level is shared by all.
    let caches = [(1, "Data", 32, 8), (1, "Instruction", 32, 8), (2, "Unified", 1024, 8), (3, "Unified", 32768, 16)];
    for (index, (level, kind, kib, ways)) in caches.into_iter().enumerate() {
        let (shared, shared_mask) = if level == 3 { (&all, &all_mask) } else { (&own, &own_mask) };
        let values = [
            ("level", level.to_string()),
            ("type", kind.to_string()),
            ("size", format!("{kib}K")),
            ("coherency_line_size", "64".into()),
            ("ways_of_associativity", ways.to_string()),
            ("number_of_sets", (kib * 1024 / 64 / ways).to_string()),
            ("physical_line_partition", "1".into()),
            ("shared_cpu_list", shared.clone()),
            ("shared_cpu_map", shared_mask.clone()),
            ("id", if level == 3 { "0".into() } else { own.clone() }),
        ];
        for (name, value) in values {
            root = root.file(&format!("{dir}/cache/index{index}/{name}"), format!("{value}\n"));
        }
    }
    root.link(&format!("{dir}/node0"), "../../node/node0")
}
