//! Building a fresh address space: `execve(2)`.

use crate::addr::UserAddr;
use crate::elf::{Parsed, Segment};
use crate::map::{Limits, Map};
use crate::mapping::{Mapping, Policy, Source};
use crate::space::{Layout, Mm, State};
use crate::stack;
use abi::Errno;
use abi::mm::{MapFlags, PAGE_SIZE, Prot};
use platform::{Context, GUEST_END, Platform, Regs, Space};
use std::ops::Range;
use std::sync::Arc;

/// What `execve(2)` puts into a fresh address space.
pub struct Exec {
    /// The program.
    pub image: Parsed,
    /// Its interpreter, where it asks for one.
    pub interpreter: Option<Parsed>,
    /// Arguments.
    pub argv: Vec<Vec<u8>>,
    /// Environment.
    pub envp: Vec<Vec<u8>>,
    /// The path as given: `AT_EXECFN`.
    pub filename: Vec<u8>,
    /// uid, euid, gid, egid for the auxiliary vector.
    pub ids: [u32; 4],
    /// `AT_SECURE`.
    pub is_secure: bool,
    /// Soft `RLIMIT_STACK`.
    pub stack_limit: u64,
    /// Address space randomisation is off (`ADDR_NO_RANDOMIZE`).
    pub is_fixed_layout: bool,
    /// The program gets the vDSO, whose clocks are the host's.
    pub has_vdso: bool,
}

/// Two thirds of the addresses: where position-independent programs start (`ELF_ET_DYN_BASE`).
const DYN_BASE: u64 = 0x5555_5555_4000;
/// Bytes below the top where a stack may end, randomly.
const STACK_RANDOM: u64 = 1 << 34;
/// Bits of a page number that are random in the places of mappings.
const MMAP_RANDOM_BITS: u32 = 28;
/// Least and most distance from the stack's top to the first mapping (`mmap_base`).
const GAP: (u64, u64) = (128 << 20, GUEST_END / 6 * 5);
/// Bytes by which the break's start is random.
const BRK_RANDOM: u64 = 0x200_0000;

/// Tries to find a random place that does not overlap another.
const TRIES: u32 = 8;

/// Where a loaded image lies.
struct Loaded {
    /// What is added to its addresses.
    bias: u64,
    entry: u64,
    /// Address of the program headers.
    phdr: u64,
    start_code: u64,
    end_code: u64,
    start_data: u64,
    end_data: u64,
    /// End of the last segment.
    end: u64,
    /// Parts of pages that are to be zeroed once all is mapped.
    tails: Vec<Range<u64>>,
}

impl Exec {
    /// Builds it in an address space of its own; the registers are ready to run it. `E2BIG`, `ENOEXEC`, `ENOMEM`,
    /// `EFAULT`.
    pub fn load(&self, platform: &Arc<Platform>) -> Result<(Arc<Mm>, Context), Errno> {
        let (space, mut context) = platform.new_space()?;
        let stack_top = self.stack_top();
        let mm = self.empty(space, stack_top);
        context.lend_hands(|context| {
            let regs = context.gather(|_| {
                if self.has_vdso {
                    mm.space().move_vdso(mm.space().vdso_start(), vdso_place(stack_top))?;
                }
                self.fill(&mm, stack_top)
            })?;
            start(context, regs)
        })?;
        Ok((mm, context))
    }

