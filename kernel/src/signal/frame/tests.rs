//! Frames in a memory of bytes.

use super::*;
use abi::signal::{SIGUSR1, SS_DISABLE};
use sync::{Mutex, Rank};
use zerocopy::FromBytes;

const BASE: u64 = 0x10_0000;
const LEN: usize = 0x4000;

struct Bytes(Mutex<Vec<u8>>);

impl UserMemory for Bytes {
    fn read_some(&self, addr: UserAddr, buf: &mut [u8]) -> Result<usize, Errno> {
        let at = addr.0.checked_sub(BASE).filter(|&at| at < LEN as u64).ok_or(Errno::EFAULT)? as usize;
        let n = buf.len().min(LEN - at);
        buf[..n].copy_from_slice(&self.0.lock()[at..at + n]);
        Ok(n)
    }

    fn write_some(&self, addr: UserAddr, bytes: &[u8]) -> Result<usize, Errno> {
        let at = addr.0.checked_sub(BASE).filter(|&at| at < LEN as u64).ok_or(Errno::EFAULT)? as usize;
        let n = bytes.len().min(LEN - at);
        self.0.lock()[at..at + n].copy_from_slice(&bytes[..n]);
        Ok(n)
    }
}

fn memory() -> Bytes {
    Bytes(Mutex::new(Rank::Leaf, vec![0; LEN]))
}

fn action(flags: ActionFlags) -> SigAction {
    SigAction { handler: 0x4000, flags: (flags | ActionFlags::RESTORER).bits(), restorer: 0x5000, mask: SigSet::EMPTY }
}

fn regs() -> Regs {
    Regs { rsp: BASE + 0x3001, rip: 0x7777, rax: 12, eflags: 0x10746, cs: 0x33, ss: 0x2b, ..Regs::default() }
}

const NO_STACK: SigStack = SigStack { sp: 0, flags: SS_DISABLE, pad: 0, size: 0 };

#[test]
fn sizes_are_those_of_linux() {
    assert_eq!(size_of::<RtSigFrame>(), 440);
    assert_eq!(size_of::<UContext>(), 304);
    assert_eq!(size_of::<SigInfo>(), 128);
    assert_eq!(std::mem::offset_of!(RtSigFrame, info), 312);
    assert_eq!(std::mem::offset_of!(UContext, sigmask), 296);
}

#[test]
fn written_and_read_back() {
    let memory = memory();
    let (info, regs, mut fpstate) = (SigInfo::kernel(SIGUSR1), regs(), vec![7u8; 1000]);
    fpstate[SW_BYTES..SW_BYTES + 4].copy_from_slice(&MAGIC[0].to_ne_bytes());
    fpstate[SW_BYTES + 4..SW_BYTES + 8].copy_from_slice(&1000u32.to_ne_bytes());
    fpstate[SW_BYTES + 16..SW_BYTES + 20].copy_from_slice(&996u32.to_ne_bytes());
    fpstate[996..].copy_from_slice(&MAGIC[1].to_ne_bytes());
    let action = action(ActionFlags::SIGINFO);
    let frame = Frame {
        action: &action,
        info: &info,
        regs: &regs,
        mask: SigSet(0x55),
        stack: &NO_STACK,
        fault: None,
        fpstate: &fpstate,
    };
    let start = frame.write(&memory).expect("it fits");
    assert_eq!(start.rsp % 16, 8);
    assert!(start.rsp + 440 + 1000 + 128 <= regs.rsp);
    assert_eq!((start.rdi, start.rip, start.rax), (10, 0x4000, 0));
    assert_eq!((start.rdx, start.rsi), (start.rsp + 8, start.rsp + 312));
    assert_eq!(start.eflags & 0x500, 0);

    let context = read_context(&memory, start.rsp + 8).expect("readable");
    assert_eq!(context.sigmask, SigSet(0x55));
    assert_eq!(context.mcontext.fpstate % 64, 0);
    let back = restore(&context.mcontext, &start);
    assert_eq!((back.rsp, back.rip, back.rax, back.orig_rax), (regs.rsp, 0x7777, 12, u64::MAX));
    assert_eq!(read_fpstate(&memory, context.mcontext.fpstate, 2000), Ok(fpstate));
    assert_eq!(read_fpstate(&memory, context.mcontext.fpstate, 999).map(|state| state.len()), Ok(512));

    let mut bytes = [0; 128];
    memory.read(UserAddr(start.rsi), &mut bytes).expect("readable");
    assert_eq!(SigInfo::read_from_bytes(&bytes).ok(), Some(info));
}

#[test]
fn alternate_stack() {
    let memory = memory();
    let (info, regs) = (SigInfo::kernel(SIGUSR1), regs());
    let stack = SigStack { sp: BASE, flags: 0, pad: 0, size: 0x1000 };
    let action = action(ActionFlags::ONSTACK);
    let frame = |stack, regs| Frame {
        action: &action,
        info: &info,
        regs,
        mask: SigSet::EMPTY,
        stack,
        fault: None,
        fpstate: &[],
    };
    let start = frame(&stack, &regs).write(&memory).expect("it fits");
    assert!(start.rsp > BASE && start.rsp < BASE + 0x1000);
    // A second signal on the same stack goes below the first, and not out of it.
    let second = frame(&stack, &start).write(&memory).expect("it fits");
    assert!(second.rsp < start.rsp && second.rsp > BASE);
    let low = Regs { rsp: BASE + 0x100, ..regs };
    assert!(frame(&stack, &low).write(&memory).is_err());
}
