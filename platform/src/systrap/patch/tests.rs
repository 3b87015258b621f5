//! Patched text that runs: every way into the sentry and back, under a storm of kicks.

use super::*;
use crate::systrap::tests::{CODE, DATA, PAGE, platform};
use crate::{Context, Exit, Space};
use abi::mm::Prot;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Two calls for ever, each counted in RBX: `mov eax, 95; syscall; cmp rax, -4096; inc rbx`, then
/// `xor eax, eax; syscall; cmp rax, -4095; inc rbx`.
const CALLS: &[u8] = &[
    0xb8, 95, 0, 0, 0, 0x0f, 0x05, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0x48, 0xff, 0xc3, //
    0x31, 0xc0, 0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0x48, 0xff, 0xc3, 0xeb, 0xe1,
];

fn key() -> TextKey {
    TextKey([1; 8])
}

/// A space with the calls at `CODE`, patched.
fn patched() -> (Arc<Space>, Context) {
    let (space, mut context) = platform().new_space().expect("a space");
    context.bind();
    let mut page = vec![0; PAGE as usize];
    page[..CALLS.len()].copy_from_slice(CALLS);
    space.map_anonymous(CODE, PAGE, Prot::READ | Prot::WRITE | Prot::EXEC, false).expect("code maps");
    space.map_anonymous(DATA, PAGE, Prot::READ | Prot::WRITE, false).expect("data maps");
    assert_eq!(space.write(CODE, &page), Ok(page.len()));
    let text = space.patch(&key(), &page, CODE, false).expect("there are sites");
    space.map_text(&text, CODE, Prot::READ | Prot::EXEC).expect("the text maps");
    *context.regs_mut() = crate::Regs { rip: CODE, rsp: DATA + PAGE, r12: 12, r15: 15, rbp: 7, ..Default::default() };
    (space, context)
}

#[test]
fn calls_come_without_a_trap() {
    let (_space, mut context) = patched();
    for round in 0..100 {
        for (nr, after, rax) in [(95, 7, 95), (0, 20, 0)] {
            context.regs_mut().rdi = 1000 + round;
            assert_eq!(context.run(), Exit::Syscall);
            let call = *context.call();
            assert_eq!((call.nr, call.args[0], call.is_trapped), (nr, 1000 + round, false));
            let regs = *context.regs();
            assert_eq!((regs.rip, regs.rcx, regs.rax, regs.orig_rax), (CODE + after, CODE + after, rax, rax));
            assert_eq!((regs.r11, regs.gs_base, regs.rsp, regs.rbp), (regs.eflags, 0, DATA + PAGE, 7));
            context.set_result(5);
        }
    }
    assert_eq!(context.regs().rbx, 199);
}

#[test]
fn the_text_reads_as_it_was() {
    let (space, context) = patched();
    let mut bytes = vec![0; CALLS.len()];
    assert_eq!(space.read(CODE, &mut bytes), Ok(bytes.len()));
    assert_eq!(bytes, CALLS);
    for from in 0..CALLS.len() {
        let mut part = [0; 3];
        let len = part.len().min(CALLS.len() - from);
        assert_eq!(space.read_forced(CODE + from as u64, &mut part[..len]), Ok(len));
        assert_eq!(part[..len], CALLS[from..from + len]);
    }
    drop(context);
}

#[test]
fn an_application_that_uses_gs_traps() {
    let (_space, mut context) = patched();
    for gs_base in [DATA, 0x1234_5000, 0] {
        context.regs_mut().gs_base = gs_base;
        for after in [7, 20] {
            assert_eq!(context.run(), Exit::Syscall);
            assert_eq!(context.call().is_trapped, gs_base != 0);
            assert_eq!((context.regs().rip, context.regs().gs_base), (CODE + after, gs_base));
        }
    }
}

#[test]
fn unpatched_it_traps() {
    let (space, mut context) = patched();
    assert_eq!(context.run(), Exit::Syscall);
    assert!(!context.call().is_trapped);
    space.unpatch().expect("takes the jumps out");
    for after in [20, 7, 20] {
        assert_eq!(context.run(), Exit::Syscall);
        assert!(context.call().is_trapped);
        assert_eq!(context.regs().rip, CODE + after);
    }
}

/// Runs until `end`, answering calls in all the ways there are; the number of calls.
fn run_until(context: &mut Context, end: Instant) -> u64 {
    let mut calls = context.regs().rbx;
    let mut is_open = false;
    while Instant::now() < end {
        match context.run() {
            Exit::Syscall => {
                calls += u64::from(is_open);
                is_open = true;
                context.set_result(calls);
                match calls % 5 {
                    0 => context.regs_mut().rdi = calls,
                    1 => context.regs_mut().rcx = 1,
                    2 => assert_eq!(context.fpstate().len(), context.fpstate_len()),
                    3 => context.set_fpstate(&[]).expect("the initial state"),
                    _ => {}
                }
            }
            Exit::Interrupt => {
                let regs = context.regs();
                assert!((CODE..CODE + CALLS.len() as u64).contains(&regs.rip), "at {:#x}", regs.rip);
            }
            exit => panic!("{exit:?} at {:#x}", context.regs().rip),
        }
        let regs = context.regs();
        assert_eq!((regs.r12, regs.r15, regs.rbp, regs.rsp), (12, 15, 7, DATA + PAGE));
        assert!(regs.rbx == calls || regs.rbx == calls + 1, "{} of {calls}", regs.rbx);
    }
    calls
}

