//! Capabilities: a table of the few that stay, and the loss of all others.

use super::error::{Context, Result};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
};

/// A capability that the sentry keeps (within its own user namespace: it counts for files of mapped ids only).
pub struct Kept {
    /// The capability.
    pub capability: CapabilitySet,
    /// Name in capabilities(7).
    pub name: &'static str,
    /// What it is needed for.
    pub reason: &'static str,
}

/// What the sentry keeps. All of it is about files that it reaches through its directory descriptors, since
/// the sentry itself checks what a guest user may do and then acts for every one of them.
pub const KEPT: &[Kept] = &[
    Kept {
        capability: CapabilitySet::CHOWN,
        name: "CAP_CHOWN",
        reason: "chown(2) of guests, and the owner of files they create, in directories that are written through",
    },
    Kept {
        capability: CapabilitySet::DAC_OVERRIDE,
        name: "CAP_DAC_OVERRIDE",
        reason: "files of all guest users are opened by one process; the sentry has checked permission before",
    },
    Kept {
        capability: CapabilitySet::DAC_READ_SEARCH,
        name: "CAP_DAC_READ_SEARCH",
        reason: "as DAC_OVERRIDE, for directories; linkat(2) of an open file",
    },
    Kept {
        capability: CapabilitySet::FOWNER,
        name: "CAP_FOWNER",
        reason: "chmod(2), utimensat(2) and removal in sticky directories for files of any guest user",
    },
    Kept {
        capability: CapabilitySet::FSETID,
        name: "CAP_FSETID",
        reason: "set-group-id bits of files and directories written through stay as the guest set them",
    },
];

/// Highest capability number that is tried; the kernel says where its list ends.
const LAST: u32 = 63;

/// The calling thread holds the capability (all of them, if several) in its own user namespace.
pub fn has_capability(capability: CapabilitySet) -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(capability))
}

/// Gives up every capability but [`KEPT`] (of those held), for good: `no_new_privs`, an empty bounding set
/// and locked securebits, so that a program started from here has none. The process must have one thread.
pub fn drop_capabilities() -> Result<()> {
    set_no_new_privs(true).step("set no_new_privs")?;
    let held = capabilities(None).step("read the capabilities")?;
    clear_ambient_capability_set().step("clear the ambient capabilities")?;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        let locked = CapabilitiesSecureBits::NO_ROOT
            | CapabilitiesSecureBits::NO_ROOT_LOCKED
            | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
            | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED;
        set_capabilities_secure_bits(locked).step("set the securebits")?;
        for number in 0..=LAST {
            let Some(capability) = CapabilitySet::from_bits(1 << number) else { continue };
            match remove_capability_from_bounding_set(capability) {
                // Beyond the last capability of this kernel.
                Err(rustix::io::Errno::INVAL) => break,
                done => done.step("empty the capability bounding set")?,
            }
        }
    }
    let wanted = KEPT.iter().fold(CapabilitySet::empty(), |set, kept| set | kept.capability);
    let kept = held.permitted & wanted;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).step("drop capabilities")
}