    /// Builds it in the address space of the calling thread, in the place of `old`, of which nothing is left. `take`
    /// makes the new memory known in place of the old one, and says whether nobody else has that. `None`: somebody has,
    /// or the space cannot be used again, and nothing has happened. An error leaves neither of them.
    pub fn replace(
        &self,
        old: &Mm,
        context: &mut Context,
        take: impl FnOnce(&Arc<Mm>) -> bool,
    ) -> Result<Option<Arc<Mm>>, Errno> {
        let Some(vdso) = old.vdso_range().filter(|_| self.has_vdso) else { return Ok(None) };
        let Some(space) = context.next_space() else { return Ok(None) };
        // The vDSO is moved in one go: not onto itself. Where nothing is random it stays.
        let len = vdso.end - vdso.start;
        let is_fit = |top: &u64| vdso_place(*top) == vdso.start || vdso_place(*top).abs_diff(vdso.start) >= len;
        let Some(stack_top) = (0..TRIES).map(|_| self.stack_top()).find(is_fit) else { return Ok(None) };
        let mm = self.empty(Arc::clone(&space), stack_top);
        if !take(&mm) {
            return Ok(None);
        }
        let regs = context.gather_till_run(|context| {
            let start = vdso_place(stack_top);
            if start != vdso.start {
                mm.space().move_vdso(vdso.start, start)?;
            }
            context.start_anew(space, start..start + len)?;
            self.fill(&mm, stack_top)
        })?;
        start(context, regs)?;
        Ok(Some(mm))
    }

    fn random(&self, below: u64) -> u64 {
        if self.is_fixed_layout { 0 } else { random_below(below) }
    }

    fn stack_top(&self) -> u64 {
        (GUEST_END - 0x10_0000 - self.random(STACK_RANDOM)) & !(PAGE_SIZE - 1)
    }

    /// An address space without mappings.
    fn empty(&self, space: Arc<Space>, stack_top: u64) -> Arc<Mm> {
        let gap = self.stack_limit.saturating_add(STACK_RANDOM / 64).clamp(GAP.0, GAP.1);
        let mmap_base = (stack_top - gap - self.random(1 << MMAP_RANDOM_BITS) * PAGE_SIZE) & !(PAGE_SIZE - 1);
        let state = State { mmap_base, ..State::default() };
        let exe = Some(Arc::clone(&self.image.backing));
        Mm::new(space, state, Layout::default(), exe, self.stack_limit)
    }

    /// Maps the images and the stack; the registers to start with.
    fn fill(&self, mm: &Mm, stack_top: u64) -> Result<Regs, Errno> {
        let random = |below| self.random(below);
        let headers = &self.image.headers;
        let has_interpreter = self.interpreter.is_some();
        let place = if !headers.is_dynamic {
            None
        } else if has_interpreter {
            Some(DYN_BASE + random(1 << MMAP_RANDOM_BITS) * PAGE_SIZE)
        } else {
            Some(0)
        };
        let mut program = load_image(mm, &self.image, place)?;
        let (entry, base) = match &self.interpreter {
            None => (program.entry, 0),
            Some(image) => {
                let place = image.headers.is_dynamic.then_some(0);
                let interpreter = load_image(mm, image, place)?;
                program.tails.extend(interpreter.tails);
                (interpreter.entry, interpreter.bias)
            }
        };
        let brk = program.end.next_multiple_of(PAGE_SIZE) + (random(BRK_RANDOM) & !(PAGE_SIZE - 1));
        {
            let mut state = mm.state.lock();
            state.brk_start = brk;
            state.brk = brk;
        }
        let vdso = if self.has_vdso { note_vdso(mm, stack_top) } else { 0 };
        let words = stack::AuxWords {
            phdr: program.phdr,
            phnum: headers.phnum,
            base,
            entry: program.entry,
            ids: self.ids,
            is_secure: self.is_secure,
            vdso,
        };
        let content =
            stack::Content { argv: &self.argv, envp: &self.envp, filename: &self.filename, limit: self.stack_limit };
        let top = stack_top - (random(8192) & !15);
        let image = content.build(top, &words)?;
        map_stack(mm, &image, stack_top, headers.has_exec_stack())?;
        zero(mm, program.tails)?;
        mm.change_layout(|layout| {
            *layout = Layout {
                start_code: program.start_code,
                end_code: program.end_code,
                start_data: program.start_data,
                end_data: program.end_data,
                start_brk: brk,
                start_stack: image.pointer,
                vdso,
                ..image.layout
            }
        });
        Ok(Regs { rip: entry, rsp: image.pointer, eflags: 0x202, cs: 0x33, ss: 0x2b, ..Default::default() })
    }
}

