//! Answers of `rtnetlink(7)`: links, addresses and routes of a host with the loopback device alone.

use super::message::{Request, Writer};
use crate::device::{ARPHRD_LOOPBACK, Device, IFF_LOWER_UP, IFF_UP};
use abi::Errno;
use abi::netlink::{IfAddrMsg, IfInfoMsg, NlMsgHdr, RtMsg, ifa, ifla, nlm_f, rta, rtm};
use abi::socket::{AF_INET, AF_INET6, AF_UNSPEC};
use std::net::{Ipv4Addr, Ipv6Addr};

/// `RT_SCOPE_HOST` and `RT_SCOPE_LINK`.
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
/// `IFA_F_PERMANENT`.
const PERMANENT: u8 = 0x80;
/// `RT_TABLE_LOCAL`.
const TABLE_LOCAL: u8 = 255;
/// `RTPROT_KERNEL`.
const PROTO_KERNEL: u8 = 2;
/// `RTN_LOCAL` and `RTN_BROADCAST`.
const KIND_LOCAL: u8 = 2;
const KIND_BROADCAST: u8 = 3;
/// Sizes of `struct rtnl_link_stats` and `rtnl_link_stats64`.
const STATS: usize = 96;
const STATS64: usize = 200;
/// `IF_OPER_DOWN` of `rfc2863(5)`.
const DOWN: u8 = 2;

/// Makes the datagrams that answer a request; an error is reported by the caller.
pub(super) fn answer(request: &Request<'_>, device: &Device, pid: u32, is_admin: bool) -> Result<Vec<Vec<u8>>, Errno> {
    let NlMsgHdr { kind, flags, .. } = request.header;
    if kind >= rtm::MAX {
        return Err(Errno::EOPNOTSUPP);
    }
    let is_get = kind & 3 == 2;
    if !is_get {
        return if is_admin { change(request, device) } else { Err(Errno::EPERM) };
    }
    if request.body().is_empty() {
        return Ok(Vec::new());
    }
    let mut writer = Writer::new(request, pid);
    if flags & nlm_f::DUMP != 0 {
        dump(request, device, &mut writer)?;
        let mut end = Writer::new(request, pid);
        end.done();
        return Ok([writer.bytes, end.bytes].into_iter().filter(|bytes| !bytes.is_empty()).collect());
    }
    match kind {
        rtm::GETLINK => one_link(request, device, &mut writer)?,
        rtm::GETROUTE => one_route(request, device, &mut writer)?,
        _ => return Err(Errno::EOPNOTSUPP),
    }
    Ok(vec![writer.bytes])
}

fn dump(request: &Request<'_>, device: &Device, writer: &mut Writer) -> Result<(), Errno> {
    let family = request.body().first().map_or(AF_UNSPEC, |&family| u16::from(family));
    let has = |wanted| family == AF_UNSPEC || family == wanted;
    match request.header.kind {
        rtm::GETLINK if has(AF_UNSPEC) || family == AF_INET || family == AF_INET6 || family == 17 => {
            link(device, nlm_f::MULTI, writer);
        }
        rtm::GETADDR => {
            if has(AF_INET) && device.has_v4() {
                address_v4(device, writer);
            }
            if has(AF_INET6) && device.is_up() {
                address_v6(device, writer);
            }
        }
        rtm::GETROUTE => {
            if has(AF_INET) && device.is_up() && device.has_v4() {
                routes_v4(device, writer);
            }
            if has(AF_INET6) && device.is_up() {
                route_v6(device, nlm_f::MULTI, writer);
            }
        }
        rtm::GETLINK | rtm::GETNEIGH | rtm::GETRULE | rtm::GETQDISC | rtm::GETADDRLABEL => {}
        _ => return Err(Errno::EOPNOTSUPP),
    }
    Ok(())
}

