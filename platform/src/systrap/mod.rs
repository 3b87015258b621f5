//! The `systrap` platform: stub processes whose system calls trap by seccomp.
//!
//! - `layout.rs`: what sentry and stub share. `../../stub/`: the stub program.
//! - `filter.rs`: the stub's seccomp filter.
//! - `slot.rs`, `frame.rs`: the sentry's view of a thread's slot and of the signal frame in it.
//! - `hands.rs`: the stub thread that does the sentry's work, and what travels with its call.
//! - `pace.rs`: where a sentry thread waits for its stub thread, and whether it spins.
//! - `patch/`: text whose calls need no trap.
//! - `process.rs`: a stub process: its life, its descriptors, its death.
//! - `space.rs`, `context.rs`: the platform's interface. `trip.rs`: a context's way to the application and back.
//! - `thread.rs`: a stub thread as others than its owner see it.
//! - `times.rs`: processor time of a thread.
//! - `failures.rs`: failures that the stub tells of by itself.
//! - `vdso.rs`: the host's vDSO. `peak.rs`: most memory of a process.
//! - `zygote.rs`: the first stub, from which all are forked. `reaper.rs`: who reaps them. `spare.rs`: what a fork needs.

mod calls;
mod context;
mod failures;
mod filter;
mod frame;
mod hands;
#[expect(dead_code, unreachable_pub, reason = "shared with the stub, which is another program")]
mod layout;
mod pace;
mod patch;
mod peak;
mod process;
mod reaper;
mod slot;
mod space;
mod spare;
mod thread;
mod times;
mod trip;
mod vdso;
mod zygote;

pub use context::Context;
pub use patch::{Noted, Text, TextKey};
pub use peak::Peak;
pub use space::{GUEST_END, Space};
pub use thread::Kicker;
pub use zygote::Platform;

/// The time-stamp counter.
fn ticks() -> u64 {
    // SAFETY: every x86-64 has it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(test)]
mod tests;

/// A host error as the guest sees it: the same number.
fn rustix_error(error: rustix::io::Errno) -> abi::Errno {
    abi::Errno(error.raw_os_error() as u16)
}

/// A host error as the guest sees it.
fn host_error(error: std::io::Error) -> abi::Errno {
    abi::Errno(error.raw_os_error().unwrap_or(libc::EIO) as u16)
}
