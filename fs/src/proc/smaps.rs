//! What of a process's memory is resident: smaps, smaps_rollup, numa_maps. The host counts; what it counts in ranges
//! that are none of the application's does not show.

use super::addresses::{flags, line, map_name};
use super::process::Process;
use abi::Errno;
use mm::{Mapping, Mm, Policy};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::Arc;
use vfs::Caller;

type Text = Result<Vec<u8>, Errno>;

/// Figures of an entry in the order of the file, in KiB. Those of the rollup alone stand at the end.
const NAMES: [&str; 19] = [
    "Rss",
    "Pss",
    "Pss_Dirty",
    "Shared_Clean",
    "Shared_Dirty",
    "Private_Clean",
    "Private_Dirty",
    "Referenced",
    "Anonymous",
    "KSM",
    "LazyFree",
    "AnonHugePages",
    "ShmemPmdMapped",
    "FilePmdMapped",
    "Shared_Hugetlb",
    "Private_Hugetlb",
    "Swap",
    "SwapPss",
    "Locked",
];
const RSS: usize = 0;
const PSS: usize = 1;
const SHARED_DIRTY: usize = 4;
const PRIVATE_DIRTY: usize = 6;
const ANONYMOUS: usize = 8;
const SWAP: usize = 16;
const LOCKED: usize = 18;

type Figures = [u64; NAMES.len()];

/// The host's mappings with what it counts in each, by address.
struct Host(Vec<(u64, u64, Figures)>);

impl Host {
    /// None where the host does not let us look.
    fn of(mm: &Mm) -> Self {
        Self(mm.space().proc_file("smaps", false).map(parse).unwrap_or_default())
    }

    /// Sums over a mapping. One of the host's that holds more than the mapping counts by its share.
    fn within(&self, mapping: &Mapping) -> Figures {
        let mut sum = [0; NAMES.len()];
        let first = self.0.partition_point(|&(_, end, _)| end <= mapping.start);
        for (start, end, figures) in self.0[first..].iter().take_while(|&&(start, ..)| start < mapping.end) {
            let overlap = (*end).min(mapping.end) - (*start).max(mapping.start);
            for (sum, figure) in sum.iter_mut().zip(figures) {
                *sum += if overlap == end - start { *figure } else { share(*figure, overlap, end - start) };
            }
        }
        // The host knows nothing of locks: they forbid nothing to it.
        sum[LOCKED] = if mapping.is_locked { sum[PSS] } else { 0 };
        sum
    }
}

/// A part of so many KiB, in whole pages.
fn share(kib: u64, part: u64, whole: u64) -> u64 {
    (u128::from(kib) * u128::from(part) / u128::from(whole.max(1))) as u64 / 4 * 4
}

/// Reads a file of the form of smaps.
fn parse(file: File) -> Vec<(u64, u64, Figures)> {
    let mut entries: Vec<(u64, u64, Figures)> = Vec::new();
    for text in BufReader::new(file).lines().map_while(Result::ok) {
        let (first, rest) = text.split_once(' ').unwrap_or((&text, ""));
        if let Some((start, end)) = first.split_once('-') {
            let range = u64::from_str_radix(start, 16).ok().zip(u64::from_str_radix(end, 16).ok());
            entries.extend(range.map(|(start, end)| (start, end, [0; NAMES.len()])));
            continue;
        }
        let name = first.trim_end_matches(':');
        if let (Some(at), Some((_, _, figures))) = (NAMES.iter().position(|&n| n == name), entries.last_mut()) {
            figures[at] = rest.trim_end_matches("kB").trim().parse().unwrap_or(0);
        }
    }
    entries
}

fn put_figures(out: &mut Vec<u8>, figures: &Figures) {
    for (name, kib) in NAMES.iter().zip(figures) {
        put!(out, "{:<15} {kib:8} kB\n", format!("{name}:"));
    }
}

/// The mappings with their sizes: `proc_pid_smaps(5)`.
pub(super) fn smaps(process: &Process, _caller: &Caller) -> Text {
    let mut out = Vec::new();
    let Some(mm) = process.task.mm() else { return Ok(out) };
    let host = Host::of(&mm);
    for mapping in mm.mappings() {
        line(&mut out, &mm, &mapping);
        put!(
            out,
            "Size:           {:8} kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\n",
            mapping.len() / 1024
        );
        put_figures(&mut out, &host.within(&mapping));
        put!(out, "THPeligible:           0\nVmFlags: {}\n", flags(&mapping));
    }
    Ok(out)
}

/// Sums over all mappings.
pub(super) fn smaps_rollup(process: &Process, _caller: &Caller) -> Text {
    let mm: Arc<Mm> = process.mm()?;
    let mut out = Vec::new();
    let mappings = mm.mappings();
    let host = Host::of(&mm);
    let mut sum = [0; NAMES.len()];
    for mapping in &mappings {
        sum.iter_mut().zip(host.within(mapping)).for_each(|(sum, figure)| *sum += figure);
    }
    let (start, end) = (mappings.first().map_or(0, |first| first.start), mappings.last().map_or(0, |last| last.end));
    super::addresses::head(&mut out, &format!("{start:08x}-{end:08x} ---p 00000000 00:00 0 "), b"[rollup]");
    put_figures(&mut out, &sum);
    Ok(out)
}

/// The mappings with their pages and policy: `numa_maps(5)`. There is one node.
pub(super) fn numa_maps(process: &Process, _caller: &Caller) -> Text {
    let mut out = Vec::new();
    let Some(mm) = process.task.mm() else { return Ok(out) };
    let host = Host::of(&mm);
    for mapping in mm.mappings() {
        put!(out, "{:08x} {}{}", mapping.start, policy_text(mapping.policy), map_name(&mm, &mapping));
        let figures = host.within(&mapping);
        let pages = |at: usize| figures[at] / 4;
        let (resident, anonymous) = (pages(RSS), pages(ANONYMOUS));
        let dirty = pages(SHARED_DIRTY) + pages(PRIVATE_DIRTY);
        if resident > 0 {
            let rows = [
                ("anon", anonymous, anonymous > 0),
                ("dirty", dirty, dirty > 0),
                ("mapped", resident, resident != anonymous && resident != dirty),
                ("swapcache", pages(SWAP), pages(SWAP) > 0),
                ("N0", resident, true),
                ("kernelpagesize_kB", 4, true),
            ];
            for (name, count, _) in rows.iter().filter(|(.., is_shown)| *is_shown) {
                put!(out, " {name}={count}");
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// A policy as `numa_maps(5)` has it.
fn policy_text(policy: Policy) -> String {
    const NAMES: [&str; 7] =
        ["default", "prefer", "bind", "interleave", "local", "prefer (many)", "weighted interleave"];
    let name = NAMES.get((policy.mode & 0x1fff) as usize).unwrap_or(&"default");
    let flag = match policy.mode & 0xc000 {
        0x8000 => "=static",
        0x4000 => "=relative",
        _ => "",
    };
    let nodes = if policy.nodes == 0 { "" } else { ":0" };
    format!("{name}{flag}{nodes}")
}
