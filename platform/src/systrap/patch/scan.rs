//! Finds call sites in text.

use super::site::Site;
use std::collections::BTreeMap;

/// Largest text that is looked through.
pub(super) const TEXT_MAX: usize = 128 << 20;

/// The sites of `text` that can be patched, in order, none overlapping: those that look like one, and those around the
/// `syscall`s at `executed`.
pub(super) fn sites(text: &[u8], executed: &[u32]) -> Vec<Site> {
    let mut found = BTreeMap::new();
    for at in memchr_syscalls(text) {
        for start in [at.checked_sub(5), at.checked_sub(7), Some(at)].into_iter().flatten() {
            if let Some(site) = Site::by_shape(text, start) {
                found.insert(site.after, site);
                break;
            }
        }
    }
    for &at in executed {
        if let Some(site) = Site::executed(text, at as usize) {
            found.entry(site.after).or_insert(site);
        }
    }
    let mut sites: Vec<Site> = Vec::with_capacity(found.len());
    for site in found.into_values() {
        if sites.last().is_none_or(|last| last.end() <= site.start) {
            sites.push(site);
        }
    }
    drop_jumped_into(text, &mut sites);
    sites
}

/// Offsets of the bytes of `syscall`, instruction or not.
fn memchr_syscalls(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    text.windows(2).enumerate().filter(|(_, pair)| pair == &[0x0f, 0x05]).map(|(at, _)| at)
}

/// Takes out the sites into which any byte sequence of the text that looks like a jump would jump. Where instructions
/// start is not asked: every offset counts, so no jump is missed.
fn drop_jumped_into(text: &[u8], sites: &mut Vec<Site>) {
    let mut inside = vec![0u64; text.len() / 64 + 1];
    for at in sites.iter().flat_map(Site::inside) {
        inside[at as usize / 64] |= 1 << (at % 64);
    }
    let is_inside = |at: usize| inside.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 != 0);
    let mut hit = Vec::new();
    for (at, &first) in text.iter().enumerate() {
        let target = match first {
            0x70..=0x7f | 0xeb | 0xe0..=0xe3 => short_target(text, at),
            0xe9 => near_target(text, at, 1),
            0x0f if matches!(text.get(at + 1), Some(0x80..=0x8f)) => near_target(text, at, 2),
            _ => None,
        };
        if let Some(target) = target.filter(|&target| is_inside(target)) {
            hit.push(target as u32);
        }
    }
    sites.retain(|site| !hit.iter().any(|at| site.inside().contains(at)));
}

fn short_target(text: &[u8], at: usize) -> Option<usize> {
    let distance = text.get(at + 1)?.cast_signed();
    (at + 2).checked_add_signed(distance.into())
}

fn near_target(text: &[u8], at: usize, opcode_len: usize) -> Option<usize> {
    let bytes = text.get(at + opcode_len..at + opcode_len + 4)?;
    let distance = i32::from_le_bytes(bytes.try_into().ok()?);
    (at + opcode_len + 4).checked_add_signed(distance as isize)
}
