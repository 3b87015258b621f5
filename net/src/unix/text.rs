//! /proc/net/unix: `proc_net(5)`.

use super::endpoint::{Endpoint, Kind, State};
use crate::namespace::NetNamespace;
use std::fmt::Write;

/// `SO_ACCEPTCON` of `Flags`.
const ACCEPTS: u32 = 0x1_0000;

/// The text of /proc/net/unix.
pub(crate) fn proc_net_unix(net: &NetNamespace) -> Vec<u8> {
    let mut text = b"Num       RefCount Protocol Flags    Type St Inode Path\n".to_vec();
    for endpoint in net.unix_sockets.live() {
        line(&mut text, &endpoint);
    }
    text
}

fn line(text: &mut Vec<u8>, endpoint: &Endpoint) {
    let (flags, state) = match &*endpoint.state.lock() {
        State::Listening(_) => (ACCEPTS, 1),
        State::Connected => (0, 3),
        State::Idle => (0, 1),
        State::Closed => return,
    };
    let kind = match endpoint.kind {
        Kind::Stream => 1,
        Kind::Dgram => 2,
        Kind::Seqpacket => 5,
    };
    let mut head = String::new();
    let ino = endpoint.common.ino;
    // Writing to a string cannot fail.
    let _ = write!(head, "{:016x}: {:08X} {:08X} {flags:08X} {kind:04X} {state:02X} {ino:5}", 0, 2, 0);
    text.extend_from_slice(head.as_bytes());
    if let Some(name) = endpoint.name() {
        let bytes = name.bytes();
        text.push(b' ');
        let shown = bytes.strip_suffix(b"\0").filter(|_| bytes.first() != Some(&0)).unwrap_or(bytes);
        text.extend(shown.iter().map(|&byte| if byte == 0 { b'@' } else { byte }));
    }
    text.push(b'\n');
}
