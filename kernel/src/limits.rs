//! Resource limits of a process: `getrlimit(2)`.

use abi::Errno;
use abi::resource::{RLIM_INFINITY, Resource, Rlimit};

/// The limits of a process. Who must obey one asks for it; nothing is enforced here.
#[derive(Clone, Debug)]
pub struct Limits([Rlimit; Resource::COUNT]);

/// Bytes.
const MIB: u64 = 1 << 20;
/// Threads, and signals queued, of one user: half of the threads of a machine of 2 GiB.
const THREADS: u64 = 16 * 1024;

const fn both(value: u64) -> Rlimit {
    Rlimit { cur: value, max: value }
}

impl Default for Limits {
    /// Those of the first process of Linux; a hard limit of open files as service managers set it.
    fn default() -> Self {
        Self(Resource::ALL.map(|resource| match resource {
            Resource::Stack => Rlimit { cur: 8 * MIB, max: RLIM_INFINITY },
            Resource::Core => Rlimit { cur: 0, max: RLIM_INFINITY },
            Resource::Nofile => Rlimit { cur: 1024, max: vfs::NR_OPEN },
            Resource::Nproc | Resource::Sigpending => both(THREADS),
            Resource::Memlock => both(8 * MIB),
            Resource::Msgqueue => both(819_200),
            Resource::Nice | Resource::Rtprio => both(0),
            _ => both(RLIM_INFINITY),
        }))
    }
}

impl Limits {
    /// Soft and hard limit.
    pub const fn get(&self, resource: Resource) -> Rlimit {
        self.0[resource as usize]
    }

    /// Soft limit by number; none for a number that is no resource.
    pub fn soft(&self, resource: u32) -> u64 {
        self.0.get(resource as usize).map_or(RLIM_INFINITY, |limit| limit.cur)
    }

    /// Sets one at boot, as the one who starts the sandbox says.
    pub const fn set(&mut self, resource: Resource, limit: Rlimit) {
        self.0[resource as usize] = limit;
    }

    /// `setrlimit(2)`. `may_raise`: the caller has `CAP_SYS_RESOURCE`. `EINVAL`, `EPERM`.
    pub fn change(&mut self, resource: Resource, new: Rlimit, may_raise: bool) -> Result<(), Errno> {
        if new.cur > new.max {
            return Err(Errno::EINVAL);
        }
        if resource == Resource::Nofile && new.max > vfs::NR_OPEN {
            return Err(Errno::EPERM);
        }
        if new.max > self.get(resource).max && !may_raise {
            return Err(Errno::EPERM);
        }
        self.set(resource, new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_needs_a_right() {
        let mut limits = Limits::default();
        assert_eq!(limits.soft(Resource::Nofile as u32), 1024);
        assert_eq!(limits.soft(99), RLIM_INFINITY);
        let limit = |cur, max| Rlimit { cur, max };
        assert_eq!(limits.change(Resource::Nofile, limit(2, 1), true), Err(Errno::EINVAL));
        assert_eq!(limits.change(Resource::Nofile, limit(1, vfs::NR_OPEN + 1), true), Err(Errno::EPERM));
        assert_eq!(limits.change(Resource::Nofile, limit(10, 20), false), Ok(()));
        assert_eq!(limits.change(Resource::Nofile, limit(10, 21), false), Err(Errno::EPERM));
        assert_eq!(limits.change(Resource::Nofile, limit(10, 21), true), Ok(()));
        assert_eq!(limits.get(Resource::Nofile), limit(10, 21));
    }
}
