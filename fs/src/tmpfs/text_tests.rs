//! A program in memory: its calls need no trap, as long as it is what it was.

use super::{Tmpfs, TmpfsOptions};
use crate::testing::Guest;
use abi::Errno;
use abi::fs::OpenFlags;
use abi::mm::{MapFlags, PAGE_SIZE, Prot};
use mm::{Backing, Exec, Image, Limits, Map, Mm, UserAddr};
use platform::{Config, Context, Exit, Platform};
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};

/// Where the program lies.
const BASE: u64 = 0x40_0000;
/// Offset of its code.
const CODE: usize = 0x78;
/// More calls than it takes.
const MANY: usize = 300;
/// `umask(2)`, for ever: `mov eax, 95; syscall; cmp rax, -4095; jmp`.
const CALLS: [u8; 15] = [0xb8, 95, 0, 0, 0, 0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0xeb, 0xf1];

fn platform() -> Arc<Platform> {
    static PLATFORM: OnceLock<Arc<Platform>> = OnceLock::new();
    let start = || {
        let proc = OwnedFd::from(std::fs::File::open("/proc").expect("/proc opens"));
        let may_reach = std::env::var_os("NACRE_NO_REACH").is_none();
        Platform::start(Config { proc, oom_score_adj: None, may_reach }).expect("the platform starts")
    };
    Arc::clone(PLATFORM.get_or_init(start))
}

/// A static program of one segment that makes calls for ever.
fn program() -> Vec<u8> {
    let mut program = b"\x7fELF\x02\x01\x01".to_vec();
    program.resize(16, 0);
    let half = |n: u16| n.to_le_bytes().to_vec();
    let word = |n: u64| n.to_le_bytes().to_vec();
    // ET_EXEC, EM_X86_64, version; entry, program headers, no sections; flags, sizes and counts.
    program.extend([half(2), half(62), half(1), half(0)].concat());
    program.extend([word(BASE + CODE as u64), word(64), word(0)].concat());
    program.extend([half(0), half(0), half(64), half(56), half(1), half(0), half(0), half(0)].concat());
    // PT_LOAD, readable and executable.
    program.extend([half(1), half(0), half(5), half(0)].concat());
    program.extend([word(0), word(BASE), word(BASE), word(PAGE_SIZE), word(PAGE_SIZE), word(PAGE_SIZE)].concat());
    program.extend(CALLS);
    program.resize(PAGE_SIZE as usize, 0);
    program
}

/// What a mapping by a reader of `path` maps, or by a writer.
fn backing(guest: &Guest, path: &str, flags: OpenFlags) -> Arc<dyn Backing> {
    let file = guest.open(path, flags).expect("opens");
    file.ops.backing(&file.io(&guest.caller, OpenFlags::empty())).expect("can be mapped")
}

