//! /proc/PID/net: `proc_pid_net(5)`. What the network shows of itself comes from the network; until then the
//! headings.

use super::process::Process;
use crate::pseudo::{Row, text};
use abi::Errno;
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
    text("raw", 0o444, udp),
    text("raw6", 0o444, tcp6),
    text("route", 0o444, route),
    text("sockstat", 0o444, sockstat),
    text("tcp", 0o444, tcp),
    text("tcp6", 0o444, tcp6),
    text("udp", 0o444, udp),
    text("udp6", 0o444, tcp6),
    text("unix", 0o444, unix),
    text("wireless", 0o444, wireless),
];

fn empty(_process: &Process, _caller: &Caller) -> Text {
    Ok(Vec::new())
}

fn arp(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"IP address       HW type     Flags       HW address            Mask     Device\n".to_vec())
}

fn dev(_process: &Process, _caller: &Caller) -> Text {
    let mut out = b"Inter-|   Receive                                                |  Transmit\n \
face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
        .to_vec();
    put!(
        out,
        "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n"
    );
    Ok(out)
}

fn if_inet6(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"00000000000000000000000000000001 01 80 10 80       lo\n".to_vec())
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

fn route(_process: &Process, _caller: &Caller) -> Text {
    let line = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
    Ok(format!("{line:<127}\n").into_bytes())
}

fn sockstat(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n".to_vec())
}

fn tcp(_process: &Process, _caller: &Caller) -> Text {
    let line = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
    Ok(format!("{line:<149}\n").into_bytes())
}

fn tcp6(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n".to_vec())
}

fn udp(_process: &Process, _caller: &Caller) -> Text {
    let line = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
    Ok(format!("{line:<127}\n").into_bytes())
}

fn unix(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"Num       RefCount Protocol Flags    Type St Inode Path\n".to_vec())
}

fn wireless(_process: &Process, _caller: &Caller) -> Text {
    Ok(b"Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n".to_vec())
}
