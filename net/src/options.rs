//! Options of `socket(7)`.

use crate::common::{BUFFER_FORCE_MAX, BUFFER_MAX, Common, Switches};
use crate::message::{Call, Control, Incoming};
use crate::namespace::NetNamespace;
use crate::protocol::Protocol;
use abi::Errno;
use abi::socket::level::SOL_SOCKET;
use abi::socket::{AF_INET, AF_INET6, AF_UNIX, Linger, SOCK_DGRAM, SOCK_STREAM, Ucred, so};
use abi::time::{Timespec, Timeval};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use vfs::Capability;
use zerocopy::{FromBytes, IntoBytes};

/// Smallest send and receive buffers.
const SNDBUF_MIN: u32 = 4608;
const RCVBUF_MIN: u32 = 2304;

/// The option that is only on or off.
const fn switch(name: i32) -> Option<Switches> {
    Some(match name {
        so::DEBUG => Switches::DEBUG,
        so::REUSEADDR => Switches::REUSEADDR,
        so::DONTROUTE => Switches::DONTROUTE,
        so::BROADCAST => Switches::BROADCAST,
        so::KEEPALIVE => Switches::KEEPALIVE,
        so::OOBINLINE => Switches::OOBINLINE,
        so::NO_CHECK => Switches::NO_CHECK,
        so::REUSEPORT => Switches::REUSEPORT,
        so::PASSCRED => Switches::PASSCRED,
        so::PASSSEC => Switches::PASSSEC,
        so::TIMESTAMP | so::TIMESTAMP_NEW => Switches::TIMESTAMP,
        so::TIMESTAMPNS | so::TIMESTAMPNS_NEW => Switches::TIMESTAMPNS,
        so::RXQ_OVFL => Switches::RXQ_OVFL,
        so::NOFCS => Switches::NOFCS,
        so::ZEROCOPY => Switches::ZEROCOPY,
        so::WIFI_STATUS => Switches::WIFI_STATUS,
        so::SELECT_ERR_QUEUE => Switches::SELECT_ERR_QUEUE,
        so::LOCK_FILTER => Switches::LOCK_FILTER,
        _ => return None,
    })
}

/// Options whose value is only kept and read back; with what they start.
const fn kept(name: i32) -> Option<i32> {
    Some(match name {
        so::PRIORITY | so::MARK | so::BUSY_POLL | so::TIMESTAMPING | so::BINDTOIFINDEX | so::INCOMING_NAPI_ID => 0,
        so::MAX_PACING_RATE | so::PEEK_OFF | so::INCOMING_CPU => -1,
        _ => return None,
    })
}

/// An integer argument; `EINVAL` when too short.
pub(crate) fn int(value: &[u8]) -> Result<i32, Errno> {
    value.first_chunk().map(|bytes| i32::from_ne_bytes(*bytes)).ok_or(Errno::EINVAL)
}

fn bytes(value: i32) -> Vec<u8> {
    value.to_ne_bytes().to_vec()
}

fn ucred(ucred: Ucred) -> Vec<u8> {
    ucred.as_bytes().to_vec()
}

fn timeval(timeout: Option<Duration>) -> Vec<u8> {
    let timeout = timeout.unwrap_or_default();
    Timeval { sec: timeout.as_secs() as i64, usec: i64::from(timeout.subsec_micros()) }.as_bytes().to_vec()
}

/// A timeout argument: `EINVAL`, `EDOM`; `None` for no end. One below zero ends at once.
fn timeout(value: &[u8]) -> Result<Option<Duration>, Errno> {
    let (time, _) = Timeval::read_from_prefix(value).map_err(|_| Errno::EINVAL)?;
    if !(0..1_000_000).contains(&time.usec) {
        return Err(Errno::EDOM);
    }
    if time.sec < 0 {
        return Ok(Some(Duration::from_nanos(1)));
    }
    let whole = Duration::new(time.sec as u64, time.usec as u32 * 1000);
    Ok((!whole.is_zero()).then_some(whole))
}