#[test]
fn kicks_lose_nothing() {
    let (_space, mut context) = patched();
    let is_over = Arc::new(AtomicBool::new(false));
    let (kicker, over) = (context.kicker(), is_over.clone());
    let thread = std::thread::spawn(move || {
        while !over.load(Relaxed) {
            kicker.kick();
            for _ in 0..100 {
                std::hint::spin_loop();
            }
        }
    });
    let calls = run_until(&mut context, Instant::now() + Duration::from_millis(400));
    is_over.store(true, Relaxed);
    thread.join().expect("the kicker ends");
    assert!(calls > 10, "{calls} calls");
}

#[test]
fn forks_and_threads_go_on_behind_their_call() {
    let (_space, mut context) = patched();
    context.regs_mut().fs_base = DATA;
    assert_eq!(context.run(), Exit::Syscall);
    let (_child_space, mut child) = context.fork().expect("fork");
    let mut thread = context.spawn().expect("a thread");
    context.set_result(1);
    for other in [&mut child, &mut thread] {
        other.lend_hands(|other| {
            other.set_result(0);
            // A kick before its first instruction changes nothing.
            other.kicker().kick();
            while other.run() == Exit::Interrupt {
                assert_eq!((other.regs().rip, other.regs().fs_base), (CODE + 7, DATA));
            }
            let regs = other.regs();
            assert_eq!((regs.rip, regs.rbx, regs.r12, regs.gs_base), (CODE + 20, 1, 12, 0));
            assert_eq!(regs.fs_base, DATA);
            assert!(!other.call().is_trapped);
        });
    }
}

#[test]
fn sites_are_told_by_their_bytes() {
    let mut text = CALLS.to_vec();
    let found = |text: &[u8]| scan::sites(text, &[]).iter().map(|site| site.start).collect::<Vec<_>>();
    assert_eq!(found(&text), [0, 18]);
    // A jump to the comparison.
    text.extend([0x74, (20i8 - 33) as u8]);
    assert_eq!(found(&text), [0]);
    // What an unwinder knows the return from a handler by.
    assert_eq!(found(&[0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05]), [0u32; 0]);
    // A bare call is patched only where it was executed, and only with room for a jump.
    let bare = [0x0f, 0x05, 0x48, 0x89, 0xc7, 0xc3];
    assert!(found(&bare).is_empty());
    assert_eq!(scan::sites(&bare, &[0]).len(), 1);
    assert!(scan::sites(&[0x0f, 0x05, 0x89, 0xc7, 0xc3], &[0]).is_empty());
    // mov eax, 14; xor edi, edi; syscall; mov rax, [r12 + 40]: the load tells it. Not with a call between, nor where
    // instructions from the load miss it.
    let loaded = [0xb8, 14, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05, 0x49, 0x8b, 0x44, 0x24, 0x28];
    assert_eq!(found(&loaded), [7]);
    let with_ret = [0xb8, 14, 0, 0, 0, 0xc3, 0x90, 0x0f, 0x05, 0x49, 0x8b, 0x44, 0x24, 0x28];
    assert!(found(&with_ret).is_empty());
    let missed = [0xb8, 14, 0, 0, 0, 0x31, 0x05, 0x0f, 0x05, 0x49, 0x8b, 0x44, 0x24, 0x28];
    assert!(found(&missed).is_empty());
}

#[test]
fn a_load_of_another_register_is_no_number() {
    // mov r8d, 5; syscall; nop dword [rax + rax]
    let code = [0x90, 0x41, 0xb8, 5, 0, 0, 0, 0x0f, 0x05, 0x0f, 0x1f, 0x44, 0, 0];
    assert_eq!(super::scan::sites(&code, &[]), []);
    let found = super::scan::sites(&code, &[7]);
    assert_eq!(found, [super::site::Site { start: 7, after: 9, shape: super::site::Shape::Tailed(5) }]);
}
#[test]
fn what_only_looks_like_a_jump_is_none() {
    // lea r14, [rsp + 0x68], in which 74 24 would jump behind the call; or just that jump.
    for (before, found) in [([0x4c, 0x8d, 0x74, 0x24, 0x68], vec![118]), ([0x90, 0x90, 0x74, 0x24, 0x90], vec![])] {
        let mut text = vec![0x90; 80];
        text.extend(before);
        text.resize(111, 0x90);
        // mov eax, 14; xor edi, edi; syscall; mov rax, [r12 + 40]
        text.extend([0xb8, 14, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05, 0x49, 0x8b, 0x44, 0x24, 0x28]);
        let sites = scan::sites(&text, &[]);
        assert_eq!(sites.iter().map(|site| site.start).collect::<Vec<_>>(), found);
    }
}
