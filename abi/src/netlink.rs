//! Netlink: `netlink(7)`, `rtnetlink(7)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `struct sockaddr_nl`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of netlink(7)")]
pub struct SockaddrNl {
    pub family: u16,
    pub pad: u16,
    pub pid: u32,
    pub groups: u32,
}

/// `struct nlmsghdr`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of netlink(7)")]
pub struct NlMsgHdr {
    pub len: u32,
    pub kind: u16,
    pub flags: u16,
    pub seq: u32,
    pub pid: u32,
}

/// `struct ifinfomsg`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of rtnetlink(7)")]
pub struct IfInfoMsg {
    pub family: u8,
    pub _pad: u8,
    pub kind: u16,
    pub index: i32,
    pub flags: u32,
    pub change: u32,
}

/// `struct ifaddrmsg`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of rtnetlink(7)")]
pub struct IfAddrMsg {
    pub family: u8,
    pub prefixlen: u8,
    pub flags: u8,
    pub scope: u8,
    pub index: u32,
}

/// `struct rtmsg`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of rtnetlink(7)")]
pub struct RtMsg {
    pub family: u8,
    pub dst_len: u8,
    pub src_len: u8,
    pub tos: u8,
    pub table: u8,
    pub protocol: u8,
    pub scope: u8,
    pub kind: u8,
    pub flags: u32,
}

/// Families of netlink.
#[expect(missing_docs, reason = "the names of netlink(7)")]
pub mod family {
    pub const ROUTE: i32 = 0;
    pub const KOBJECT_UEVENT: i32 = 15;
    /// One more than the highest one.
    pub const MAX: i32 = 32;
}

/// Message types of `netlink(7)`.
#[expect(missing_docs, reason = "the names of netlink(7)")]
pub mod nlmsg {
    pub const NOOP: u16 = 1;
    pub const ERROR: u16 = 2;
    pub const DONE: u16 = 3;
    /// Types below are not requests.
    pub const MIN_TYPE: u16 = 16;
}

/// Flags of a message.
#[expect(missing_docs, reason = "the names of netlink(7)")]
pub mod nlm_f {
    pub const REQUEST: u16 = 1;
    pub const MULTI: u16 = 2;
    pub const ACK: u16 = 4;
    pub const ROOT: u16 = 0x100;
    pub const MATCH: u16 = 0x200;
    pub const DUMP: u16 = 0x300;
    pub const REPLACE: u16 = 0x100;
    pub const EXCL: u16 = 0x200;
    pub const CREATE: u16 = 0x400;
    /// In an error message: only the header of the request follows.
    pub const CAPPED: u16 = 0x100;
}

/// Message types of `rtnetlink(7)`.
#[expect(missing_docs, reason = "the names of rtnetlink(7)")]
pub mod rtm {
    pub const NEWLINK: u16 = 16;
    pub const GETLINK: u16 = 18;
    pub const SETLINK: u16 = 19;
    pub const NEWADDR: u16 = 20;
    pub const DELADDR: u16 = 21;
    pub const GETADDR: u16 = 22;
    pub const NEWROUTE: u16 = 24;
    pub const GETROUTE: u16 = 26;
    pub const GETNEIGH: u16 = 30;
    pub const GETRULE: u16 = 34;
    pub const GETQDISC: u16 = 38;
    pub const GETADDRLABEL: u16 = 74;
    /// One more than the highest type that is known.
    pub const MAX: u16 = 124;
}

/// Attributes of links.
#[expect(missing_docs, reason = "the names of rtnetlink(7)")]
pub mod ifla {
    pub const ADDRESS: u16 = 1;
    pub const BROADCAST: u16 = 2;
    pub const IFNAME: u16 = 3;
    pub const MTU: u16 = 4;
    pub const QDISC: u16 = 6;
    pub const STATS: u16 = 7;
    pub const TXQLEN: u16 = 13;
    pub const OPERSTATE: u16 = 16;
    pub const LINKMODE: u16 = 17;
    pub const LINKINFO: u16 = 18;
    pub const STATS64: u16 = 23;
    pub const GROUP: u16 = 27;
    pub const PROMISCUITY: u16 = 30;
    pub const NUM_TX_QUEUES: u16 = 31;
    pub const NUM_RX_QUEUES: u16 = 32;
    pub const CARRIER: u16 = 33;
    pub const ALT_IFNAME: u16 = 53;
}

/// Attributes of addresses.
#[expect(missing_docs, reason = "the names of rtnetlink(7)")]
pub mod ifa {
    pub const ADDRESS: u16 = 1;
    pub const LOCAL: u16 = 2;
    pub const LABEL: u16 = 3;
    pub const CACHEINFO: u16 = 6;
    pub const FLAGS: u16 = 8;
}

/// Attributes of routes.
#[expect(missing_docs, reason = "the names of rtnetlink(7)")]
pub mod rta {
    pub const DST: u16 = 1;
    pub const OIF: u16 = 4;
    pub const PREFSRC: u16 = 7;
    pub const TABLE: u16 = 15;
}

/// Options at `SOL_NETLINK`.
#[expect(missing_docs, reason = "the names of netlink(7)")]
pub mod option {
    pub const ADD_MEMBERSHIP: i32 = 1;
    pub const DROP_MEMBERSHIP: i32 = 2;
    pub const PKTINFO: i32 = 3;
    pub const BROADCAST_ERROR: i32 = 4;
    pub const NO_ENOBUFS: i32 = 5;
    pub const LISTEN_ALL_NSID: i32 = 8;
    pub const LIST_MEMBERSHIPS: i32 = 9;
    pub const CAP_ACK: i32 = 10;
    pub const EXT_ACK: i32 = 11;
    pub const GET_STRICT_CHK: i32 = 12;
}
