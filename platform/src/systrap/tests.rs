//! Tests that run small pieces of machine code in a space.

use super::*;
use crate::{Config, Exit};
use abi::Errno;
use abi::mm::Prot;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub(super) const CODE: u64 = 0x1_0000;
pub(super) const DATA: u64 = 0x2_0000;
pub(super) const PAGE: u64 = 4096;

/// One for all tests: a process has one reaper.
pub(super) fn platform() -> Arc<Platform> {
    static PLATFORM: OnceLock<Arc<Platform>> = OnceLock::new();
    let start = || {
        let proc = std::fs::File::open("/proc").expect("/proc opens");
        Platform::start(Config {
            proc: OwnedFd::from(proc),
            oom_score_adj: None,
            may_reach: std::env::var_os("NACRE_NO_REACH").is_none(),
        })
        .expect("the platform starts")
    };
    Arc::clone(PLATFORM.get_or_init(start))
}

/// A space with `code` at `CODE` and a page of data.
fn space(code: &[u8]) -> (Arc<Space>, Context) {
    let (space, mut context) = platform().new_space().expect("a space");
    context.bind();
    space.map_anonymous(CODE, PAGE, Prot::READ | Prot::WRITE | Prot::EXEC, false).expect("code maps");
    space.map_anonymous(DATA, PAGE, Prot::READ | Prot::WRITE, false).expect("data maps");
    assert_eq!(space.write(CODE, code), Ok(code.len()));
    context.regs_mut().rip = CODE;
    context.regs_mut().rsp = DATA + PAGE;
    (space, context)
}

/// `syscall` for ever.
const SYSCALLS: &[u8] = &[0x0f, 0x05, 0xeb, 0xfc];
/// `jmp` to itself.
const SPIN: &[u8] = &[0xeb, 0xfe];

#[test]
fn system_calls_reach_us() {
    let (_space, mut context) = space(SYSCALLS);
    context.regs_mut().rax = 39;
    context.regs_mut().rdi = 7;
    assert_eq!(context.run(), Exit::Syscall);
    assert_eq!((context.regs().orig_rax, context.regs().rdi, context.regs().rip), (39, 7, CODE + 2));
    context.regs_mut().rax = 1000;
    assert_eq!(context.run(), Exit::Syscall);
    assert_eq!(context.regs().orig_rax, 1000);
}

#[test]
fn segment_bases_are_kept() {
    let (_space, mut context) = space(SYSCALLS);
    context.regs_mut().fs_base = DATA;
    context.regs_mut().gs_base = DATA + 64;
    assert_eq!(context.run(), Exit::Syscall);
    assert_eq!((context.regs().fs_base, context.regs().gs_base), (DATA, DATA + 64));
}

#[test]
fn faults_tell_where() {
    // mov [0x123000], eax
    let (_space, mut context) = space(&[0x89, 0x04, 0x25, 0x00, 0x30, 0x12, 0x00]);
    let Exit::Fault(fault) = context.run() else { panic!("no fault") };
    assert_eq!((fault.signal, fault.code, fault.addr, fault.trapno, fault.error), (11, 1, 0x12_3000, 14, 6));
    assert_eq!(context.regs().rip, CODE);
    // ud2
    let (_space, mut context) = space(&[0x0f, 0x0b]);
    let Exit::Fault(fault) = context.run() else { panic!("no fault") };
    assert_eq!((fault.signal, fault.trapno), (4, 6));
}

#[test]
fn int80_is_a_fault() {
    let (_space, mut context) = space(&[0xcd, 0x80]);
    let Exit::Fault(fault) = context.run() else { panic!("no fault") };
    assert_eq!((fault.signal, context.regs().rip), (11, CODE));
}

#[test]
fn a_kick_ends_a_loop() {
    let (_space, mut context) = space(SPIN);
    let kicker = context.kicker();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        kicker.kick();
        kicker.cpu_time().0
    });
    assert_eq!(context.run(), Exit::Interrupt);
    assert_eq!(context.regs().rip, CODE);
    assert!(thread.join().expect("the kicker ends") > Duration::from_millis(1));
}

