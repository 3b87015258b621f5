//! What a task has used: `getrusage(2)`.

use abi::process::Rusage;
use abi::time::Timeval;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What calls that read and write have moved: /proc/PID/io of `proc_pid_io(5)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfers {
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Calls that read.
    pub reads: u64,
    /// Calls that write.
    pub writes: u64,
}

/// [`Transfers`] of one thread, which alone counts; others look.
#[derive(Debug, Default)]
pub(crate) struct TransferCounts {
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
}

impl TransferCounts {
    /// Only the thread itself adds: no addition is lost.
    fn add(counter: &AtomicU64, more: u64) {
        counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
    }

    pub(crate) fn count_read(&self, bytes: usize) {
        Self::add(&self.reads, 1);
        Self::add(&self.bytes_read, bytes as u64);
    }

    pub(crate) fn count_write(&self, bytes: usize) {
        Self::add(&self.writes, 1);
        Self::add(&self.bytes_written, bytes as u64);
    }

    pub(crate) fn sum(&self) -> Transfers {
        Transfers {
            bytes_read: self.bytes_read.load(Relaxed),
            bytes_written: self.bytes_written.load(Relaxed),
            reads: self.reads.load(Relaxed),
            writes: self.writes.load(Relaxed),
        }
    }
}

/// Resources used by a thread, or by several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In application code.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
    /// Faults without input.
    pub minor_faults: u64,
    /// Faults with input.
    pub major_faults: u64,
    /// Switches because it waited.
    pub voluntary: u64,
    /// Switches because its time was over.
    pub involuntary: u64,
    /// Bytes moved by reading and writing.
    pub transfers: Transfers,
}

impl Usage {
    /// Adds what another has used.
    pub fn add(&mut self, other: &Self) {
        self.user += other.user;
        self.system += other.system;
        self.minor_faults += other.minor_faults;
        self.major_faults += other.major_faults;
        self.voluntary += other.voluntary;
        self.involuntary += other.involuntary;
        self.transfers.bytes_read += other.transfers.bytes_read;
        self.transfers.bytes_written += other.transfers.bytes_written;
        self.transfers.reads += other.transfers.reads;
        self.transfers.writes += other.transfers.writes;
    }

    /// As `getrusage(2)` gives it, with so many bytes of resident memory at most.
    pub fn to_rusage(&self, max_resident: u64) -> Rusage {
        let time = |d: Duration| Timeval { sec: d.as_secs() as i64, usec: d.subsec_micros().into() };
        Rusage {
            utime: time(self.user),
            stime: time(self.system),
            maxrss: (max_resident / 1024) as i64,
            minflt: self.minor_faults as i64,
            majflt: self.major_faults as i64,
            nvcsw: self.voluntary as i64,
            nivcsw: self.involuntary as i64,
            ..Rusage::default()
        }
    }
}
