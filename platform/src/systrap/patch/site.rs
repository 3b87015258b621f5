//! Call sites that can be patched.

/// Bytes of a jump with a 32-bit distance: what is put in place of a site's first bytes.
pub(super) const JUMP_LEN: usize = 5;
/// Bytes of `syscall`.
pub(super) const SYSCALL_LEN: usize = 2;
/// Most bytes behind the `syscall` that a trampoline makes up for.
pub(super) const TAIL_MAX: usize = 7;
/// `rt_sigreturn(2)`: unwinders know its call by its bytes.
const RT_SIGRETURN: u32 = 15;
/// Numbers from here on are no calls.
const NR_END: u32 = 1024;
/// Most bytes from a load of the number to its `syscall`.
const LOAD_MAX: usize = 40;

/// A call site: offsets in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// Where the jump is put.
    pub(super) start: u32,
    /// Behind the `syscall`: where Linux goes on.
    pub(super) after: u32,
    /// How the site looks.
    pub(super) shape: Shape,
}

/// How a site looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A load of the number into EAX stands before the `syscall`. Only the load is replaced: who jumps to the
    /// `syscall` itself still finds it.
    Numbered(u32),
    /// The `syscall` is replaced and the instructions behind it, of so many bytes, which the trampoline repeats.
    Tailed(u8),
}

impl Site {
    /// The site whose first byte is at `at`, told by its bytes alone: shapes long enough that no data looks so.
    pub(super) fn by_shape(text: &[u8], at: usize) -> Option<Self> {
        let start = u32::try_from(at).ok()?;
        match text.get(at..)? {
            // mov eax, NR; syscall. A REX prefix before it makes it another register's.
            [0xb8, a, b, c, d, 0x0f, 0x05, ..] if !has_rex_before(text, at) => {
                Self::numbered(start, 5, [*a, *b, *c, *d])
            }
            // mov rax, NR; syscall
            [0x48, 0xc7, 0xc0, a, b, c, d, 0x0f, 0x05, ..] => Self::numbered(start, 7, [*a, *b, *c, *d]),
            // syscall; cmp rax, -4096 or -4095
            [0x0f, 0x05, 0x48, 0x3d, 0x00 | 0x01, 0xf0, 0xff, 0xff, ..] => {
                Some(Self { start, after: start + SYSCALL_LEN as u32, shape: Shape::Tailed(6) })
            }
            _ => None,
        }
    }

    fn numbered(start: u32, load: u32, nr: [u8; 4]) -> Option<Self> {
        let nr = u32::from_le_bytes(nr);
        let is_call = nr < NR_END && nr != RT_SIGRETURN;
        is_call.then_some(Self { start, after: start + load + SYSCALL_LEN as u32, shape: Shape::Numbered(nr) })
    }

    /// The site around the `syscall` at `at`, told by a load of the number before it: from there the instructions follow
    /// one another to just this place.
    pub(super) fn by_load(text: &[u8], at: usize) -> Option<Self> {
        let is_load = |bytes: &[u8]| match bytes {
            [0xb8, a, b, c, d, ..] => u32::from_le_bytes([*a, *b, *c, *d]) < NR_END,
            _ => false,
        };
        let starts = (JUMP_LEN + 1..=LOAD_MAX).filter_map(|distance| text.get(at.checked_sub(distance)?..at));
        starts.filter(|code| is_load(code)).any(is_straight).then(|| Self::executed(text, at))?
    }

    /// The site around the `syscall` at `at`, which is known to be one because it was executed.
    pub(super) fn executed(text: &[u8], at: usize) -> Option<Self> {
        for load in [5, 7] {
            let site = at.checked_sub(load).and_then(|start| Self::by_shape(text, start));
            if site.is_some() {
                return site;
            }
        }
        let start = u32::try_from(at).ok()?;
        let behind = text.get(at..)?.strip_prefix(&[0x0f, 0x05])?;
        let tail = movable(behind)?;
        Some(Self { start, after: start + SYSCALL_LEN as u32, shape: Shape::Tailed(tail) })
    }

    /// The offsets inside the replaced bytes where an instruction of the original started: a jump there would miss.
    pub(super) fn inside(&self) -> std::ops::Range<u32> {
        match self.shape {
            Shape::Numbered(_) => 0..0,
            Shape::Tailed(_) => self.start + 1..self.start + JUMP_LEN as u32,
        }
    }

    /// Offset behind all that is replaced or repeated.
    pub(super) fn end(&self) -> u32 {
        match self.shape {
            Shape::Numbered(_) => self.after,
            Shape::Tailed(len) => self.after + u32::from(len),
        }
    }
}

/// The byte before `at` is, or may be, a REX prefix.
fn has_rex_before(text: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| text.get(before)).is_some_and(|byte| (0x40..=0x4f).contains(byte))
}

/// Whole instructions that are executed one after the other.
fn is_straight(code: &[u8]) -> bool {
    use iced_x86::{Code, Decoder, DecoderOptions, FlowControl};
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    while decoder.can_decode() {
        let instruction = decoder.decode();
        if instruction.code() == Code::INVALID || instruction.flow_control() != FlowControl::Next {
            return false;
        }
    }
    true
}

/// Bytes of the whole instructions at the start of `code` that make room for a jump and mean the same elsewhere.
fn movable(code: &[u8]) -> Option<u8> {
    use iced_x86::{Code, Decoder, DecoderOptions, FlowControl};
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    while decoder.position() < JUMP_LEN - SYSCALL_LEN {
        let instruction = decoder.decode();
        let is_plain = instruction.code() != Code::INVALID
            && instruction.flow_control() == FlowControl::Next
            && !instruction.is_ip_rel_memory_operand();
        if !is_plain {
            return None;
        }
    }
    u8::try_from(decoder.position()).ok().filter(|&len| usize::from(len) <= TAIL_MAX)
}