#[test]
fn fork_copies_memory_and_registers() {
    // mov [DATA], edi; syscall
    let (parent_space, mut parent) = space(&[0x89, 0x3c, 0x25, 0x00, 0x00, 0x02, 0x00, 0x0f, 0x05, 0xeb, 0xfc]);
    parent.regs_mut().rdi = 1;
    assert_eq!(parent.run(), Exit::Syscall);
    let (child_space, mut child) = parent.fork().expect("fork");
    child.regs_mut().rip = CODE;
    child.regs_mut().rdi = 2;
    let child = std::thread::spawn(move || {
        child.bind();
        assert_eq!(child.run(), Exit::Syscall);
        // A grandchild: descriptor numbers differ from the first generation's.
        let (space, mut grandchild) = child.fork().expect("fork");
        let (space2, _great) = grandchild.fork().expect("fork");
        let mut word = [0; 4];
        space.read(DATA, &mut word).expect("read");
        assert_eq!(space2.read(DATA, &mut word), Ok(4));
        u32::from_ne_bytes(word)
    });
    assert_eq!(child.join().expect("the child's thread ends"), 2);
    let mut word = [0; 4];
    parent_space.read(DATA, &mut word).expect("read");
    assert_eq!(u32::from_ne_bytes(word), 1);
    drop(child_space);
}

#[test]
fn threads_share_memory() {
    let (space, mut first) = space(&[0x89, 0x3c, 0x25, 0x00, 0x00, 0x02, 0x00, 0x0f, 0x05, 0xeb, 0xfc]);
    first.regs_mut().rdi = 1;
    assert_eq!(first.run(), Exit::Syscall);
    for round in 0..100 {
        let mut second = first.spawn().expect("a thread");
        second.regs_mut().rip = CODE;
        second.regs_mut().rdi = 5 + round;
        let thread = std::thread::spawn(move || {
            second.bind();
            second.run()
        });
        assert_eq!(thread.join().expect("the thread ends"), Exit::Syscall);
        let mut word = [0; 4];
        assert_eq!(space.read(DATA, &mut word), Ok(4));
        assert_eq!(u64::from(u32::from_ne_bytes(word)), 5 + round);
    }
}

#[test]
fn a_killed_process_is_reported() {
    let (space, mut context) = space(SPIN);
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(10));
        space.kill();
    });
    assert_eq!(context.run(), Exit::Dead);
    thread.join().expect("the killer ends");
    assert_eq!(context.run(), Exit::Dead);
}

#[test]
fn forged_frames_kill() {
    // mov qword ptr [slot.frame], 0 is not in reach of the code here; a bad stack pointer is: jump into the
    // stub with nothing right. movabs rax, STUB_BASE + 0x1300; jmp rax
    let mut code = vec![0x48, 0xb8];
    code.extend((layout::STUB_BASE + 0x1300).to_le_bytes());
    code.extend([0xff, 0xe0]);
    let (_space, mut context) = space(&code);
    assert_eq!(context.run(), Exit::Dead);
}

#[test]
fn files_map_and_words_exchange() {
    let (space, _context) = space(SYSCALLS);
    let file = rustix::fs::memfd_create("file", rustix::fs::MemfdFlags::CLOEXEC).expect("memfd");
    rustix::io::write(&file, b"hello").expect("write");
    for shared in [false, true] {
        use std::os::fd::AsFd;
        space.map_file(DATA, PAGE, Prot::READ | Prot::WRITE, shared, file.as_fd(), 0).expect("the file maps");
        let mut bytes = [0; 5];
        assert_eq!(space.read(DATA, &mut bytes), Ok(5));
        assert_eq!(&bytes, b"hello");
    }
    assert_eq!(space.compare_exchange(DATA + 64, 0, 9), Ok(0));
    assert_eq!(space.compare_exchange(DATA + 64, 0, 9), Ok(9));
    assert_eq!(space.compare_exchange(DATA + PAGE, 0, 9), Err(Errno::EFAULT));
    space.unmap(DATA, PAGE).expect("unmaps");
    assert_eq!(space.read(DATA, &mut [0]), Err(Errno::EFAULT));
    assert_eq!(space.read(GUEST_END, &mut [0]), Err(Errno::EFAULT));
    assert_eq!(space.unmap(GUEST_END, PAGE), Err(Errno::EINVAL));
}

#[test]
fn vdso_moves() {
    let (space, _context) = space(SYSCALLS);
    space.move_vdso(space.vdso_start(), 0x7000_0000).expect("moves");
    let mut magic = [0; 4];
    assert_eq!(space.read(0x7000_0000 + space.vdso_image_offset(), &mut magic), Ok(4));
    assert_eq!(&magic, b"\x7fELF");
}

