//! How a process ended.

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// By `exit(2)`, with the low 8 bits of its argument.
    Exited(u8),
    /// By a signal.
    Signaled {
        /// Which.
        signal: u8,
        /// With the mark that a core was dumped.
        core: bool,
    },
}

impl Status {
    /// As `wait4(2)` stores it.
    pub const fn to_wait(self) -> i32 {
        match self {
            Self::Exited(code) => (code as i32) << 8,
            Self::Signaled { signal, core } => signal as i32 | if core { 0x80 } else { 0 },
        }
    }

    /// As a shell reports it: the code, or 128 and the signal.
    pub const fn to_shell(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled { signal, .. } => 128 + signal,
        }
    }
}

/// A stop as `wait4(2)` stores it.
pub(crate) const fn stopped_to_wait(signal: i32) -> i32 {
    signal << 8 | 0x7f
}

/// A continuation as `wait4(2)` stores it.
pub(crate) const CONTINUED_TO_WAIT: i32 = 0xffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_words() {
        assert_eq!(Status::Exited(3).to_wait(), 0x300);
        assert_eq!(Status::Signaled { signal: 11, core: true }.to_wait(), 0x8b);
        assert_eq!(stopped_to_wait(19), 0x137f);
        assert_eq!(Status::Signaled { signal: 9, core: false }.to_shell(), 137);
    }
}
