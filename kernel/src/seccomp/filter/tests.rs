use super::*;
use abi::bpf::{ABS, Instruction, JEQ, JMP, K, LD, RET, W};
use abi::seccomp::{RET_ERRNO, RET_KILL_PROCESS, RET_KILL_THREAD, RET_LOG, RET_TRACE, RET_TRAP, RET_USER_NOTIF};

fn filter(code: &[Instruction], previous: Option<Arc<Filter>>) -> Result<Arc<Filter>, Errno> {
    Filter::new(Program::new(code).expect("a good program"), FilterFlags::empty(), None, previous)
}

const fn ret(k: u32) -> Instruction {
    Instruction { code: RET | K, jt: 0, jf: 0, k }
}

fn result(filters: &[u32]) -> u32 {
    let mut chain = None;
    for &verdict in filters {
        chain = Some(filter(&[ret(verdict)], chain.take()).expect("room"));
    }
    chain.map_or(RET_ALLOW, |chain| chain.evaluate(&Data::default()).0)
}

#[test]
fn the_least_permissive_counts() {
    let order = [RET_KILL_PROCESS, RET_KILL_THREAD, RET_TRAP, RET_ERRNO, RET_USER_NOTIF, RET_TRACE, RET_LOG, RET_ALLOW];
    for pair in order.windows(2) {
        assert_eq!(result(&[pair[0], pair[1]]), pair[0]);
        assert_eq!(result(&[pair[1], pair[0]]), pair[0]);
    }
    assert_eq!(result(&[RET_ERRNO | 1, RET_ERRNO | 2]), RET_ERRNO | 2, "of equal ones the newest");
}

#[test]
fn calls_that_are_always_allowed() {
    let code = [
        Instruction { code: LD | W | ABS, jt: 0, jf: 0, k: 0 },
        Instruction { code: JMP | JEQ | K, jt: 0, jf: 1, k: 39 },
        ret(RET_ALLOW | 7),
        ret(RET_ERRNO | 1),
    ];
    let first = filter(&code, None).expect("room");
    let second = filter(&[ret(RET_ALLOW)], Some(first.clone())).expect("room");
    let call = |nr| Data { nr, ..Data::default() };
    for _ in 0..2 {
        assert!(second.allows_always(39) && !second.allows_always(40));
        assert_eq!(second.evaluate(&call(39)).0, RET_ALLOW);
        assert_eq!(second.evaluate(&call(40)).0, RET_ERRNO | 1);
    }
    assert!(second.cache.get(39) == Some(true) && second.cache.get(40) == Some(false));
    assert_eq!(first.cache.get(39), None);
}

#[test]
fn chains_have_an_end() {
    let mut chain = None;
    let mut count = 0;
    let end = loop {
        match filter(&[ret(RET_ALLOW)], chain.clone()) {
            Ok(next) => chain = Some(next),
            Err(errno) => break errno,
        }
        count += 1;
    };
    // 5 instructions each for Linux, and 4 of penalty.
    assert_eq!((end, count), (Errno::ENOMEM, (MAX_INSTRUCTIONS - 5) / 9 + 1));
    assert_eq!(chain.map_or(0, |chain| chain.count()), count as u32);
}
