//! Internet addresses. Inside, an IPv4 address mapped into IPv6 is the IPv4 address that it stands for.

use crate::address::{Address, family};
use crate::device::Device;
use abi::Errno;
use abi::inet::{SockaddrIn, SockaddrIn6};
use abi::socket::{AF_INET, AF_INET6, AF_UNSPEC};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use zerocopy::{FromBytes, IntoBytes};

/// Size of `sockaddr_in6` without its last field: what old programs give.
const SIN6_LEN_OLD: usize = 24;

/// The address that every interface has.
pub(crate) const fn any(is_v6: bool) -> SocketAddr {
    if is_v6 {
        SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0)
    } else {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0)
    }
}

/// An IPv6 address as socket addresses give it, its length and family checked.
fn v6(address: &[u8]) -> Result<SocketAddr, Errno> {
    let mut bytes = [0; size_of::<SockaddrIn6>()];
    for (to, from) in bytes.iter_mut().zip(address) {
        *to = *from;
    }
    let address = SockaddrIn6::read_from_bytes(&bytes).map_err(|_| Errno::EINVAL)?;
    let ip = Ipv6Addr::from(address.addr);
    let ip = if ip.is_unspecified() { IpAddr::V6(ip) } else { ip.to_canonical() };
    Ok(SocketAddr::new(ip, u16::from_be_bytes(address.port)))
}

fn v4(address: &[u8]) -> Result<SocketAddr, Errno> {
    let (address, _) = SockaddrIn::read_from_prefix(address).map_err(|_| Errno::EINVAL)?;
    Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(address.addr)), u16::from_be_bytes(address.port)))
}

/// An address to bind to: `EINVAL`, `EAFNOSUPPORT`.
pub(crate) fn parse_local(address: &[u8], is_v6: bool) -> Result<SocketAddr, Errno> {
    if is_v6 {
        if address.len() < SIN6_LEN_OLD {
            return Err(Errno::EINVAL);
        }
        return if family(address) == Some(AF_INET6) { v6(address) } else { Err(Errno::EAFNOSUPPORT) };
    }
    let local = v4(address)?;
    match family(address) {
        Some(AF_INET) => Ok(local),
        Some(AF_UNSPEC) if local.ip().is_unspecified() => Ok(local),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// An address to send or connect to. An IPv6 socket that takes IPv4 too (`mixed`) may be given an IPv4
/// address; no address at all stands for the loopback one.
pub(crate) fn parse_remote(address: &[u8], is_v6: bool, mixed: bool) -> Result<SocketAddr, Errno> {
    let given = family(address).ok_or(Errno::EINVAL)?;
    let mut remote = match (is_v6, given) {
        (true, AF_INET6) if address.len() >= SIN6_LEN_OLD => v6(address)?,
        (true, AF_INET) if mixed => v4(address)?,
        (false, AF_INET) => v4(address)?,
        (true, _) if address.len() < SIN6_LEN_OLD => return Err(Errno::EINVAL),
        (false, AF_UNSPEC) if mixed => v4(address)?,
        (false, _) if address.len() < size_of::<SockaddrIn>() => return Err(Errno::EINVAL),
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    if remote.ip().is_unspecified() {
        let loopback = match remote.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        remote.set_ip(loopback);
    }
    Ok(remote)
}

/// The address as a socket of the family shows it.
pub(crate) fn encode(address: SocketAddr, is_v6: bool) -> Address {
    let port = address.port().to_be_bytes();
    match address.ip() {
        IpAddr::V4(ip) if !is_v6 => {
            let address = SockaddrIn { family: AF_INET, port, addr: ip.octets(), zero: [0; 8] };
            Address::new(address.as_bytes())
        }
        ip => {
            let addr = v6_octets(ip);
            let address = SockaddrIn6 { family: AF_INET6, port, addr, ..SockaddrIn6::default() };
            Address::new(address.as_bytes())
        }
    }
}

/// The address in IPv6 form.
pub(crate) fn v6_octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V6(ip) => ip.octets(),
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
    }
}

/// Where a destination lies, seen from a host with nothing but the loopback device, up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// This host.
    Local,
    /// All hosts on the loopback network.
    Broadcast,
    /// A group.
    Multicast,
    /// Nowhere.
    None,
}

/// Where `ip` lies.
pub(crate) fn route(ip: IpAddr) -> Route {
    match ip {
        IpAddr::V4(ip) if ip == Ipv4Addr::new(127, 255, 255, 255) => Route::Broadcast,
        IpAddr::V4(ip) if ip.is_loopback() => Route::Local,
        IpAddr::V6(ip) if ip.is_loopback() => Route::Local,
        ip if ip.is_multicast() => Route::Multicast,
        _ => Route::None,
    }
}

/// The address of this host that a connection to a local address comes from.
pub(crate) const fn source_for(remote: IpAddr) -> IpAddr {
    match remote {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    }
}

/// As [`route`], with the device as it is: one that is down leads nowhere.
pub(crate) fn route_by(device: &Device, ip: IpAddr) -> Route {
    match route(ip) {
        Route::Local | Route::Broadcast if !device.serves(ip) => Route::None,
        route => route,
    }
}

/// May a socket be bound to it?
pub(crate) fn can_bind(device: &Device, ip: IpAddr) -> bool {
    let is_limited_broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    // An address stays while the device is down; as long as there has been none, any will do.
    let is_there = device.knows_no_v4() || device.has_v4() && route(ip) != Route::None;
    ip.is_unspecified() || route_by(device, ip) != Route::None || is_limited_broadcast || (ip.is_ipv4() && is_there)
}