#[test]
fn a_thread_starts_anew() {
    let (old, mut context) = space(SYSCALLS);
    assert_eq!(context.run(), Exit::Syscall);
    old.move_vdso(old.vdso_start(), 0x7000_0000).expect("moves");
    // Only the context and this test know the space.
    let next = context.next_space().expect("nobody else is there");
    let kept = 0x7000_0000..0x7000_0000 + old.vdso_len();
    context.gather(|context| context.start_anew(Arc::clone(&next), kept)).expect("the memory goes");
    assert_eq!(next.read(CODE, &mut [0]), Err(Errno::EFAULT));
    assert_eq!(next.read(0x7000_0000 + next.vdso_image_offset(), &mut [0; 4]), Ok(4));
    assert_eq!(*context.regs(), crate::Regs::default());
    next.map_anonymous(CODE, PAGE, Prot::READ | Prot::WRITE | Prot::EXEC, false).expect("code maps");
    next.write(CODE, SYSCALLS).expect("code is written");
    context.set_fpstate(&[]).expect("the initial state");
    context.regs_mut().rip = CODE;
    assert_eq!(context.run(), Exit::Syscall);
    assert_eq!(context.regs().rip, CODE + 2);
    // A second thread keeps it from doing so again.
    let second = context.spawn().expect("a thread");
    drop((old, second));
    assert!(context.next_space().is_none());
}

#[test]
fn extended_state_round_trip() {
    // movq xmm0, rdi; syscall
    let (_space, mut context) = space(&[0x66, 0x48, 0x0f, 0x6e, 0xc7, 0x0f, 0x05, 0xeb, 0xfc]);
    context.regs_mut().rdi = 0x1122_3344;
    assert_eq!(context.run(), Exit::Syscall);
    let mut state = context.fpstate();
    assert_eq!(state.len(), context.fpstate_len());
    assert_eq!(state[160..164], 0x1122_3344u32.to_le_bytes());
    state[160] = 0x55;
    context.set_fpstate(&state).expect("a good image");
    assert_eq!(context.run(), Exit::Syscall);
    assert_eq!(context.fpstate()[160], 0x55);
    context.set_fpstate(&[]).expect("the initial state");
    assert_eq!(context.run(), Exit::Syscall);
    assert_eq!(context.fpstate()[160], 0);
    context.set_fpstate(&state).expect("into the frame again");
    state[25] = 0xff;
    state[26] = 0xff;
    assert_eq!(context.set_fpstate(&state), Err(Errno::EINVAL));
}

#[test]
fn the_stub_leaves_vector_registers_alone() {
    use iced_x86::{Decoder, DecoderOptions};
    let image = zygote::STUB;
    let word = |at: usize, len: usize| {
        image[at..at + len].iter().rev().fold(0usize, |value, &byte| value << 8 | usize::from(byte))
    };
    let (headers, size, count) = (word(32, 8), word(54, 2), word(56, 2));
    let mut instructions = 0;
    for header in (0..count).map(|i| headers + i * size) {
        // PT_LOAD with PF_X.
        if word(header, 4) != 1 || word(header + 4, 4) & 1 == 0 {
            continue;
        }
        let (offset, len) = (word(header + 8, 8), word(header + 32, 8));
        for instruction in Decoder::new(64, &image[offset..offset + len], DecoderOptions::NONE) {
            instructions += 1;
            let is_vector = instruction.op_kinds().enumerate().any(|(i, kind)| {
                kind == iced_x86::OpKind::Register && instruction.op_register(i as u32).is_vector_register()
            });
            assert!(!is_vector, "{:?} at {:#x}", instruction.code(), instruction.ip());
        }
    }
    assert!(instructions > 500, "{instructions} instructions");
}

#[test]
#[ignore = "prints times"]
fn round_trip_times() {
    let (_space, mut context) = space(SYSCALLS);
    for _ in 0..3 {
        let start = Instant::now();
        for _ in 0..100_000 {
            context.run();
        }
        println!("{} ns a call", start.elapsed().as_nanos() / 100_000);
        let start = Instant::now();
        for _ in 0..if std::env::var_os("NOFORK").is_some() { 1 } else { 1000 } {
            drop(context.fork().expect("fork"));
        }
        println!("{} ns a fork", start.elapsed().as_nanos() / 1000);
    }
}
