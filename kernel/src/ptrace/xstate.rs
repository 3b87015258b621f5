//! Extended registers: `NT_PRFPREG`, `NT_X86_XSTATE`. Signal frames hold them as the processor saved them; `ptrace(2)`
//! shows components in their initial state as such, and the enabled ones in place of the frame's own marks.

use crate::ptrace::Tracee;
use abi::Errno;
use std::arch::x86_64::__cpuid_count;

/// Bytes that FXSAVE writes, and those of them that are registers.
const FXSAVE_LEN: usize = 512;
const FXSAVE_USED: usize = 416;
/// Where a frame has its marks and a tracer finds the enabled components.
const SW_BYTES: usize = 464;
/// Where the header is: which components are not in their initial state.
const HEADER: usize = 512;
const HEADER_LEN: usize = 64;
/// Legacy components: x87 and SSE.
const LEGACY: u64 = 3;
/// `FP_XSTATE_MAGIC1`: the header of a frame counts.
const MAGIC: u32 = 0x4650_5853;

/// The form in which extended registers are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    /// Bytes of the whole.
    len: usize,
    /// Components that are enabled.
    features: u64,
}

impl Format {
    /// The whole state as `ptrace(2)` shows it, from what a frame holds.
    fn show(self, frame: &[u8]) -> Vec<u8> {
        let mut image = vec![0; self.len];
        let given = frame.len().min(self.len);
        image[..given].copy_from_slice(&frame[..given]);
        let is_extended = frame.len() > HEADER + HEADER_LEN && word(frame, SW_BYTES) as u32 == MAGIC;
        let present = match (frame.is_empty(), is_extended) {
            (true, _) => 0,
            (_, true) => word(frame, HEADER),
            _ => LEGACY,
        };
        self.initialise(&mut image, present);
        image[FXSAVE_USED..FXSAVE_LEN].fill(0);
        image[SW_BYTES..SW_BYTES + 8].copy_from_slice(&self.features.to_ne_bytes());
        if self.len >= HEADER + HEADER_LEN {
            image[HEADER..HEADER + HEADER_LEN].fill(0);
            image[HEADER..HEADER + 8].copy_from_slice(&(present & self.features).to_ne_bytes());
        }
        image
    }

    /// Puts components that are not `present` into their initial state.
    fn initialise(self, image: &mut [u8], present: u64) {
        if present & 1 == 0 {
            image[..24].fill(0);
            image[..2].copy_from_slice(&0x37fu16.to_ne_bytes());
            image[32..160].fill(0);
        }
        if present & 6 == 0 {
            image[24..28].copy_from_slice(&0x1f80u32.to_ne_bytes());
        }
        if present & 2 == 0 {
            image[160..FXSAVE_USED].fill(0);
        }
        for component in (2..63).filter(|&component| self.features & !present & 1 << component != 0) {
            let leaf = __cpuid_count(0xd, component);
            let (start, len) = (leaf.ebx as usize, leaf.eax as usize);
            if let Some(bytes) = image.get_mut(start..start.saturating_add(len)) {
                bytes.fill(0);
            }
        }
    }

    /// A frame from the whole state as a tracer gave it.
    fn frame(self, mut image: Vec<u8>) -> Vec<u8> {
        image[SW_BYTES..SW_BYTES + 4].copy_from_slice(&MAGIC.to_ne_bytes());
        image
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_ne_bytes)
}

/// Registers of x87 and SSE, of the whole state: `NT_PRFPREG`, 512 bytes.
pub(crate) fn legacy_part(image: &[u8]) -> Vec<u8> {
    let mut part = image[..FXSAVE_LEN].to_vec();
    part[FXSAVE_USED..].fill(0);
    part
}

impl crate::task::CurrentTask {
    fn xstate(&mut self) -> (Format, Vec<u8>) {
        let format = Format { len: self.context.fpstate_len() - 4, features: self.context.xfeatures() };
        (format, format.show(&self.context.fpstate()))
    }

    /// The whole extended state in the form of `NT_X86_XSTATE`.
    pub(crate) fn xstate_image(&mut self) -> Vec<u8> {
        self.xstate().1
    }
}

impl Tracee {
    /// Registers of x87 and SSE, 512 bytes.
    pub fn fp_regs(&self) -> Result<Vec<u8>, Errno> {
        Ok(legacy_part(&self.xstate()?))
    }

    /// Sets them. `EINVAL`: not all of them, or bits that the processor does not take.
    pub fn set_fp_regs(&self, regs: &[u8]) -> Result<(), Errno> {
        let regs: [u8; FXSAVE_LEN] = regs.try_into().map_err(|_| Errno::EINVAL)?;
        self.visit(move |task| {
            let (format, mut image) = task.xstate();
            image[..FXSAVE_USED].copy_from_slice(&regs[..FXSAVE_USED]);
            if format.len >= HEADER + HEADER_LEN {
                let present = word(&image, HEADER) | LEGACY;
                image[HEADER..HEADER + 8].copy_from_slice(&present.to_ne_bytes());
            }
            task.context.set_fpstate(&format.frame(image))
        })
    }

    /// The whole extended state.
    pub fn xstate(&self) -> Result<Vec<u8>, Errno> {
        self.visit(|task| Ok(task.xstate().1))
    }

    /// Sets it. `EFAULT`: not the whole; `EINVAL`: what the processor does not take.
    pub fn set_xstate(&self, image: Vec<u8>) -> Result<(), Errno> {
        self.visit(move |task| {
            let (format, _) = task.xstate();
            if image.len() != format.len {
                return Err(Errno::EFAULT);
            }
            let header = image.get(HEADER..HEADER + HEADER_LEN).unwrap_or_default();
            if header.iter().skip(8).any(|&byte| byte != 0) || word(&image, HEADER) & !format.features != 0 {
                return Err(Errno::EINVAL);
            }
            task.context.set_fpstate(&format.frame(image))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_state() {
        let format = Format { len: 576, features: 3 };
        let image = format.show(&[]);
        assert_eq!(image.len(), 576);
        assert_eq!((image[0], image[1], word(&image, 24) as u32), (0x7f, 3, 0x1f80));
        assert_eq!((word(&image, SW_BYTES), word(&image, HEADER)), (3, 0));
    }

    #[test]
    fn what_is_not_present_is_initial() {
        let format = Format { len: 576, features: 3 };
        let mut frame = vec![0xaa; 580];
        frame[SW_BYTES..SW_BYTES + 4].copy_from_slice(&MAGIC.to_ne_bytes());
        frame[HEADER..HEADER + HEADER_LEN].fill(0);
        frame[HEADER] = 2;
        let image = format.show(&frame);
        assert_eq!((image[0], image[40], image[200], image[450]), (0x7f, 0, 0xaa, 0));
        assert_eq!(word(&image, HEADER), 2);
    }
}
