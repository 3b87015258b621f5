//! Signals as a file: `signalfd(2)`.

use crate::task::Task;
use abi::Errno;
use abi::poll::Events;
use abi::signal::{SI_QUEUE, SI_SIGIO, SI_TIMER, SI_TKILL, SIGCHLD, SIGIO, SIGSYS, SigInfo, SigSet};
use mm::Sink;
use std::sync::Arc;
use sync::{Fail, Mutex, Rank, WaitQueue};
use vfs::{File, Io};

/// Bytes of a `struct signalfd_siginfo`.
const RECORD: usize = 128;

/// Signals as a file. A read takes those of the reader; readiness is that of the thread that made it.
pub struct SignalFd {
    maker: Arc<Task>,
    mask: Mutex<SigSet>,
}

impl SignalFd {
    /// A file of these signals, made by `maker`.
    pub const fn new(maker: Arc<Task>, mask: SigSet) -> Self {
        Self { maker, mask: Mutex::new(Rank::Leaf, mask) }
    }

    /// Another set of signals.
    pub fn set_mask(&self, mask: SigSet) {
        *self.mask.lock() = mask;
        self.maker.group().signal_events.notify(Events::IN | Events::RDNORM);
    }

    fn mask(&self) -> SigSet {
        *self.mask.lock()
    }
}

impl File for SignalFd {
    fn read(&self, io: &Io<'_>, dst: &mut dyn Sink, _offset: &mut u64) -> Result<usize, Fail> {
        if dst.room() < RECORD {
            return Err(Errno::EINVAL.into());
        }
        let reader = Task::of(io.caller).ok_or(Errno::EINVAL)?;
        let take = || reader.take_signal(self.mask()).ok_or(Errno::EAGAIN);
        let queue = &reader.group().signal_events;
        let mut next = Some(io.caller.retry(queue, Events::IN, io.is_nonblock(), take)?);
        let mut done = 0;
        while let Some(info) = next {
            done += dst.put(&record(&info))?;
            next = if dst.room() >= RECORD { take().ok() } else { None };
        }
        Ok(done)
    }

    fn readiness(&self) -> Events {
        if self.maker.pending_signals().and(self.mask()).is_empty() {
            Events::empty()
        } else {
            Events::IN | Events::RDNORM
        }
    }

    fn wait_queue(&self) -> Option<&WaitQueue> {
        Some(&self.maker.group().signal_events)
    }

    fn fdinfo(&self) -> String {
        format!("sigmask:\t{:016x}\n", self.mask().0)
    }

    fn anonymous_name(&self) -> Option<String> {
        Some("anon_inode:[signalfd]".to_owned())
    }
}

/// Writes words of a record at their offsets.
struct Record([u8; RECORD]);

impl Record {
    fn u32(&mut self, offset: usize, value: u32) {
        self.0[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
    }

    fn u64(&mut self, offset: usize, value: u64) {
        self.0[offset..offset + 8].copy_from_slice(&value.to_ne_bytes());
    }
}

/// `struct signalfd_siginfo` of a signal; which fields are set depends on its kind (`sigaction(2)`).
fn record(info: &SigInfo) -> [u8; RECORD] {
    let mut to = Record([0; RECORD]);
    let [first, second, third, fourth] = [info.fields[0], info.fields[1], info.fields[2], info.fields[3]];
    to.u32(0, info.signo as u32);
    to.u32(4, info.errno as u32);
    to.u32(8, info.code as u32);
    let is_of_signal = info.code > 0 && info.code < 0x80;
    match info.signal() {
        SIGCHLD if is_of_signal => {
            to.u32(12, first as u32);
            to.u32(16, (first >> 32) as u32);
            to.u32(40, second as u32);
            to.u64(56, third);
            to.u64(64, fourth);
        }
        SIGIO if is_of_signal => {
            to.u32(28, first as u32);
            to.u32(20, second as u32);
        }
        SIGSYS if is_of_signal => {
            to.u64(88, first);
            to.u32(84, second as u32);
            to.u32(96, (second >> 32) as u32);
        }
        signal if is_of_signal && SigSet::SYNCHRONOUS.has(signal) => to.u64(72, first),
        _ => match info.code {
            SI_TIMER => {
                to.u32(24, first as u32);
                to.u32(32, (first >> 32) as u32);
                to.u32(44, second as u32);
                to.u64(48, second);
            }
            SI_SIGIO => {
                to.u32(28, first as u32);
                to.u32(20, second as u32);
            }
            code => {
                to.u32(12, first as u32);
                to.u32(16, (first >> 32) as u32);
                if code <= SI_QUEUE && code != SI_TKILL {
                    to.u32(44, second as u32);
                    to.u64(48, second);
                }
            }
        },
    }
    to.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::signal::{CLD_EXITED, SI_USER, SIGTERM};

    fn word(record: &[u8], offset: usize) -> u32 {
        u32::from_ne_bytes(record[offset..offset + 4].try_into().expect("four bytes"))
    }

    #[test]
    fn fields_by_kind() {
        let sent = record(&SigInfo::sent(SIGTERM, SI_USER, 7, 1000));
        assert_eq!([0, 8, 12, 16].map(|at| word(&sent, at)), [15, 0, 7, 1000]);
        let queued = record(&SigInfo::queued(40, SI_QUEUE, 7, 0, 0x1_0000_0002));
        assert_eq!([12, 44, 48, 52].map(|at| word(&queued, at)), [7, 2, 2, 1]);
        let child = record(&SigInfo::child(SIGCHLD, CLD_EXITED, 9, 0, 3, 1, 2));
        assert_eq!([8, 12, 40, 56, 64].map(|at| word(&child, at)), [1, 9, 3, 1, 2]);
        let timer = record(&SigInfo::timer(34, 5, 6, 7));
        assert_eq!([24, 32, 44].map(|at| word(&timer, at)), [5, 6, 7]);
    }
}
