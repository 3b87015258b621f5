//! Finds call sites in text.

use super::site::Site;
use iced_x86::{Decoder, DecoderOptions, Instruction};
use std::collections::BTreeMap;

/// Largest text that is looked through.
pub(super) const TEXT_MAX: usize = 128 << 20;

/// The sites of `text` that can be patched, in order, none overlapping: those that look like one, those whose number is
/// loaded before, and those around the `syscall`s at `executed`.
pub(super) fn sites(text: &[u8], executed: &[u32]) -> Vec<Site> {
    let mut found = BTreeMap::new();
    for at in memchr_syscalls(text) {
        let mut starts = [at.checked_sub(5), at.checked_sub(7), Some(at)].into_iter().flatten();
        let site = starts.find_map(|start| Site::by_shape(text, start)).or_else(|| Site::by_load(text, at));
        found.extend(site.map(|site| (site.after, site)));
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

/// Takes out the sites into which any byte sequence of the text that looks like a jump would jump. Every offset counts,
/// so no jump is missed; a short one, of which any two bytes may have the looks, counts unless it is told apart.
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
        if let Some(target) = target.filter(|&target| is_inside(target))
            && let Ok(target) = u32::try_from(target)
        {
            hit.push((at, target));
        }
    }
    sites.retain(|site| {
        !hit.iter().any(|&(at, target)| site.inside().contains(&target) && may_be_jump(text, at, site.start as usize))
    });
}

/// Bytes before a place where decoding starts, once from each offset of the longest instruction: wherever it starts,
/// it soon finds where instructions start.
const RUN_UP: std::ops::Range<usize> = 49..64;

/// What looks like a jump at `at` may be one. It is none where it is short, and the middle of other instructions,
/// whichever of many places before it is decoded from; and where the `syscall` of the site that it would hit, which lies
/// behind it, is an instruction from all of these places.
fn may_be_jump(text: &[u8], at: usize, site: usize) -> bool {
    if matches!(text.get(at), Some(0xe9 | 0x0f)) {
        return true;
    }
    let is_middle = |start: usize| {
        let mut decoder = Decoder::new(64, &text[start..], DecoderOptions::NONE);
        let (mut finds_site, mut instruction) = (site < at, Instruction::default());
        while decoder.can_decode() && start + decoder.position() <= at.max(site) {
            let place = start + decoder.position();
            if place == at {
                return false;
            }
            finds_site |= place == site;
            decoder.decode_out(&mut instruction);
        }
        finds_site
    };
    !RUN_UP.filter_map(|distance| at.checked_sub(distance)).all(is_middle) || at < RUN_UP.end
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
