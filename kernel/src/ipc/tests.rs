//! Tests of what the IPC objects decide.

use super::*;
use abi::Errno;
use abi::ipc::{IPC_CREAT, IPC_EXCL, IPC_NOWAIT, MSG_COPY, MSG_EXCEPT, MSG_NOERROR, SEM_UNDO, Sembuf};
use vfs::{Credentials, UserNamespace};

fn set(count: usize) -> Arc<SemSet> {
    Arc::new(SemSet::new(Perm::default(), count))
}

const fn op(num: u16, op: i16, flags: i16) -> Sembuf {
    Sembuf { num, op, flags }
}

#[test]
fn keys_and_ids() {
    let ns = UserNamespace::root();
    let root = Credentials::root(ns.clone());
    let other = Credentials { euid: 7, effective: 0, fsgid: 7, ..root.clone() };
    let registry = Registry::new(3);
    let get = |creds: &Credentials, key, flags| {
        let get = Get { key, flags, creds, ns: &ns };
        registry.get(get, |_| Ok(()), |_, _| Ok(SemSet::new(Perm::new(creds, key, flags), 1)))
    };
    assert_eq!(get(&root, 5, 0), Err(Errno::ENOENT));
    let id = get(&root, 5, IPC_CREAT | 0o600).expect("made");
    assert_eq!(get(&root, 5, IPC_CREAT | 0o600), Ok(id));
    assert_eq!(get(&root, 5, IPC_CREAT | IPC_EXCL), Err(Errno::EEXIST));
    assert_eq!(get(&other, 5, 0o600), Err(Errno::EACCES));
    assert_eq!(get(&other, 5, 0), Ok(id));
    assert_ne!(get(&root, 0, 0), get(&root, 0, 0));
    assert_eq!(get(&root, 0, 0), Err(Errno::ENOSPC));
    assert!(registry.remove(id).is_some() && registry.remove(id).is_none());
    assert!(registry.find(id).is_err());
}

#[test]
fn semaphores_all_or_none() {
    let set = set(2);
    let undo = UndoList::new(9);
    let attempt = |ops: &[Sembuf]| set.attempt(ops, 1, Some(&undo));
    assert_eq!(attempt(&[op(0, 2, 0), op(1, -1, 0)]), Ok(Tried::Wait(1, false)));
    assert_eq!(attempt(&[op(0, 2, 0), op(1, -1, IPC_NOWAIT as i16)]), Err(Errno::EAGAIN));
    assert_eq!(set.values(), [0, 0]);
    assert_eq!(attempt(&[op(0, 2, 0), op(0, -1, SEM_UNDO), op(1, 5, SEM_UNDO)]), Ok(Tried::Done));
    assert_eq!(set.values(), [1, 5]);
    assert_eq!(attempt(&[op(0, 0, 0)]), Ok(Tried::Wait(0, true)));
    assert_eq!(attempt(&[op(0, 32_767, 0)]), Err(Errno::ERANGE));
    assert_eq!(attempt(&[op(2, 1, 0)]), Err(Errno::EFBIG));
    assert_eq!(set.set_value(1, 3, 1), Ok(()));
    drop(undo);
    // SETVAL forgot the adjustment of semaphore 1.
    assert_eq!(set.values(), [2, 3]);
    assert_eq!(set.last_pid(0), Ok(9));
    set.end();
    assert_eq!(set.attempt(&[op(0, 1, 0)], 1, None), Err(Errno::EIDRM));
}

#[test]
fn messages_are_chosen_by_type() {
    let queue = MsgQueue::new(Perm::default(), 16_384);
    let send = |kind, text: &str| queue.send(kind, &mut text.as_bytes().to_vec(), 1);
    for (kind, text) in [(3, "three"), (1, "one"), (2, "two"), (1, "uno")] {
        send(kind, text).expect("there is room");
    }
    let receive = |kind, max, flags| {
        queue.receive(kind, max, flags, 2).map(|(kind, text)| (kind, String::from_utf8(text).expect("text")))
    };
    let message = |kind, text: &str| Ok((kind, text.to_owned()));
    assert_eq!(receive(2, 100, MSG_COPY), message(2, "two"));
    assert_eq!(receive(9, 100, 0), Err(Errno::ENOMSG));
    assert_eq!(receive(0, 2, 0), Err(Errno::E2BIG));
    assert_eq!(receive(0, 2, MSG_NOERROR), message(3, "th"));
    assert_eq!(receive(-2, 100, 0), message(1, "one"));
    assert_eq!(receive(1, 100, MSG_EXCEPT), message(2, "two"));
    assert_eq!(receive(1, 100, 0), message(1, "uno"));
    assert_eq!(send(1, &"x".repeat(20_000)), Err(Errno::EAGAIN));
}

#[test]
fn segments_go_with_their_last_attach() {
    let ns = UserNamespace::root();
    let root = Credentials::root(ns.clone());
    let shms = Registry::new(4);
    let get = Get { key: 77, flags: IPC_CREAT | 0o600, creds: &root, ns: &ns };
    let make =
        |id, _: &mut dyn Iterator<Item = &Segment>| Segment::new(&shms, id, Perm::new(&root, 77, 0o600), 5000, 1);
    let id = shms.get(get, |_| Ok(()), make).expect("made");
    let segment = shms.find(id).expect("there");
    let (first, second) = (segment.attach(true, 1), segment.attach(true, 2));
    let third = segment.attach(false, 3);
    assert_eq!((segment.attaches(), segment.pages()), (3, 2));
    segment.remove();
    assert!(shms.find(id).is_ok());
    drop((first, second));
    assert_eq!(segment.stat().nattch, 1);
    drop(third);
    assert!(shms.find(id).is_err());
}
