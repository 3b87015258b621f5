//! Capabilities: `capget(2)`, `capabilities(7)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `_LINUX_CAPABILITY_VERSION_1`: one data element.
pub const CAPABILITY_VERSION_1: u32 = 0x1998_0330;
/// `_LINUX_CAPABILITY_VERSION_2`: two, deprecated.
pub const CAPABILITY_VERSION_2: u32 = 0x2007_1026;
/// `_LINUX_CAPABILITY_VERSION_3`: two.
pub const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CapHeader {
    /// `CAPABILITY_VERSION_*`.
    pub version: u32,
    /// Thread; 0 is the caller.
    pub pid: i32,
}

/// `struct __user_cap_data_struct`: 32 capabilities of each set.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of capget(2)")]
pub struct CapData {
    pub effective: u32,
    pub permitted: u32,
    pub inheritable: u32,
}

/// `SECBIT_NOROOT`.
pub const SECBIT_NOROOT: u32 = 1;
/// `SECBIT_NO_SETUID_FIXUP`.
pub const SECBIT_NO_SETUID_FIXUP: u32 = 1 << 2;
/// `SECBIT_KEEP_CAPS`.
pub const SECBIT_KEEP_CAPS: u32 = 1 << 4;
/// `SECBIT_KEEP_CAPS_LOCKED`.
pub const SECBIT_KEEP_CAPS_LOCKED: u32 = 1 << 5;
/// `SECBIT_NO_CAP_AMBIENT_RAISE`.
pub const SECBIT_NO_CAP_AMBIENT_RAISE: u32 = 1 << 6;
/// Every bit that is no lock (`SECURE_ALL_BITS`).
pub const SECURE_ALL_BITS: u32 = 0x55;
/// The locks of those bits (`SECURE_ALL_LOCKS`).
pub const SECURE_ALL_LOCKS: u32 = SECURE_ALL_BITS << 1;

/// Most supplementary groups: `NGROUPS_MAX`.
pub const NGROUPS_MAX: usize = 65_536;
