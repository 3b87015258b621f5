//! /sys/devices/system/cpu: kernel document admin-guide/cputopology.

use crate::pseudo::StaticDir;
use std::fmt::Write as _;
use std::ops::Range;

/// Processors 0 to `cpus` - 1 as a list: `0-3`.
pub(super) fn list(cpus: usize) -> String {
    if cpus <= 1 { "0".into() } else { format!("0-{}", cpus - 1) }
}

/// A set of processors as a mask as wide as `cpus` needs: groups of 8 hexadecimal digits.
pub(super) fn mask(set: Range<usize>, cpus: usize) -> String {
    let words = cpus.div_ceil(32).max(1);
    let word = |index: usize| {
        (0..32).filter(|bit| set.contains(&(index * 32 + bit))).fold(0u32, |word, bit| word | (1 << bit))
    };
    let last_bits = match cpus % 32 {
        0 => 32,
        bits => bits,
    };
    let mut text = format!("{:0width$x}", word(words - 1), width = last_bits.div_ceil(4));
    for index in (0..words - 1).rev() {
        // Writing to a string cannot fail.
        let _ = write!(text, ",{:08x}", word(index));
    }
    text
}

/// Adds the processors, each a core of one package with its own caches.
pub(super) fn add(mut root: StaticDir, cpus: usize) -> StaticDir {
    let base = "devices/system/cpu";
    let all = list(cpus);
    for name in ["online", "possible", "present"] {
        root = root.file(&format!("{base}/{name}"), format!("{all}\n"));
    }
    root = root
        .file(&format!("{base}/offline"), "\n")
        .file(&format!("{base}/isolated"), "\n")
        .file(&format!("{base}/kernel_max"), format!("{}\n", cpus.max(64) - 1))
        .file(&format!("{base}/smt/active"), "0\n")
        .file(&format!("{base}/smt/control"), "notsupported\n");
    for cpu in 0..cpus {
        root = add_one(root, &format!("{base}/cpu{cpu}"), cpu, cpus);
        root = root.link(&format!("bus/cpu/devices/cpu{cpu}"), &format!("../../../devices/system/cpu/cpu{cpu}"));
    }
    root
}

fn add_one(mut root: StaticDir, dir: &str, cpu: usize, cpus: usize) -> StaticDir {
    let (own, own_mask) = (cpu.to_string(), mask(cpu..cpu + 1, cpus));
    let (all, all_mask) = (list(cpus), mask(0..cpus, cpus));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_masks() {
        assert_eq!((list(1), list(8)), ("0".into(), "0-7".into()));
        assert_eq!(mask(0..2, 2), "3");
        assert_eq!(mask(1..2, 8), "02");
        assert_eq!(mask(0..40, 40), "ff,ffffffff");
        assert_eq!(mask(0..1, 64), "00000000,00000001");
    }
}
