//! /proc/net/tcp, tcp6, udp, udp6: `proc_net(5)`.

use super::address::{any, v6_octets};
use super::tcp::{Phase, Tcp};
use super::udp::Udp;
use crate::namespace::NetNamespace;
use abi::inet::tcp_state;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// An address in the hexadecimal of these files: words of the machine's byte order.
fn hex(address: SocketAddr, is_v6: bool) -> String {
    let mut text = String::new();
    let v4;
    let v6;
    let octets: &[u8] = match address.ip() {
        IpAddr::V4(ip) if !is_v6 => {
            v4 = ip.octets();
            &v4
        }
        ip => {
            v6 = v6_octets(ip);
            &v6
        }
    };
    for word in octets.chunks_exact(4) {
        let bytes = word.first_chunk().copied().unwrap_or_default();
        // Writing to a string cannot fail.
        let _ = write!(text, "{:08X}", u32::from_ne_bytes(bytes));
    }
    let _ = write!(text, ":{:04X}", address.port());
    text
}

/// Text of /proc/net/tcp or tcp6.
pub(crate) fn proc_net_tcp(net: &NetNamespace, is_v6: bool) -> String {
    let head = if is_v6 {
        "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    } else {
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n"
    };
    let mut text = head.to_owned();
    let sockets = net.tcp_sockets.live();
    for (slot, socket) in
        sockets.iter().filter(|socket| socket.is_v6 == is_v6).filter_map(|socket| tcp_line(socket)).enumerate()
    {
        let _ = writeln!(text, "{slot:4}: {socket}");
    }
    text
}

fn tcp_line(socket: &Tcp) -> Option<String> {
    let number = socket.state_number();
    let (local, remote, queued, max) = {
        let state = socket.state.lock();
        let local = state.binding?.local;
        let (queued, max) = match &state.phase {
            Phase::Listening(backlog) => (backlog.len(), backlog.max()),
            Phase::Released => return None,
            _ => (0, 0),
        };
        (local, state.remote.unwrap_or(any(socket.is_v6)), queued, max)
    };
    if number == tcp_state::CLOSE {
        return None;
    }
    let rx = socket.end.get().map_or(queued, crate::stream::End::unread);
    let common = &socket.common;
    Some(format!(
        "{} {} {number:02X} {max:08X}:{rx:08X} 00:00000000 00000000 {:5}        0 {} 1 0000000000000000 100 0 0 10 0",
        hex(local, socket.is_v6),
        hex(remote, socket.is_v6),
        common.uid,
        common.ino,
    ))
}

/// Text of /proc/net/udp or udp6.
pub(crate) fn proc_net_udp(net: &NetNamespace, is_v6: bool) -> String {
    let head = if is_v6 {
        "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
    } else {
        "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n"
    };
    let mut text = head.to_owned();
    for socket in net.udp_sockets.live().iter().filter(|socket| socket.is_v6 == is_v6 && !socket.is_lite()) {
        if let Some(line) = udp_line(socket) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

fn udp_line(socket: &Udp) -> Option<String> {
    let (local, remote) = socket.addresses();
    let local = local?;
    let number = if remote.is_some() { tcp_state::ESTABLISHED } else { tcp_state::CLOSE };
    let common = &socket.common;
    Some(format!(
        "{:5}: {} {} {number:02X} 00000000:{:08X} 00:00000000 00000000 {:5}        0 {} 2 0000000000000000 0",
        local.port(),
        hex(local, socket.is_v6),
        hex(remote.unwrap_or(any(socket.is_v6)), socket.is_v6),
        socket.mailbox.charged(),
        common.uid,
        common.ino,
    ))
}
