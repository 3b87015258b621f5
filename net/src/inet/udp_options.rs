//! Options of `udp(7)`, and multicast.

use super::address::{Route, route};
use super::options::{get, keep, no_level, set, short_int, value};
use super::udp::Udp;
use abi::Errno;
use abi::inet::{ip, ipv6};
use abi::socket::level::{SOL_IP, SOL_IPV6, SOL_UDP};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `SOL_UDPLITE`, and its options: how much of a datagram checksums cover, which have nothing to cover here.
const SOL_UDPLITE: i32 = 136;
const SEND_CSCOV: i32 = 10;
const RECV_CSCOV: i32 = 11;
/// `UDP_CORK`.
const CORK: i32 = 1;
/// Most groups of a socket: /proc/sys/net/ipv4/igmp_max_memberships.
const GROUPS_MAX: usize = 20;

/// Four bytes at `offset`.
fn word(bytes: &[u8], offset: usize) -> Option<[u8; 4]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// The group of an `ip_mreq` or `ip_mreqn`, and whether it names the loopback device.
fn membership_v4(bytes: &[u8]) -> Result<(IpAddr, bool), Errno> {
    let group = Ipv4Addr::from(word(bytes, 0).ok_or(Errno::EINVAL)?);
    let interface = Ipv4Addr::from(word(bytes, 4).ok_or(Errno::EINVAL)?);
    let index = word(bytes, 8).map_or(0, i32::from_ne_bytes);
    Ok((IpAddr::V4(group), index == 1 || (index == 0 && interface.is_loopback())))
}

/// The same of an `ipv6_mreq`.
fn membership_v6(bytes: &[u8]) -> Result<(IpAddr, bool), Errno> {
    let group: [u8; 16] = bytes.first_chunk().copied().ok_or(Errno::EINVAL)?;
    let index = word(bytes, 16).map(i32::from_ne_bytes).ok_or(Errno::EINVAL)?;
    Ok((IpAddr::V6(Ipv6Addr::from(group)), index == 1))
}

impl Udp {
    pub(super) fn get_option(&self, level: i32, name: i32) -> Result<Vec<u8>, Errno> {
        match level {
            SOL_IP | SOL_IPV6 => get(&self.common, level, name),
            SOL_UDPLITE if self.is_lite() && (SEND_CSCOV..=RECV_CSCOV).contains(&name) => {
                Ok(value(&self.common, level, name, 0).to_ne_bytes().to_vec())
            }
            SOL_UDP | SOL_UDPLITE if name == CORK => Ok(i32::from(self.state.lock().is_corked).to_ne_bytes().to_vec()),
            SOL_UDP | SOL_UDPLITE => Err(Errno::ENOPROTOOPT),
            _ => Err(no_level(&self.common)),
        }
    }

    pub(super) fn put_option(&self, level: i32, name: i32, bytes: &[u8]) -> Result<(), Errno> {
        match (level, name) {
            (SOL_IP, ip::ADD_MEMBERSHIP) => self.join(membership_v4(bytes)?),
            (SOL_IP, ip::DROP_MEMBERSHIP) => self.leave(membership_v4(bytes)?.0),
            (SOL_IPV6, ipv6::ADD_MEMBERSHIP) => self.join(membership_v6(bytes)?),
            (SOL_IPV6, ipv6::DROP_MEMBERSHIP) => self.leave(membership_v6(bytes)?.0),
            (SOL_IP, ip::MULTICAST_IF) => self.set_multicast_device(bytes),
            (SOL_IPV6, ipv6::V6ONLY) if self.addresses().0.is_some() => Err(Errno::EINVAL),
            (SOL_IP, ip::MULTICAST_TTL | ip::MULTICAST_LOOP) => {
                short_int(bytes)?;
                set(&self.common, level, name, bytes)
            }
            (SOL_IP | SOL_IPV6, _) => set(&self.common, level, name, bytes),
            (SOL_UDP | SOL_UDPLITE, CORK) => {
                self.set_corked(crate::options::int(bytes)? != 0);
                Ok(())
            }
            (SOL_UDPLITE, SEND_CSCOV | RECV_CSCOV) if self.is_lite() => {
                let bytes = crate::options::int(bytes)?.clamp(0, 0xffff);
                keep(&self.common, level, name, if bytes == 0 { 0 } else { bytes.max(8) });
                Ok(())
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// `IP_ADD_MEMBERSHIP`: `EINVAL` for what is no group, `ENODEV` unless the loopback device is meant.
    fn join(&self, (group, on_device): (IpAddr, bool)) -> Result<(), Errno> {
        if route(group) != Route::Multicast {
            return Err(Errno::EINVAL);
        }
        if !on_device {
            return Err(Errno::ENODEV);
        }
        let mut state = self.state.lock();
        if state.groups.contains(&group) {
            return Err(Errno::EADDRINUSE);
        }
        if state.groups.len() >= GROUPS_MAX {
            return Err(Errno::ENOBUFS);
        }
        state.groups.push(group);
        Ok(())
    }

    fn leave(&self, group: IpAddr) -> Result<(), Errno> {
        let mut state = self.state.lock();
        let index = state.groups.iter().position(|other| *other == group).ok_or(Errno::EADDRNOTAVAIL)?;
        state.groups.swap_remove(index);
        Ok(())
    }

    /// `IP_MULTICAST_IF`: an address, an `ip_mreq` or an `ip_mreqn`.
    fn set_multicast_device(&self, bytes: &[u8]) -> Result<(), Errno> {
        let offset = if bytes.len() >= 8 { 4 } else { 0 };
        let address = word(bytes, offset).ok_or(Errno::EINVAL)?;
        let index = word(bytes, 8).map_or(0, i32::from_ne_bytes);
        let interface = Ipv4Addr::from(address);
        let value = match index {
            0 if interface.is_unspecified() => 0,
            0 if interface.is_loopback() => i32::from_ne_bytes(address),
            1 => i32::from_ne_bytes(Ipv4Addr::LOCALHOST.octets()),
            _ => return Err(Errno::EADDRNOTAVAIL),
        };
        keep(&self.common, SOL_IP, ip::MULTICAST_IF, value);
        Ok(())
    }
}