/// Reads an option of a socket: `getsockopt(2)` at `SOL_SOCKET`.
pub(crate) fn get(call: &Call<'_>, socket: &dyn Protocol, name: i32) -> Result<Vec<u8>, Errno> {
    let common = socket.common();
    if let Some(switch) = switch(name) {
        if switch == Switches::REUSEPORT && common.family == AF_UNIX {
            return Ok(bytes(0));
        }
        return Ok(bytes(i32::from(common.has(switch))));
    }
    Ok(match name {
        so::TYPE => bytes(common.kind),
        so::DOMAIN => bytes(i32::from(common.family)),
        so::PROTOCOL => bytes(common.protocol),
        so::ERROR => bytes(common.take_error().map_or(0, |errno| i32::from(errno.0))),
        so::SNDBUF => bytes(common.sndbuf.load(SeqCst) as i32),
        so::RCVBUF => bytes(common.rcvbuf.load(SeqCst) as i32),
        so::RCVLOWAT => bytes(common.rcvlowat() as i32),
        so::SNDLOWAT => bytes(1),
        so::BSDCOMPAT => bytes(0),
        so::ACCEPTCONN => bytes(i32::from(socket.is_listening())),
        so::LINGER => {
            let linger = common.linger();
            let value = Linger { onoff: i32::from(linger.is_some()), linger: linger.unwrap_or(0) as i32 };
            value.as_bytes().to_vec()
        }
        so::RCVTIMEO | so::RCVTIMEO_NEW => timeval(common.receive_timeout()),
        so::SNDTIMEO | so::SNDTIMEO_NEW => timeval(common.send_timeout()),
        so::PEERCRED => {
            let nobody = Ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
            ucred(common.peer.get().map_or(nobody, |peer| peer.ucred))
        }
        so::PEERGROUPS => {
            let peer = common.peer.get().ok_or(Errno::ENODATA)?;
            peer.groups.iter().flat_map(|gid| gid.to_ne_bytes()).collect()
        }
        so::COOKIE => common.ino.to_ne_bytes().to_vec(),
        so::BINDTODEVICE => match common.kept.lock().iter().find(|(key, _)| *key == so::BINDTOIFINDEX) {
            Some((_, 1)) => b"lo\0".to_vec(),
            _ => Vec::new(),
        },
        so::PEERSEC => return Err(Errno::ENOPROTOOPT),
        _ => match kept(name) {
            Some(initial) => {
                let kept = common.kept.lock();
                bytes(kept.iter().find(|(key, _)| *key == name).map_or(initial, |(_, value)| *value))
            }
            None => return socket.option(call, SOL_SOCKET, name),
        },
    })
}

fn keep(common: &Common, name: i32, value: i32) {
    let mut kept = common.kept.lock();
    match kept.iter_mut().find(|(key, _)| *key == name) {
        Some((_, old)) => *old = value,
        None => kept.push((name, value)),
    }
}

/// The size that a request for `value` bytes gives: `socket(7)`, SO_SNDBUF.
fn buffer_size(value: i32, max: u32, min: u32) -> u32 {
    (value as u32).min(max).saturating_mul(2).max(min)
}

fn check_capable(call: &Call<'_>, net: &NetNamespace, capability: Capability) -> Result<(), Errno> {
    if call.caller.creds.has_in(net.owner(), capability) { Ok(()) } else { Err(Errno::EPERM) }
}

