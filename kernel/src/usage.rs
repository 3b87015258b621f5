//! What a task has used: `getrusage(2)`.

use abi::process::Rusage;
use abi::time::Timeval;
use std::time::Duration;

/// Resources used by a thread, or by several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// In application code.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
    /// Most resident memory, in KiB.
    pub max_resident: u64,
    /// Faults without input.
    pub minor_faults: u64,
    /// Faults with input.
    pub major_faults: u64,
    /// Switches because it waited.
    pub voluntary: u64,
    /// Switches because its time was over.
    pub involuntary: u64,
}

impl Usage {
    /// Adds what another has used; the resident memory is the greater one.
    pub fn add(&mut self, other: &Self) {
        self.user += other.user;
        self.system += other.system;
        self.max_resident = self.max_resident.max(other.max_resident);
        self.minor_faults += other.minor_faults;
        self.major_faults += other.major_faults;
        self.voluntary += other.voluntary;
        self.involuntary += other.involuntary;
    }

    /// As `getrusage(2)` gives it.
    pub fn to_rusage(&self) -> Rusage {
        let time = |d: Duration| Timeval { sec: d.as_secs() as i64, usec: d.subsec_micros().into() };
        Rusage {
            utime: time(self.user),
            stime: time(self.system),
            maxrss: self.max_resident as i64,
            minflt: self.minor_faults as i64,
            majflt: self.major_faults as i64,
            nvcsw: self.voluntary as i64,
            nivcsw: self.involuntary as i64,
            ..Rusage::default()
        }
    }
}
