//! Internet protocols: `ip(7)`, `ipv6(7)`, `tcp(7)`, `udp(7)`.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `IPPROTO_IP`: the protocol that the type implies.
pub const IPPROTO_IP: i32 = 0;
/// `IPPROTO_ICMP`.
pub const IPPROTO_ICMP: i32 = 1;
/// `IPPROTO_TCP`.
pub const IPPROTO_TCP: i32 = 6;
/// `IPPROTO_UDP`.
pub const IPPROTO_UDP: i32 = 17;
/// `IPPROTO_ICMPV6`.
pub const IPPROTO_ICMPV6: i32 = 58;
/// `IPPROTO_UDPLITE`.
pub const IPPROTO_UDPLITE: i32 = 136;
/// `IPPROTO_MPTCP`.
pub const IPPROTO_MPTCP: i32 = 262;
/// One more than the highest protocol of `socket(2)`.
pub const IPPROTO_MAX: i32 = 263;

/// `struct sockaddr_in`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of ip(7)")]
pub struct SockaddrIn {
    pub family: u16,
    /// Network byte order.
    pub port: [u8; 2],
    pub addr: [u8; 4],
    pub zero: [u8; 8],
}

/// `struct sockaddr_in6`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of ipv6(7)")]
pub struct SockaddrIn6 {
    pub family: u16,
    /// Network byte order.
    pub port: [u8; 2],
    pub flowinfo: [u8; 4],
    pub addr: [u8; 16],
    pub scope_id: u32,
}

/// `struct in_pktinfo`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of ip(7)")]
pub struct InPktinfo {
    pub ifindex: i32,
    pub spec_dst: [u8; 4],
    pub addr: [u8; 4],
}

/// `struct in6_pktinfo`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
#[expect(missing_docs, reason = "the names of ipv6(7)")]
pub struct In6Pktinfo {
    pub addr: [u8; 16],
    pub ifindex: i32,
}

/// Options of `ip(7)`.
#[expect(missing_docs, reason = "the names of ip(7)")]
pub mod ip {
    pub const TOS: i32 = 1;
    pub const TTL: i32 = 2;
    pub const HDRINCL: i32 = 3;
    pub const OPTIONS: i32 = 4;
    pub const RECVOPTS: i32 = 6;
    pub const RETOPTS: i32 = 7;
    pub const PKTINFO: i32 = 8;
    pub const MTU_DISCOVER: i32 = 10;
    pub const RECVERR: i32 = 11;
    pub const RECVTTL: i32 = 12;
    pub const RECVTOS: i32 = 13;
    pub const MTU: i32 = 14;
    pub const FREEBIND: i32 = 15;
    pub const TRANSPARENT: i32 = 19;
    pub const RECVORIGDSTADDR: i32 = 20;
    pub const MINTTL: i32 = 21;
    pub const BIND_ADDRESS_NO_PORT: i32 = 24;
    pub const MULTICAST_IF: i32 = 32;
    pub const MULTICAST_TTL: i32 = 33;
    pub const MULTICAST_LOOP: i32 = 34;
    pub const ADD_MEMBERSHIP: i32 = 35;
    pub const DROP_MEMBERSHIP: i32 = 36;
    pub const MULTICAST_ALL: i32 = 49;
    pub const UNICAST_IF: i32 = 50;
    pub const LOCAL_PORT_RANGE: i32 = 51;
}

/// Options of `ipv6(7)`.
#[expect(missing_docs, reason = "the names of ipv6(7)")]
pub mod ipv6 {
    pub const ADDRFORM: i32 = 1;
    pub const UNICAST_HOPS: i32 = 16;
    pub const MULTICAST_IF: i32 = 17;
    pub const MULTICAST_HOPS: i32 = 18;
    pub const MULTICAST_LOOP: i32 = 19;
    pub const ADD_MEMBERSHIP: i32 = 20;
    pub const DROP_MEMBERSHIP: i32 = 21;
    pub const MTU_DISCOVER: i32 = 23;
    pub const MTU: i32 = 24;
    pub const RECVERR: i32 = 25;
    pub const V6ONLY: i32 = 26;
    pub const MULTICAST_ALL: i32 = 29;
    pub const RECVPKTINFO: i32 = 49;
    pub const PKTINFO: i32 = 50;
    pub const RECVHOPLIMIT: i32 = 51;
    pub const HOPLIMIT: i32 = 52;
    pub const DONTFRAG: i32 = 62;
    pub const RECVTCLASS: i32 = 66;
    pub const TCLASS: i32 = 67;
    pub const AUTOFLOWLABEL: i32 = 70;
    pub const ADDR_PREFERENCES: i32 = 72;
    pub const FREEBIND: i32 = 78;
}

/// Options of `tcp(7)`.
#[expect(missing_docs, reason = "the names of tcp(7)")]
pub mod tcp {
    pub const NODELAY: i32 = 1;
    pub const MAXSEG: i32 = 2;
    pub const CORK: i32 = 3;
    pub const KEEPIDLE: i32 = 4;
    pub const KEEPINTVL: i32 = 5;
    pub const KEEPCNT: i32 = 6;
    pub const SYNCNT: i32 = 7;
    pub const LINGER2: i32 = 8;
    pub const DEFER_ACCEPT: i32 = 9;
    pub const WINDOW_CLAMP: i32 = 10;
    pub const INFO: i32 = 11;
    pub const QUICKACK: i32 = 12;
    pub const CONGESTION: i32 = 13;
    pub const THIN_LINEAR_TIMEOUTS: i32 = 16;
    pub const THIN_DUPACK: i32 = 17;
    pub const USER_TIMEOUT: i32 = 18;
    pub const FASTOPEN: i32 = 23;
    pub const TIMESTAMP: i32 = 24;
    pub const NOTSENT_LOWAT: i32 = 25;
    pub const SAVE_SYN: i32 = 27;
    pub const FASTOPEN_CONNECT: i32 = 30;
    pub const FASTOPEN_NO_COOKIE: i32 = 34;
    pub const INQ: i32 = 36;
    pub const TX_DELAY: i32 = 37;
}

/// States of a TCP socket as `tcp_info` and /proc/net/tcp show them.
#[expect(missing_docs, reason = "the names of tcp(7)")]
pub mod tcp_state {
    pub const ESTABLISHED: u8 = 1;
    pub const SYN_SENT: u8 = 2;
    pub const FIN_WAIT1: u8 = 4;
    pub const FIN_WAIT2: u8 = 5;
    pub const CLOSE: u8 = 7;
    pub const CLOSE_WAIT: u8 = 8;
    pub const LAST_ACK: u8 = 9;
    pub const LISTEN: u8 = 10;
}
