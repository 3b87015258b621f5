//! What all terminals of a sandbox share.

use super::devices::{ConsoleDevice, TtyDevice};
use super::jobs::Jobs;
use crate::devpts::{PtmxDevice, SlaveDevice};
use abi::fs::FileType;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use vfs::DeviceTable;

/// The terminals of a sandbox.
pub struct Terminals {
    jobs: Arc<dyn Jobs>,
    count: AtomicU32,
    console: Arc<ConsoleDevice>,
    ptmx: Arc<PtmxDevice>,
}

impl Terminals {
    /// None yet.
    pub fn new(jobs: Arc<dyn Jobs>) -> Arc<Self> {
        Arc::new(Self {
            jobs,
            count: AtomicU32::new(0),
            console: Arc::new(ConsoleDevice::new()),
            ptmx: Arc::new(PtmxDevice::new()),
        })
    }

    /// Adds the devices: tty, console, ptmx and the slaves.
    pub fn register(&self, devices: &DeviceTable) {
        let kind = FileType::CharDevice;
        devices.register(kind, 5, Some(0), Arc::new(TtyDevice::new(self.jobs.clone())));
        devices.register(kind, 5, Some(1), self.console.clone());
        devices.register(kind, 5, Some(2), self.ptmx.clone());
        devices.register(kind, super::PTS_MAJOR, None, Arc::new(SlaveDevice));
    }

    /// /dev/console.
    pub fn console(&self) -> &ConsoleDevice {
        &self.console
    }

    /// /dev/ptmx.
    pub fn ptmx(&self) -> &PtmxDevice {
        &self.ptmx
    }

    /// The processes behind them.
    pub const fn jobs(&self) -> &Arc<dyn Jobs> {
        &self.jobs
    }

    /// Pseudoterminals of all instances: /proc/sys/kernel/pty/nr.
    pub const fn count(&self) -> &AtomicU32 {
        &self.count
    }
}
