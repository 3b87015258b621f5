//! Most resident memory of processes that have ended.

use platform::Peak;

/// Most that the host owes us. More come only where it has no time to reap; the oldest are forgotten then.
const PENDING_MAX: usize = 1024;

/// The greatest of some processes' peaks of resident memory. The host tells each when it has reaped the process, which
/// nobody waits for who does not want to know.
#[derive(Clone, Debug, Default)]
pub struct Peaks {
    /// Bytes.
    known: u64,
    pending: Vec<Peak>,
}

impl Peaks {
    /// Takes in another process, which is about to be gone.
    pub(crate) fn add(&mut self, peak: Peak) {
        self.settle();
        if self.pending.len() >= PENDING_MAX {
            self.pending.remove(0);
        }
        self.pending.push(peak);
    }

    /// Takes in those of others.
    pub(crate) fn merge(&mut self, others: &Self) {
        self.known = self.known.max(others.known);
        for peak in &others.pending {
            self.add(peak.clone());
        }
    }

    /// Asks for those that are known now.
    fn settle(&mut self) {
        let known = &mut self.known;
        self.pending.retain(|peak| match peak.get() {
            Some(bytes) => {
                *known = (*known).max(bytes);
                false
            }
            None => true,
        });
    }

    /// Bytes; waits for processes that are about to be gone.
    pub fn max_resident(&self) -> u64 {
        self.pending.iter().map(Peak::wait).fold(self.known, u64::max)
    }
}