/// Sets an option of a socket: `setsockopt(2)` at `SOL_SOCKET`.
pub(crate) fn set(
    call: &Call<'_>,
    net: &NetNamespace,
    socket: &dyn Protocol,
    name: i32,
    value: &[u8],
) -> Result<(), Errno> {
    let common = socket.common();
    if name == so::BINDTODEVICE {
        return bind_to_device(common, value);
    }
    let number = int(value)?;
    if let Some(switch) = switch(name) {
        return set_switch(common, switch, number != 0);
    }
    match name {
        so::SNDBUF => common.sndbuf.store(buffer_size(number, BUFFER_MAX, SNDBUF_MIN), SeqCst),
        so::RCVBUF => common.rcvbuf.store(buffer_size(number, BUFFER_MAX, RCVBUF_MIN), SeqCst),
        so::SNDBUFFORCE => {
            check_capable(call, net, Capability::NetAdmin)?;
            common.sndbuf.store(buffer_size(number.max(0), BUFFER_FORCE_MAX, SNDBUF_MIN), SeqCst);
        }
        so::RCVBUFFORCE => {
            check_capable(call, net, Capability::NetAdmin)?;
            common.rcvbuf.store(buffer_size(number.max(0), BUFFER_FORCE_MAX, RCVBUF_MIN), SeqCst);
        }
        so::RCVLOWAT => common.set_rcvlowat(if number < 0 { i32::MAX as u32 } else { number as u32 }),
        so::LINGER => {
            let (linger, _) = Linger::read_from_prefix(value).map_err(|_| Errno::EINVAL)?;
            common.set_linger((linger.onoff != 0).then_some(linger.linger));
        }
        so::RCVTIMEO | so::RCVTIMEO_NEW => common.set_receive_timeout(timeout(value)?),
        so::SNDTIMEO | so::SNDTIMEO_NEW => common.set_send_timeout(timeout(value)?),
        so::BSDCOMPAT => {}
        so::PRIORITY => {
            if !(0..=6).contains(&number) {
                check_capable(call, net, Capability::NetAdmin)?;
            }
            keep(common, name, number);
        }
        so::MARK => {
            check_capable(call, net, Capability::NetAdmin)?;
            keep(common, name, number);
        }
        so::DETACH_FILTER => return Err(Errno::ENOENT),
        so::TYPE | so::DOMAIN | so::PROTOCOL | so::ERROR | so::SNDLOWAT | so::ACCEPTCONN | so::PEERCRED => {
            return Err(Errno::ENOPROTOOPT);
        }
        so::PEEK_OFF if number >= 0 => return Err(Errno::EOPNOTSUPP),
        so::INCOMING_NAPI_ID => return Err(Errno::ENOPROTOOPT),
        _ if kept(name).is_some() => keep(common, name, number),
        _ => return socket.set_option(call, SOL_SOCKET, name, value),
    }
    Ok(())
}

fn set_switch(common: &Common, switch: Switches, on: bool) -> Result<(), Errno> {
    let is_inet = common.family == AF_INET || common.family == AF_INET6;
    if switch == Switches::REUSEPORT && on && !is_inet {
        return Err(Errno::EOPNOTSUPP);
    }
    if switch == Switches::ZEROCOPY && !(is_inet && (common.kind == SOCK_STREAM || common.kind == SOCK_DGRAM)) {
        return Err(Errno::EOPNOTSUPP);
    }
    if switch == Switches::TIMESTAMP || switch == Switches::TIMESTAMPNS {
        common.switch(Switches::TIMESTAMP | Switches::TIMESTAMPNS, false);
    }
    common.switch(switch, on);
    Ok(())
}

/// `SO_BINDTODEVICE`: only the loopback device is there. `ENODEV`.
fn bind_to_device(common: &Common, value: &[u8]) -> Result<(), Errno> {
    let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
    match value.get(..end.min(15)).unwrap_or_default() {
        b"" => keep(common, so::BINDTOIFINDEX, 0),
        b"lo" => keep(common, so::BINDTOIFINDEX, 1),
        _ => return Err(Errno::ENODEV),
    }
    Ok(())
}

/// The time at which a message came, for those who asked for it: `SO_TIMESTAMP`.
pub(crate) fn stamp(common: &Common, time: Duration, message: &mut Incoming) {
    let (kind, bytes) = if common.has(Switches::TIMESTAMPNS) {
        let time = Timespec { sec: time.as_secs() as i64, nsec: i64::from(time.subsec_nanos()) };
        (so::TIMESTAMPNS, time.as_bytes().to_vec())
    } else if common.has(Switches::TIMESTAMP) {
        let time = Timeval { sec: time.as_secs() as i64, usec: i64::from(time.subsec_micros()) };
        (so::TIMESTAMP, time.as_bytes().to_vec())
    } else {
        return;
    };
    message.controls.push(Control::Data { level: SOL_SOCKET, kind, bytes });
}