fn link(device: &Device, flags: u16, writer: &mut Writer) {
    let head = IfInfoMsg {
        kind: ARPHRD_LOOPBACK,
        index: device.index as i32,
        flags: device.flags() | if device.is_up() { IFF_LOWER_UP } else { 0 },
        ..IfInfoMsg::default()
    };
    writer
        .message(rtm::NEWLINK, flags, &head)
        .string(ifla::IFNAME, device.name)
        .number(ifla::TXQLEN, 1000)
        .attribute(ifla::OPERSTATE, &[if device.is_up() { 0 } else { DOWN }])
        .attribute(ifla::LINKMODE, &[0])
        .number(ifla::MTU, device.mtu)
        .number(ifla::GROUP, 0)
        .number(ifla::PROMISCUITY, 0)
        .number(ifla::NUM_TX_QUEUES, 1)
        .number(ifla::NUM_RX_QUEUES, 1)
        .attribute(ifla::CARRIER, &[1])
        .string(ifla::QDISC, if device.is_up() { "noqueue" } else { "noop" })
        .attribute(ifla::ADDRESS, &[0; 6])
        .attribute(ifla::BROADCAST, &[0; 6])
        .attribute(ifla::STATS64, &[0; STATS64])
        .attribute(ifla::STATS, &[0; STATS]);
}

/// The link that a request names: by number, else by name. `EINVAL`, `ENODEV`.
fn check_link(request: &Request<'_>, device: &Device) -> Result<(), Errno> {
    let head: IfInfoMsg = request.head();
    if head.index > 0 {
        return if head.index as u32 == device.index { Ok(()) } else { Err(Errno::ENODEV) };
    }
    let skip = size_of::<IfInfoMsg>();
    let name = request.attribute(skip, ifla::IFNAME).or_else(|| request.attribute(skip, ifla::ALT_IFNAME));
    let name = name.ok_or(Errno::EINVAL)?;
    let name = name.strip_suffix(b"\0").unwrap_or(name);
    if name == device.name.as_bytes() { Ok(()) } else { Err(Errno::ENODEV) }
}

fn one_link(request: &Request<'_>, device: &Device, writer: &mut Writer) -> Result<(), Errno> {
    check_link(request, device)?;
    link(device, 0, writer);
    Ok(())
}

fn address_v4(device: &Device, writer: &mut Writer) {
    let address = Ipv4Addr::LOCALHOST.octets();
    let head =
        IfAddrMsg { family: AF_INET as u8, prefixlen: 8, flags: PERMANENT, scope: SCOPE_HOST, index: device.index };
    writer
        .message(rtm::NEWADDR, nlm_f::MULTI, &head)
        .attribute(ifa::ADDRESS, &address)
        .attribute(ifa::LOCAL, &address)
        .string(ifa::LABEL, device.name)
        .number(ifa::FLAGS, u32::from(PERMANENT))
        .attribute(ifa::CACHEINFO, &forever());
}

fn address_v6(device: &Device, writer: &mut Writer) {
    let head =
        IfAddrMsg { family: AF_INET6 as u8, prefixlen: 128, flags: PERMANENT, scope: SCOPE_HOST, index: device.index };
    writer
        .message(rtm::NEWADDR, nlm_f::MULTI, &head)
        .attribute(ifa::ADDRESS, &Ipv6Addr::LOCALHOST.octets())
        .attribute(ifa::CACHEINFO, &forever())
        .number(ifa::FLAGS, u32::from(PERMANENT));
}

/// `struct ifa_cacheinfo` of an address that never expires.
fn forever() -> [u8; 16] {
    let mut info = [0; 16];
    if let Some(lifetimes) = info.first_chunk_mut::<8>() {
        *lifetimes = [0xff; 8];
    }
    info
}

fn route_v4(device: &Device, flags: u16, dst: Ipv4Addr, dst_len: u8, kind: u8, writer: &mut Writer) {
    let scope = if kind == KIND_LOCAL { SCOPE_HOST } else { SCOPE_LINK };
    let head = RtMsg {
        family: AF_INET as u8,
        dst_len,
        table: TABLE_LOCAL,
        protocol: PROTO_KERNEL,
        scope,
        kind,
        ..RtMsg::default()
    };
    writer
        .message(rtm::NEWROUTE, flags, &head)
        .number(rta::TABLE, u32::from(TABLE_LOCAL))
        .attribute(rta::DST, &dst.octets())
        .attribute(rta::PREFSRC, &Ipv4Addr::LOCALHOST.octets())
        .number(rta::OIF, device.index);
}

fn routes_v4(device: &Device, writer: &mut Writer) {
    route_v4(device, nlm_f::MULTI, Ipv4Addr::new(127, 0, 0, 0), 8, KIND_LOCAL, writer);
    route_v4(device, nlm_f::MULTI, Ipv4Addr::LOCALHOST, 32, KIND_LOCAL, writer);
    route_v4(device, nlm_f::MULTI, Ipv4Addr::new(127, 255, 255, 255), 32, KIND_BROADCAST, writer);
}

