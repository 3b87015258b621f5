//! Options whose value is kept and read back: `ip(7)`, `ipv6(7)`, `tcp(7)`.

use crate::common::Common;
use abi::Errno;
use abi::inet::{ip, ipv6};
use abi::socket::level::{SOL_IP, SOL_IPV6};

/// What an option starts with, and the values that it takes.
#[derive(Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) initial: i32,
    pub(crate) min: i32,
    pub(crate) max: i32,
}

impl Kept {
    pub(crate) const fn new(initial: i32, min: i32, max: i32) -> Self {
        Self { initial, min, max }
    }

    /// On or off, first off.
    pub(crate) const fn off() -> Self {
        Self::new(0, i32::MIN, i32::MAX)
    }

    /// On or off, first on.
    pub(crate) const fn on() -> Self {
        Self::new(1, i32::MIN, i32::MAX)
    }
}

/// Options of the internet layer.
pub(crate) const fn kept(level: i32, name: i32) -> Option<Kept> {
    Some(match (level, name) {
        (SOL_IP, ip::TOS) => Kept::new(0, 0, 255),
        (SOL_IP, ip::TTL) => Kept::new(64, -1, 255),
        (SOL_IP, ip::MTU_DISCOVER) => Kept::new(1, 0, 5),
        (SOL_IP, ip::MULTICAST_TTL) => Kept::new(1, -1, 255),
        (SOL_IP, ip::MULTICAST_LOOP | ip::MULTICAST_ALL) => Kept::on(),
        (SOL_IP, ip::MINTTL) => Kept::new(0, 0, 255),
        (
            SOL_IP,
            ip::HDRINCL
            | ip::RECVOPTS
            | ip::RETOPTS
            | ip::PKTINFO
            | ip::RECVERR
            | ip::RECVTTL
            | ip::RECVTOS
            | ip::FREEBIND
            | ip::TRANSPARENT
            | ip::RECVORIGDSTADDR
            | ip::BIND_ADDRESS_NO_PORT,
        ) => Kept::off(),
        (SOL_IPV6, ipv6::UNICAST_HOPS) => Kept::new(64, -1, 255),
        (SOL_IPV6, ipv6::MULTICAST_HOPS) => Kept::new(1, -1, 255),
        (SOL_IPV6, ipv6::MULTICAST_LOOP | ipv6::MULTICAST_ALL | ipv6::AUTOFLOWLABEL) => Kept::on(),
        (SOL_IPV6, ipv6::MTU_DISCOVER) => Kept::new(1, 0, 5),
        (SOL_IPV6, ipv6::TCLASS) => Kept::new(0, -1, 255),
        (SOL_IPV6, ipv6::MULTICAST_IF) => Kept::new(0, 0, 1),
        (
            SOL_IPV6,
            ipv6::RECVERR
            | ipv6::V6ONLY
            | ipv6::RECVPKTINFO
            | ipv6::RECVHOPLIMIT
            | ipv6::RECVTCLASS
            | ipv6::DONTFRAG
            | ipv6::ADDR_PREFERENCES
            | ipv6::FREEBIND,
        ) => Kept::off(),
        _ => return None,
    })
}

/// Where an option is kept. Those of `SOL_SOCKET` have the number itself.
const fn key(level: i32, name: i32) -> i32 {
    (level + 1) << 16 | name
}

/// The value of an option: what was set, else `initial`.
pub(crate) fn value(common: &Common, level: i32, name: i32, initial: i32) -> i32 {
    let key = key(level, name);
    common.kept.lock().iter().find(|(other, _)| *other == key).map_or(initial, |(_, value)| *value)
}

/// An option is on.
pub(crate) fn is_on(common: &Common, level: i32, name: i32) -> bool {
    value(common, level, name, 0) != 0
}

/// Sets an option.
pub(crate) fn keep(common: &Common, level: i32, name: i32, value: i32) {
    let key = key(level, name);
    let mut kept = common.kept.lock();
    match kept.iter_mut().find(|(other, _)| *other == key) {
        Some((_, old)) => *old = value,
        None => kept.push((key, value)),
    }
}

/// An integer argument, of one byte where there is no more: `ip(7)`.
pub(crate) fn short_int(value: &[u8]) -> Result<i32, Errno> {
    match value {
        [] => Err(Errno::EINVAL),
        [one, ..] if value.len() < 4 => Ok(i32::from(*one)),
        _ => crate::options::int(value),
    }
}

/// What reading an option of a level that a socket does not have ends in.
pub(crate) const fn no_level(common: &Common) -> Errno {
    if common.family == abi::socket::AF_INET6 { Errno::ENOPROTOOPT } else { Errno::EOPNOTSUPP }
}

/// Reads an option of the internet layer: `ENOPROTOOPT`, `EOPNOTSUPP`.
pub(crate) fn get(common: &Common, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
    let is_v6 = common.family == abi::socket::AF_INET6;
    if level == SOL_IPV6 && !is_v6 {
        return Err(no_level(common));
    }
    let number = match (level, name) {
        (SOL_IP, ip::OPTIONS) => return Ok(Vec::new()),
        (SOL_IP, ip::MULTICAST_IF) => return Ok(value(common, level, name, 0).to_ne_bytes().to_vec()),
        (SOL_IPV6, ipv6::MTU) => 65536,
        _ => value(common, level, name, kept(level, name).ok_or(Errno::ENOPROTOOPT)?.initial),
    };
    Ok(number.to_ne_bytes().to_vec())
}

/// Sets an option of the internet layer: `ENOPROTOOPT`, `EINVAL`.
pub(crate) fn set(common: &Common, level: i32, name: i32, bytes: &[u8]) -> Result<(), Errno> {
    let is_v6 = common.family == abi::socket::AF_INET6;
    if level == SOL_IPV6 && !is_v6 {
        return Err(Errno::ENOPROTOOPT);
    }
    if (level, name) == (SOL_IP, ip::OPTIONS) {
        return Ok(());
    }
    let how = kept(level, name).ok_or(Errno::ENOPROTOOPT)?;
    let number = if level == SOL_IP { short_int(bytes)? } else { crate::options::int(bytes)? };
    if number < how.min || number > how.max || ((level, name) == (SOL_IP, ip::TTL) && number == 0) {
        return Err(Errno::EINVAL);
    }
    let is_switch = how.min == i32::MIN;
    let number = if number == -1 && !is_switch { how.initial } else { number };
    keep(common, level, name, if is_switch { i32::from(number != 0) } else { number });
    Ok(())
}
