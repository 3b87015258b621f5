//! Epoll over pipes and eventfds.

use super::*;
use crate::EventFd;
use crate::test_fs::caller;
use mm::{SliceSource, VecSink};
use std::time::Duration;

const IN: u32 = Events::IN.bits();

fn poke(file: &Arc<OpenFile>, caller: &Caller) {
    let one = 1u64.to_ne_bytes();
    file.write(caller, &mut SliceSource::new(&one), OpenFlags::empty()).expect("counts");
}

fn drain(file: &Arc<OpenFile>, caller: &Caller) {
    file.read(caller, &mut VecSink::new(8), OpenFlags::empty()).expect("counted");
}

fn data(event: &Event) -> u64 {
    u64::from(event.data_low) | u64::from(event.data_high) << 32
}

fn look(epoll: &Arc<OpenFile>, caller: &Caller) -> Vec<u64> {
    let epoll = epoll.downcast::<Epoll>().expect("an instance");
    epoll.wait(caller, 10, None, true).expect("no wait").iter().map(data).collect()
}

#[test]
fn level_edge_and_oneshot() {
    let (caller, _) = caller(0);
    let epoll = Epoll::open();
    let instance = epoll.downcast::<Epoll>().expect("an instance");
    let files: Vec<_> = (0..3).map(|_| EventFd::open(0, false, OpenFlags::NONBLOCK)).collect();
    for (data, (file, flags)) in (0..).zip(files.iter().zip([0, ET, ONESHOT])) {
        instance.add(file, 3, IN | flags, data).expect("added");
    }
    let poke_all = || {
        for file in &files {
            poke(file, &caller);
        }
    };
    assert_eq!(instance.add(&files[0], 3, IN, 0), Err(Errno::EEXIST));
    assert_eq!(look(&epoll, &caller), []);
    poke_all();
    assert_eq!(look(&epoll, &caller), [0, 1, 2]);
    assert_eq!(look(&epoll, &caller), [0]);
    poke_all();
    assert_eq!(look(&epoll, &caller), [0, 1]);
    instance.modify(&files[2], 3, IN | ONESHOT, 7).expect("there");
    assert_eq!(look(&epoll, &caller), [0, 7]);
    drain(&files[0], &caller);
    assert_eq!(look(&epoll, &caller), []);
    instance.remove(&files[0], 3).expect("there");
    assert_eq!(instance.remove(&files[0], 3), Err(Errno::ENOENT));
}

#[test]
fn closed_files_leave_and_waits_end() {
    let (caller, _) = caller(0);
    let epoll = Epoll::open();
    let instance = epoll.downcast::<Epoll>().expect("an instance");
    let file = EventFd::open(1, false, OpenFlags::empty());
    instance.add(&file, 3, IN, 1).expect("added");
    assert_eq!(look(&epoll, &caller), [1]);
    drop(file);
    assert_eq!(look(&epoll, &caller), []);
    let deadline = Deadline::after(Duration::from_millis(5));
    assert!(instance.wait(&caller, 1, deadline, false).expect("waited").is_empty());
    let late = EventFd::open(0, false, OpenFlags::empty());
    instance.add(&late, 4, IN, 2).expect("added");
    let other = late.clone();
    let thread = std::thread::spawn(move || {
        let (caller, _) = crate::test_fs::caller(0);
        poke(&other, &caller);
    });
    let events = instance.wait(&caller, 1, None, false).expect("waited");
    assert_eq!(events.iter().map(|event| (event.events, data(event))).collect::<Vec<_>>(), [(IN, 2)]);
    thread.join().expect("ends");
}

#[test]
fn nesting_is_told_and_circles_are_refused() {
    let (caller, _) = caller(0);
    let chain: Vec<_> = (0..6).map(|_| Epoll::open()).collect();
    let of = |i: usize| chain[i].downcast::<Epoll>().expect("an instance");
    assert_eq!(of(0).add(&chain[0], 1, IN, 0), Err(Errno::EINVAL));
    for i in 0..4 {
        assert_eq!(of(i).add(&chain[i + 1], 1, IN, i as u64), Ok(()), "link {i}");
    }
    assert_eq!(of(4).add(&chain[5], 1, IN, 0), Err(Errno::ELOOP));
    assert_eq!(of(4).add(&chain[0], 1, IN, 0), Err(Errno::ELOOP));
    let file = EventFd::open(0, false, OpenFlags::empty());
    of(4).add(&file, 1, IN, 9).expect("added");
    assert_eq!(look(&chain[0], &caller), []);
    poke(&file, &caller);
    assert_eq!(look(&chain[0], &caller), [0]);
}

#[test]
fn files_of_an_instance_that_is_looked_at_are_kept() {
    let (caller, _) = caller(0);
    let (outer, inner, file) = (Epoll::open(), Epoll::open(), EventFd::open(0, false, OpenFlags::empty()));
    outer.downcast::<Epoll>().expect("an instance").add(&inner, 1, IN, 1).expect("added");
    inner.downcast::<Epoll>().expect("an instance").add(&file, 2, IN, 2).expect("added");
    poke(&file, &caller);
    let mut seen = Vec::new();
    assert!(readiness(&inner, &mut seen).contains(Events::IN));
    assert!(seen.iter().any(|kept| Arc::ptr_eq(kept, &file)), "a reference of whoever looks, to be let go of by him");
    assert_eq!(look(&outer, &caller), [1]);
}
