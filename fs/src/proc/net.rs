//! /proc/PID/net: `proc_pid_net(5)`. What the network shows of itself comes from the namespace of the process.

use super::process::Process;
use crate::pseudo::{Row, text};
use ::net::NetNamespace;
use abi::Errno;
use std::sync::Arc;
use vfs::Caller;

type Text = Result<Vec<u8>, Errno>;

/// The files.
pub(super) static ROWS: &[Row<Process>] = &[
    text("arp", 0o444, arp),
    text("dev", 0o444, dev),
    text("if_inet6", 0o444, if_inet6),
    text("ipv6_route", 0o444, empty),
    text("netlink", 0o444, netlink),
    text("packet", 0o444, packet),
    text("protocols", 0o444, protocols),
    text("raw", 0o444, raw),
    text("raw6", 0o444, raw6),
    text("route", 0o444, route),
    text("sockstat", 0o444, sockstat),
    text("tcp", 0o444, tcp),
    text("tcp6", 0o444, tcp6),
    text("udp", 0o444, udp),
    text("udp6", 0o444, udp6),
    text("unix", 0o444, unix),
    text("wireless", 0o444, wireless),
];

fn namespace(process: &Process) -> Arc<NetNamespace> {
    process.task.attributes().namespaces.net
}

fn empty(_process: &Process, _caller: &Caller) -> Text {
    Ok(Vec::new())
}

fn arp(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"IP address       HW type     Flags       HW address            Mask     Device\n".to_vec())
}

fn dev(process: &Process, _caller: &Caller) -> Text {
    Ok(::net::text::dev(&namespace(process)).into_bytes())
}

fn if_inet6(process: &Process, _caller: &Caller) -> Text {
    Ok(::net::text::if_inet6(&namespace(process)).into_bytes())
}

fn netlink(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n".to_vec())
}

fn packet(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n".to_vec())
}

fn protocols(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re sp bi br ha uh gp em\n".to_vec())
}

fn route(process: &Process, _caller: &Caller) -> Text {
    Ok(::net::text::route(&namespace(process)).into_bytes())
}

fn sockstat(process: &Process, _caller: &Caller) -> Text {
    Ok(::net::text::sockstat(&namespace(process)).into_bytes())
}

fn tcp(process: &Process, _caller: &Caller) -> Text {
    Ok(::net::text::tcp(&namespace(process)).into_bytes())
}

fn tcp6(process: &Process, _caller: &Caller) -> Text {
    Ok(::net::text::tcp6(&namespace(process)).into_bytes())
}

fn raw6(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n".to_vec())
}

fn udp(process: &Process, _caller: &Caller) -> Text {
    Ok(::net::text::udp(&namespace(process)).into_bytes())
}

fn udp6(process: &Process, _caller: &Caller) -> Text {
    Ok(::net::text::udp6(&namespace(process)).into_bytes())
}

fn raw(_process: &Process, _caller: &Caller) -> Text {
    let line = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
    Ok(format!("{line:<127}\n").into_bytes())
}

fn unix(process: &Process, _caller: &Caller) -> Text {
    Ok(::net::text::unix(&namespace(process)))
}

fn wireless(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n".to_vec())
}
