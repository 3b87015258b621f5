//! Message queues of System V: `msgget(2)`, `msgop(2)`, `msgctl(2)`.

use super::{Object, Perm, now};
use abi::Errno;
use abi::ipc::{MSG_COPY, MSG_EXCEPT, MSG_NOERROR, MsqidDs};
use abi::poll::Events;
use std::collections::VecDeque;
use sync::{Mutex, Rank, WaitQueue};

/// Most queues.
pub(super) const MSGMNI: usize = 32_000;
/// Most bytes of a message.
pub(super) const MSGMAX: u64 = 8192;
/// Bytes that a new queue holds.
pub(super) const MSGMNB: u64 = 16_384;

struct Message {
    kind: i64,
    text: Vec<u8>,
}

struct State {
    messages: VecDeque<Message>,
    bytes: u64,
    max_bytes: u64,
    times: [i64; 3],
    pids: [i32; 2],
    is_removed: bool,
}

/// A message queue.
pub struct MsgQueue {
    perm: Mutex<Perm>,
    state: Mutex<State>,
    /// A message came (`IN`) or went (`OUT`), or the queue is gone.
    pub changes: WaitQueue,
}

/// Totals of a namespace: `MSG_INFO`.
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "plain counts")]
pub struct MsgStat {
    pub messages: u64,
    pub bytes: u64,
}

impl Object for MsgQueue {
    fn perm(&self) -> &Mutex<Perm> {
        &self.perm
    }
}

impl MsgQueue {
    /// An empty queue for so many bytes.
    pub fn new(perm: Perm, max_bytes: u64) -> Self {
        let state = State {
            messages: VecDeque::new(),
            bytes: 0,
            max_bytes,
            times: [0, 0, now()],
            pids: [0, 0],
            is_removed: false,
        };
        Self { perm: Mutex::new(Rank::Leaf, perm), state: Mutex::new(Rank::Buffer, state), changes: WaitQueue::new() }
    }

    /// Adds a message if there is room; `EAGAIN`, `EIDRM`. The text is taken only on success.
    pub fn send(&self, kind: i64, text: &mut Vec<u8>, pid: i32) -> Result<(), Errno> {
        let mut state = self.state.lock();
        if state.is_removed {
            return Err(Errno::EIDRM);
        }
        let len = text.len() as u64;
        if state.bytes + len > state.max_bytes || state.messages.len() as u64 + 1 > state.max_bytes {
            return Err(Errno::EAGAIN);
        }
        state.bytes += len;
        state.times[0] = now();
        state.pids[0] = pid;
        state.messages.push_back(Message { kind, text: std::mem::take(text) });
        drop(state);
        self.changes.notify(Events::IN);
        Ok(())
    }

    /// Takes (or with `MSG_COPY` copies) the message that `kind` and `flags` choose: type and text, cut to `max`
    /// bytes with `MSG_NOERROR`. `ENOMSG`, `E2BIG`, `EIDRM`.
    pub fn receive(&self, kind: i64, max: usize, flags: i32, pid: i32) -> Result<(i64, Vec<u8>), Errno> {
        let mut state = self.state.lock();
        if state.is_removed {
            return Err(Errno::EIDRM);
        }
        let index = state.choose(kind, flags).ok_or(Errno::ENOMSG)?;
        let message = state.messages.get(index).ok_or(Errno::ENOMSG)?;
        if message.text.len() > max && flags & MSG_NOERROR == 0 {
            return Err(Errno::E2BIG);
        }
        if flags & MSG_COPY != 0 {
            let len = message.text.len().min(max);
            return Ok((message.kind, message.text[..len].to_vec()));
        }
        let mut message = state.messages.remove(index).ok_or(Errno::ENOMSG)?;
        state.bytes -= message.text.len() as u64;
        state.times[1] = now();
        state.pids[1] = pid;
        drop(state);
        self.changes.notify(Events::OUT);
        message.text.truncate(max);
        Ok((message.kind, message.text))
    }

    /// `IPC_SET`: who may and what was checked.
    pub fn set(&self, uid: u32, gid: u32, mode: u32, max_bytes: u64) {
        self.perm.lock().change(uid, gid, mode);
        let mut state = self.state.lock();
        state.max_bytes = max_bytes;
        state.times[2] = now();
        drop(state);
        self.changes.notify(Events::IN | Events::OUT);
    }

    /// Bytes that it holds at most.
    pub fn max_bytes(&self) -> u64 {
        self.state.lock().max_bytes
    }

    /// The queue was taken out of its table: those who wait get `EIDRM`.
    pub fn end(&self) {
        self.state.lock().is_removed = true;
        self.changes.notify(Events::IN | Events::OUT);
    }

    /// Adds its part to the totals.
    pub fn count(&self, totals: &mut MsgStat) {
        let state = self.state.lock();
        totals.messages += state.messages.len() as u64;
        totals.bytes += state.bytes;
    }

    /// `IPC_STAT`.
    pub fn stat(&self, id: i32) -> MsqidDs {
        let perm = self.perm.lock().to_abi(id);
        let state = self.state.lock();
        MsqidDs {
            perm,
            stime: state.times[0],
            rtime: state.times[1],
            ctime: state.times[2],
            cbytes: state.bytes,
            qnum: state.messages.len() as u64,
            qbytes: state.max_bytes,
            lspid: state.pids[0],
            lrpid: state.pids[1],
            unused: [0; 2],
        }
    }
}

impl State {
    /// Which message `msgrcv(2)` gets.
    fn choose(&self, kind: i64, flags: i32) -> Option<usize> {
        if flags & MSG_COPY != 0 {
            return usize::try_from(kind).ok().filter(|&index| index < self.messages.len());
        }
        let mut messages = self.messages.iter();
        match kind {
            0 => (!self.messages.is_empty()).then_some(0),
            1.. if flags & MSG_EXCEPT != 0 => messages.position(|message| message.kind != kind),
            1.. => messages.position(|message| message.kind == kind),
            _ => {
                let most = kind.checked_neg().unwrap_or(i64::MAX);
                let able = messages.enumerate().filter(|(_, message)| message.kind <= most);
                able.min_by_key(|(index, message)| (message.kind, *index)).map(|(index, _)| index)
            }
        }
    }
}
