//! Files of /proc/net: `proc_net(5)`.

use crate::namespace::NetNamespace;
use crate::{inet, unix};
use std::fmt::Write;

/// /proc/net/tcp.
pub fn tcp(net: &NetNamespace) -> String {
    inet::proc_net_tcp(net, false)
}

/// /proc/net/tcp6.
pub fn tcp6(net: &NetNamespace) -> String {
    inet::proc_net_tcp(net, true)
}

/// /proc/net/udp.
pub fn udp(net: &NetNamespace) -> String {
    inet::proc_net_udp(net, false)
}

/// /proc/net/udp6.
pub fn udp6(net: &NetNamespace) -> String {
    inet::proc_net_udp(net, true)
}

/// /proc/net/unix. Bytes: names need not be text.
pub fn unix(net: &NetNamespace) -> Vec<u8> {
    unix::proc_net_unix(net)
}

/// /proc/net/dev.
pub fn dev(net: &NetNamespace) -> String {
    let mut text = "Inter-|   Receive                                                |  Transmit\n \
                    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
        .to_owned();
    let zero = 0;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{:>6}: {zero:7} {zero:7} {zero:4} {zero:4} {zero:4} {zero:5} {zero:10} {zero:9} {zero:8} {zero:7} {zero:4} {zero:4} {zero:4} {zero:5} {zero:7} {zero:10}",
        net.device().name
    );
    text
}

/// /proc/net/route: the main table, which is empty.
pub fn route(_net: &NetNamespace) -> String {
    format!("{:<127}\n", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT")
}

/// /proc/net/if_inet6: address, device number, prefix length, scope, flags, device name.
pub fn if_inet6(net: &NetNamespace) -> String {
    let device = net.device();
    if !device.is_up() {
        return String::new();
    }
    format!("{:032x} {:02x} 80 10 80 {:>8}\n", 1, device.index, device.name)
}

/// /proc/net/sockstat.
pub fn sockstat(net: &NetNamespace) -> String {
    let (tcp, udp) = (net.tcp_sockets.live().len(), net.udp_sockets.live().len());
    let used = tcp + udp + net.unix_sockets.live().len();
    format!(
        "sockets: used {used}\nTCP: inuse {tcp} orphan 0 tw 0 alloc {tcp} mem 0\nUDP: inuse {udp} mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n"
    )
}
