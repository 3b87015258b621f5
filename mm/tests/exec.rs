//! Loads a real static program (this test itself) into a space and runs it up to its first calls; then
//! makes mappings in it.

use abi::Errno;
use abi::mm::{MapFlags, PAGE_SIZE, Prot};
use mm::{Backing, Exec, HostRange, Image, Limits, Map, UserAddr, UserMemory};
use platform::{Config, Exit, Platform};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

struct HostFile(Arc<OwnedFd>);

impl Backing for HostFile {
    fn host_range(&self, offset: u64) -> Result<HostRange, Errno> {
        Ok(HostRange { fd: Arc::clone(&self.0), offset })
    }
    fn name(&self) -> Vec<u8> {
        b"/program".to_vec()
    }
    fn device(&self) -> u64 {
        7
    }
    fn inode(&self) -> u64 {
        8
    }
    fn is_writable(&self) -> bool {
        false
    }
    fn as_any(&self) -> &(dyn std::any::Any + Send + Sync) {
        self
    }
}

fn map(len: u64, flags: MapFlags) -> Map {
    Map { addr: UserAddr::NULL, len, prot: Prot::READ | Prot::WRITE, flags, file: None }
}

#[test]
fn a_static_program_starts_and_its_memory_obeys() {
    let proc = OwnedFd::from(File::open("/proc").expect("/proc opens"));
    let platform =
        Platform::start(Config { proc, oom_score_adj: None, may_reach: std::env::var_os("NACRE_NO_REACH").is_none() })
            .expect("the platform starts");
    let file = File::open("/proc/self/exe").expect("this program opens");
    let backing = Arc::new(HostFile(Arc::new(file.try_clone().expect("dup").into())));
    let read_at = |offset, buf: &mut [u8]| file.read_at(buf, offset).map_err(|_| Errno::EIO);
    let exec = Exec {
        image: Image { backing, read_at: &read_at }.parse().expect("the headers are fine"),
        interpreter: None,
        argv: vec![b"program".to_vec(), b"argument".to_vec()],
        envp: vec![b"A=b".to_vec()],
        filename: b"/program".to_vec(),
        ids: [0; 4],
        is_secure: false,
        stack_limit: 8 << 20,
        is_fixed_layout: false,
        has_vdso: true,
    };
    let (mm, mut context) = exec.load(&platform).expect("the program loads");
    context.bind();
    let layout = mm.layout();
    let mut args = vec![0; (layout.arg_end - layout.arg_start) as usize];
    mm.read(UserAddr(layout.arg_start), &mut args).expect("arguments can be read");
    assert_eq!(args, b"program\0argument\0");

    // The C library's first calls: brk or arch_prctl, after it has run its start-up code.
    assert_eq!(context.run(), Exit::Syscall);
    assert!([12, 158].contains(&context.regs().orig_rax), "first call {}", context.regs().orig_rax);

    // The break moves and comes back.
    let (start, _) = mm.brk_range();
    assert_eq!(mm.brk(UserAddr(start + 10_000), &Limits::NONE), UserAddr(start + 10_000));
    mm.write(UserAddr(start + 9_999), b"x").expect("the heap is there");
    assert_eq!(mm.brk(UserAddr(start), &Limits::NONE), UserAddr(start));
    assert_eq!(mm.write(UserAddr(start + 9_999), b"x"), Err(Errno::EFAULT));

    // Mappings: private, shared, moved, protected, cut.
    let flags = MapFlags::PRIVATE | MapFlags::ANONYMOUS;
    let addr = mm.map(map(3 * PAGE_SIZE, flags), &Limits::NONE).expect("maps");
    mm.write(addr, b"here").expect("writes");
    let moved = mm.remap(addr, 3 * PAGE_SIZE, 64 * PAGE_SIZE, 1, UserAddr::NULL, &Limits::NONE).expect("moves");
    let mut four = [0; 4];
    mm.read(moved, &mut four).expect("reads");
    assert_eq!(&four, b"here");
    mm.protect(moved, PAGE_SIZE, Prot::READ, &Limits::NONE).expect("protects");
    assert_eq!(mm.write(moved, b"x"), Err(Errno::EFAULT));
    mm.unmap(UserAddr(moved.0 + PAGE_SIZE), PAGE_SIZE).expect("cuts");
    assert_eq!(mm.protect(moved, 3 * PAGE_SIZE, Prot::READ, &Limits::NONE), Err(Errno::ENOMEM));
    let limits = Limits { address_space: mm.usage().size, ..Limits::NONE };
    assert_eq!(mm.map(map(PAGE_SIZE, flags), &limits), Err(Errno::ENOMEM));
    let fixed = Map { addr: moved, ..map(PAGE_SIZE, flags | MapFlags::FIXED_NOREPLACE) };
    assert_eq!(mm.map(fixed, &Limits::NONE), Err(Errno::EEXIST));

    // A child sees a private copy, and the same shared pages.
    let shared = mm.map(map(PAGE_SIZE, MapFlags::SHARED | MapFlags::ANONYMOUS), &Limits::NONE).expect("maps");
    let (child, mut child_context) = mm.fork(&mut context).expect("forks");
    child_context.lend_hands(|_| child.write(shared, b"both").expect("writes"));
    mm.read(shared, &mut four).expect("reads");
    assert_eq!(&four, b"both");
    assert_eq!(mm.futex_key(shared, true), child.futex_key(shared, true));
    assert_ne!(mm.futex_key(moved, true), child.futex_key(moved, true));

    // The stack grows, but not for ever.
    let stack = mm.mappings().into_iter().find(|mapping| mapping.grows_down).expect("a stack");
    mm.write(UserAddr(stack.start - 100_000), b"deeper").expect("the stack grows");
    assert_eq!(mm.write(UserAddr(stack.end - (9 << 20)), b"too deep"), Err(Errno::EFAULT));
    assert!(!mm.handle_fault(&platform::Fault { signal: 11, code: 1, addr: 4096, trapno: 14, error: 6 }));

    // Our mappings and the host's agree.
    let host = std::fs::read_to_string(format!("/proc/{}/maps", mm.space().host_pid())).expect("host maps");
    for mapping in mm.mappings() {
        let covers = host.lines().any(|line| {
            let (from, rest) = line.split_once('-').expect("a range");
            let to = rest.split(' ').next().expect("an end");
            let parse = |text| u64::from_str_radix(text, 16).expect("hexadecimal");
            parse(from) <= mapping.start && mapping.start < parse(to)
        });
        assert!(covers, "{:#x} is not mapped on the host", mapping.start);
    }
}