fn exec(guest: &Guest, path: &str) -> (Arc<Mm>, Context) {
    let program = guest.read(path).expect("reads");
    let read_at = |offset: u64, buf: &mut [u8]| {
        let rest = program.get(offset as usize..).unwrap_or_default();
        let len = buf.len().min(rest.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok::<_, Errno>(len)
    };
    let exec = Exec {
        image: Image { backing: backing(guest, path, OpenFlags::empty()), read_at: &read_at }
            .parse()
            .expect("the headers are fine"),
        interpreter: None,
        argv: vec![b"program".to_vec()],
        envp: Vec::new(),
        filename: b"/program".to_vec(),
        ids: [0; 4],
        is_secure: false,
        stack_limit: 8 << 20,
        is_fixed_layout: false,
        has_vdso: false,
    };
    let (mm, mut context) = exec.load(&platform()).expect("loads");
    context.bind();
    (mm, context)
}

/// Runs it for `calls` calls as its task would, by number `nr`: how many trapped.
fn run(mm: &Mm, context: &mut Context, calls: usize, nr: u32) -> usize {
    let mut trapped = 0;
    for _ in 0..calls {
        let exit = loop {
            mm.drop_spoilt_text();
            match context.run() {
                Exit::Interrupt => {}
                exit => break exit,
            }
        };
        assert_eq!((exit, context.call().nr), (Exit::Syscall, nr));
        if context.call().is_trapped {
            trapped += 1;
            mm.note_call(context.regs().rip - 2);
        }
        context.set_result(0);
    }
    trapped
}

fn guest() -> Guest {
    let guest = Guest::new(Tmpfs::new(TmpfsOptions::default()));
    guest.write("/p", &program()).expect("writes");
    guest
}

#[test]
fn a_program_in_memory_runs_without_traps() {
    let guest = guest();
    let (mm, mut context) = exec(&guest, "/p");
    let first = run(&mm, &mut context, MANY, 95);
    assert!((1..MANY).contains(&first), "{first} of {MANY} calls trapped");
    assert_eq!(run(&mm, &mut context, MANY, 95), 0);
    // The next process starts so.
    let (next, mut next_context) = exec(&guest, "/p");
    assert_eq!(run(&next, &mut next_context, MANY, 95), 0);
    // A child too.
    context.bind();
    let (child, mut child_context) = mm.fork(&mut context).expect("forks");
    child_context.bind();
    child_context.set_result(0);
    assert_eq!(run(&child, &mut child_context, MANY, 95), 0);
}

#[test]
fn what_was_written_runs() {
    let guest = guest();
    let (mm, mut context) = exec(&guest, "/p");
    run(&mm, &mut context, MANY, 95);
    let (child, mut child_context) = mm.fork(&mut context).expect("forks");
    let file = guest.open("/p", OpenFlags::RDWR).expect("opens");
    // The number of the call.
    let other = [program()[..=CODE].to_vec(), vec![110]].concat();
    guest.append(&file, &other).expect("writes");
    // The call that it is in was made already.
    run(&mm, &mut context, 1, 110);
    assert_eq!(run(&mm, &mut context, MANY, 110), MANY);
    child_context.bind();
    child_context.set_result(0);
    assert_eq!(run(&child, &mut child_context, MANY, 110), MANY);
    // Mapped anew it is worth patching again.
    let (next, mut next_context) = exec(&guest, "/p");
    run(&next, &mut next_context, MANY, 110);
    assert_eq!(run(&next, &mut next_context, MANY, 110), 0);
    file.truncate(&guest.caller, 0).expect("truncates");
    next.drop_spoilt_text();
    assert!(matches!(next_context.run(), Exit::Fault(fault) if fault.signal == 7), "nothing is left of it");
}

#[test]
fn what_may_be_written_unseen_traps() {
    let guest = guest();
    let (mm, mut context) = exec(&guest, "/p");
    run(&mm, &mut context, MANY, 95);
    let limits = Limits::NONE;
    let writer = Map {
        addr: UserAddr::NULL,
        len: PAGE_SIZE,
        prot: Prot::READ | Prot::WRITE,
        flags: MapFlags::SHARED,
        file: Some((backing(&guest, "/p", OpenFlags::RDWR), 0)),
    };
    let at = mm.map(writer, &limits).expect("maps");
    assert_eq!(run(&mm, &mut context, MANY, 95), MANY);
    assert_eq!(mm.space().write(at.0 + CODE as u64 + 1, &[110]), Ok(1));
    assert_eq!(run(&mm, &mut context, MANY, 110), MANY);
    let (next, mut next_context) = exec(&guest, "/p");
    assert_eq!(run(&next, &mut next_context, MANY, 110), MANY);
    context.bind();
    mm.unmap(at, PAGE_SIZE).expect("unmaps");
    let (next, mut next_context) = exec(&guest, "/p");
    run(&next, &mut next_context, MANY, 110);
    assert_eq!(run(&next, &mut next_context, MANY, 110), 0);
}