fn route_v6(device: &Device, flags: u16, writer: &mut Writer) {
    let head = RtMsg {
        family: AF_INET6 as u8,
        dst_len: 128,
        table: TABLE_LOCAL,
        protocol: PROTO_KERNEL,
        scope: SCOPE_UNIVERSE,
        kind: KIND_LOCAL,
        ..RtMsg::default()
    };
    writer
        .message(rtm::NEWROUTE, flags, &head)
        .number(rta::TABLE, u32::from(TABLE_LOCAL))
        .attribute(rta::DST, &Ipv6Addr::LOCALHOST.octets())
        .number(rta::OIF, device.index);
}

/// The route to an address: `ENETUNREACH`.
fn one_route(request: &Request<'_>, device: &Device, writer: &mut Writer) -> Result<(), Errno> {
    let head: RtMsg = request.head();
    let dst = request.attribute(size_of::<RtMsg>(), rta::DST).unwrap_or_default();
    match u16::from(head.family) {
        AF_INET => match dst.first_chunk::<4>().map(|&octets| Ipv4Addr::from(octets)) {
            Some(dst) if dst.is_loopback() && device.serves(dst.into()) => {
                route_v4(device, 0, dst, 32, KIND_LOCAL, writer);
            }
            _ => return Err(Errno::ENETUNREACH),
        },
        AF_INET6 if device.is_up() && dst == Ipv6Addr::LOCALHOST.octets() => route_v6(device, 0, writer),
        AF_INET6 => return Err(Errno::ENETUNREACH),
        _ => return Err(Errno::EOPNOTSUPP),
    }
    Ok(())
}

/// Changes that are taken: the device up and down, its one address there or not.
fn change(request: &Request<'_>, device: &Device) -> Result<Vec<Vec<u8>>, Errno> {
    match request.header.kind {
        rtm::NEWLINK | rtm::SETLINK => change_link(request, device),
        rtm::NEWADDR | rtm::DELADDR => change_address(request, device),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

fn change_link(request: &Request<'_>, device: &Device) -> Result<Vec<Vec<u8>>, Errno> {
    let skip = size_of::<IfInfoMsg>();
    if request.header.flags & nlm_f::CREATE != 0 && request.attribute(skip, ifla::LINKINFO).is_some() {
        // Kinds of devices are what modules of a kernel bring: there are none.
        return Err(Errno::EOPNOTSUPP);
    }
    check_link(request, device)?;
    let head: IfInfoMsg = request.head();
    // Without a mask, all flags are meant, of which the others are not the program's to set.
    let changed = if head.change == 0 { u32::MAX } else { head.change };
    if head.change & !IFF_UP != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if (head.flags != 0 || head.change != 0) && changed & IFF_UP != 0 {
        device.set_up(head.flags & IFF_UP != 0);
    }
    Ok(Vec::new())
}

fn change_address(request: &Request<'_>, device: &Device) -> Result<Vec<Vec<u8>>, Errno> {
    let head: IfAddrMsg = request.head();
    let skip = size_of::<IfAddrMsg>();
    let address = request.attribute(skip, ifa::LOCAL).or_else(|| request.attribute(skip, ifa::ADDRESS));
    let is_own = match u16::from(head.family) {
        AF_INET => address == Some(&Ipv4Addr::LOCALHOST.octets()) && head.prefixlen == 8,
        _ => return Err(Errno::EOPNOTSUPP),
    };
    let address = address.ok_or(Errno::EINVAL)?;
    if head.index != device.index {
        return Err(Errno::ENODEV);
    }
    let is_new = request.header.kind == rtm::NEWADDR;
    if !is_own || address.len() != 4 {
        return Err(if is_new { Errno::EOPNOTSUPP } else { Errno::EADDRNOTAVAIL });
    }
    match (is_new, device.set_v4(is_new)) {
        (_, true) => Ok(Vec::new()),
        (true, false) if request.header.flags & nlm_f::EXCL == 0 && request.header.flags & nlm_f::REPLACE != 0 => {
            Ok(Vec::new())
        }
        (true, false) => Err(Errno::EEXIST),
        (false, false) => Err(Errno::EADDRNOTAVAIL),
    }
}