/// Maps the segments of an image: at their own addresses, at the base `place`, or (0) where there is room.
fn load_image(mm: &Mm, image: &Parsed, place: Option<u64>) -> Result<Loaded, Errno> {
    let headers = &image.headers;
    let loads = headers.loads(GUEST_END)?;
    let (first, last) = (&loads[0], &loads[loads.len() - 1]);
    let low = first.vaddr & !(PAGE_SIZE - 1);
    let span = (last.vaddr + last.memsz).checked_next_multiple_of(PAGE_SIZE).ok_or(Errno::ENOEXEC)? - low;
    if span == 0 || span > GUEST_END {
        return Err(Errno::ENOEXEC);
    }
    let bias = match place {
        None => 0,
        Some(base) => {
            let align = loads.iter().map(|s| s.align).filter(|a| a.is_power_of_two()).max().unwrap_or(1);
            let align = align.clamp(PAGE_SIZE, 1 << 30);
            let state = mm.state.lock();
            let start = state.free_range(base & !(align - 1), span + align).ok_or(Errno::ENOMEM)?;
            (start.next_multiple_of(align)).wrapping_sub(low)
        }
    };
    let mut loaded = Loaded {
        bias,
        entry: headers.entry.wrapping_add(bias),
        phdr: 0,
        start_code: u64::MAX,
        end_code: 0,
        start_data: 0,
        end_data: 0,
        end: 0,
        tails: Vec::new(),
    };
    // Zeroes are written once all is mapped, unless a segment lies over the end of another.
    let is_apart = loads.is_sorted_by(|one, next| page_end(one.vaddr + one.memsz) <= next.vaddr & !(PAGE_SIZE - 1));
    for segment in &loads {
        let tail = map_segment(mm, image, segment, bias)?;
        if is_apart {
            loaded.tails.extend(tail);
        } else {
            zero(mm, tail)?;
        }
        let start = segment.vaddr.wrapping_add(bias);
        loaded.start_code = loaded.start_code.min(start);
        loaded.start_data = loaded.start_data.max(start);
        if segment.flags & 1 != 0 {
            loaded.end_code = loaded.end_code.max(start + segment.filesz);
        }
        loaded.end_data = loaded.end_data.max(start + segment.filesz);
        loaded.end = loaded.end.max(start + segment.memsz);
        if (segment.offset..segment.offset + segment.filesz).contains(&headers.phoff) {
            loaded.phdr = headers.phoff - segment.offset + start;
        }
    }
    if loaded.entry >= GUEST_END { Err(Errno::EINVAL) } else { Ok(loaded) }
}

const fn page_end(addr: u64) -> u64 {
    addr.next_multiple_of(PAGE_SIZE)
}

/// Writes zeroes over parts of pages.
fn zero(mm: &Mm, ranges: impl IntoIterator<Item = Range<u64>>) -> Result<(), Errno> {
    for range in ranges {
        // A part of a page.
        mm.space().zero(range.start, (range.end - range.start) as usize)?;
    }
    Ok(())
}

/// Maps one segment: file pages, zeroed pages behind (`elf_map`, `set_brk`). What is left to be zeroed of the last file
/// page.
fn map_segment(mm: &Mm, image: &Parsed, segment: &Segment, bias: u64) -> Result<Option<Range<u64>>, Errno> {
    let mut prot = Prot::empty();
    for (bit, flag) in [(4, Prot::READ), (2, Prot::WRITE), (1, Prot::EXEC)] {
        if segment.flags & bit != 0 {
            prot |= flag;
        }
    }
    let start = segment.vaddr.wrapping_add(bias);
    let skew = segment.vaddr % PAGE_SIZE;
    let page = start - skew;
    let file_end = start + segment.filesz;
    let end = start + segment.memsz;
    let flags = MapFlags::PRIVATE | MapFlags::FIXED;
    let mut mapped_to = page;
    let mut tail = None;
    if segment.filesz > 0 {
        // Address and offset must agree within a page.
        let offset = segment.offset.checked_sub(skew).filter(|offset| offset.is_multiple_of(PAGE_SIZE));
        let file = Some((Arc::clone(&image.backing), offset.ok_or(Errno::EINVAL)?));
        mm.map(Map { addr: UserAddr(page), len: segment.filesz + skew, prot, flags, file }, &Limits::NONE)?;
        mapped_to = file_end.next_multiple_of(PAGE_SIZE);
        if segment.memsz > segment.filesz && prot.contains(Prot::WRITE) && file_end < mapped_to {
            tail = Some(file_end..mapped_to);
        }
    }
    if end > mapped_to {
        let flags = flags | MapFlags::ANONYMOUS;
        mm.map(Map { addr: UserAddr(mapped_to), len: end - mapped_to, prot, flags, file: None }, &Limits::NONE)?;
    }
    Ok(tail)
}

