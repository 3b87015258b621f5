//! Commands of `ioctl(2)` that are not of one device: `asm-generic/ioctls.h`, `linux/fs.h`.

/// Bytes that can be read.
pub const FIONREAD: u32 = 0x541b;
/// Set or clear `O_NONBLOCK`.
pub const FIONBIO: u32 = 0x5421;
/// Clear close-on-exec.
pub const FIONCLEX: u32 = 0x5450;
/// Set close-on-exec.
pub const FIOCLEX: u32 = 0x5451;
/// Set or clear `O_ASYNC`.
pub const FIOASYNC: u32 = 0x5452;
/// Size of a file.
pub const FIOQSIZE: u32 = 0x5460;
/// Block size.
pub const FIGETBSZ: u32 = 2;
/// Share all data with another file.
pub const FICLONE: u32 = 0x4004_9409;
/// Share data with another file.
pub const FICLONERANGE: u32 = 0x4020_940d;
/// Share equal data.
pub const FIDEDUPERANGE: u32 = 0xc018_9436;
/// Extents of a file.
pub const FS_IOC_FIEMAP: u32 = 0xc020_660b;
/// The user namespace that owns a namespace, as a descriptor.
pub const NS_GET_USERNS: u32 = 0xb701;
/// The namespace above.
pub const NS_GET_PARENT: u32 = 0xb702;
/// The kind, as a flag of `clone(2)`.
pub const NS_GET_NSTYPE: u32 = 0xb703;
/// The owner of a user namespace.
pub const NS_GET_OWNER_UID: u32 = 0xb704;
/// The number of a mount namespace.
pub const NS_GET_MNTNS_ID: u32 = 0x8008_b705;