/// Where the vDSO starts: above the stack.
const fn vdso_place(stack_top: u64) -> u64 {
    stack_top + 0x1_0000
}

/// Sets the registers, and everything else to its initial state.
fn start(context: &mut Context, regs: Regs) -> Result<(), Errno> {
    *context.regs_mut() = regs;
    context.set_fpstate(&[])
}

/// Takes note of the vDSO in its place; the address of its image, 0 when the host has none.
fn note_vdso(mm: &Mm, stack_top: u64) -> u64 {
    let len = mm.space().vdso_len();
    if len == 0 {
        return 0;
    }
    let start = vdso_place(stack_top);
    let data_len = mm.space().vdso_image_offset();
    let mut state = mm.state.lock();
    for (name, from, to, prot) in [
        ("[vvar]", start, start + data_len, Prot::READ),
        ("[vdso]", start + data_len, start + len, Prot::READ | Prot::EXEC),
    ] {
        if from < to {
            state.tree.insert(mapping(from, to, prot, Source::Special(name)));
        }
    }
    start + data_len
}

impl Mm {
    /// The vDSO with its data, unless the program unmapped any of it.
    fn vdso_range(&self) -> Option<Range<u64>> {
        let (len, data_len) = (self.space().vdso_len(), self.space().vdso_image_offset());
        let image = self.layout().vdso;
        let start = image.checked_sub(data_len).filter(|_| image != 0 && len != 0)?;
        let state = self.state.lock();
        let special = |mapping: &&Mapping| matches!(mapping.source, Source::Special(_));
        let mapped: u64 = state.tree.overlapping(start, start + len).filter(special).map(|m| m.end - m.start).sum();
        (mapped == len).then_some(start..start + len)
    }
}

/// Maps the first pages of the stack and fills them.
fn map_stack(mm: &Mm, image: &stack::Built, top: u64, is_exec: bool) -> Result<(), Errno> {
    // Room for the content and 128 KiB more, as setup_arg_pages() leaves.
    let start = (image.pointer - 0x2_0000) & !(PAGE_SIZE - 1);
    let prot = Prot::READ | Prot::WRITE | if is_exec { Prot::EXEC } else { Prot::empty() };
    let mut state = mm.state.lock();
    if state.tree.overlapping(start, top).next().is_some() {
        return Err(Errno::ENOMEM);
    }
    mm.space().map_anonymous(start, top - start, prot, true)?;
    state.tree.insert(Mapping { grows_down: true, no_reserve: true, ..mapping(start, top, prot, Source::Anonymous) });
    drop(state);
    let mut done = 0;
    while done < image.bytes.len() {
        done += mm.space().write(image.pointer + done as u64, &image.bytes[done..])?;
    }
    Ok(())
}

const fn mapping(start: u64, end: u64, prot: Prot, source: Source) -> Mapping {
    Mapping {
        start,
        end,
        prot,
        is_shared: false,
        grows_down: false,
        no_reserve: false,
        is_locked: false,
        dont_fork: false,
        wipe_on_fork: false,
        dont_dump: false,
        is_sealed: false,
        policy: Policy { mode: 0, nodes: 0 },
        source,
        name: None,
        text: None,
    }
}

/// A random number below a power of two.
fn random_below(limit: u64) -> u64 {
    u64::from_ne_bytes(stack::random_bytes()) & (limit - 1)
}
