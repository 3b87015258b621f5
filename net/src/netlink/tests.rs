use super::message::requests;
use crate::socket::Socket;
use crate::testing::World;
use abi::Errno;
use abi::netlink::{NlMsgHdr, ifa, ifla, nlm_f, nlmsg, rtm};
use abi::socket::{AF_NETLINK, MsgFlags, SOCK_RAW};
use sync::Fail;
use zerocopy::IntoBytes;

fn request(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let header = NlMsgHdr { len: (16 + body.len()) as u32, kind, flags: flags | nlm_f::REQUEST, seq: 5, pid: 0 };
    [header.as_bytes(), body].concat()
}

fn ask(world: &World, socket: &Socket, kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    world.send(socket, &request(kind, flags, body)).expect("taken");
    let mut all = Vec::new();
    while let Ok(bytes) = world.receive(socket, 1 << 16) {
        all.extend(bytes);
    }
    all
}

#[test]
fn dumps() {
    let world = World::new();
    let socket = world.socket(AF_NETLINK, SOCK_RAW);
    let links = ask(&world, &socket, rtm::GETLINK, nlm_f::DUMP, &[0; 16]);
    let parts: Vec<_> = requests(&links).collect();
    assert_eq!(parts.iter().map(|part| part.header.kind).collect::<Vec<_>>(), [rtm::NEWLINK, nlmsg::DONE]);
    assert!(parts.iter().all(|part| (part.header.seq, part.header.pid) == (5, 7) && part.header.flags == nlm_f::MULTI));
    assert_eq!(parts[0].attribute(16, ifla::IFNAME), Some(b"lo\0".as_slice()));
    assert_eq!(parts[0].attribute(16, ifla::MTU), Some([0, 0, 1, 0].as_slice()));
    let addresses = ask(&world, &socket, rtm::GETADDR, nlm_f::DUMP, &[0; 8]);
    let parts: Vec<_> = requests(&addresses).collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[0].attribute(8, ifa::LOCAL), Some([127, 0, 0, 1].as_slice()));
    assert_eq!(parts[1].attribute(8, ifa::ADDRESS).map(<[u8]>::len), Some(16));
    let routes = ask(&world, &socket, rtm::GETROUTE, nlm_f::DUMP, &[0; 12]);
    assert_eq!(requests(&routes).count(), 5);
}

#[test]
fn errors_and_acknowledgements() {
    let world = World::new();
    let socket = world.socket(AF_NETLINK, SOCK_RAW);
    let number = |bytes: &[u8]| bytes.get(16..20).map(|bytes| i32::from_ne_bytes(bytes.try_into().expect("four")));
    let missing = ask(&world, &socket, rtm::GETLINK, 0, &[[0; 4], 9i32.to_ne_bytes(), [0; 4], [0; 4]].concat());
    assert_eq!(number(&missing), Some(-i32::from(Errno::ENODEV.0)));
    assert_eq!(missing.len(), 20 + 32);
    let unknown = ask(&world, &socket, 999, 0, &[0; 4]);
    assert_eq!(number(&unknown), Some(-i32::from(Errno::EOPNOTSUPP.0)));
    let noop = ask(&world, &socket, nlmsg::NOOP, nlm_f::ACK, &[]);
    assert_eq!((number(&noop), noop.len()), (Some(0), 36));
}

#[test]
fn hostile_bytes_are_no_requests() {
    let world = World::new();
    let socket = world.socket(AF_NETLINK, SOCK_RAW);
    for len in [0u32, 15, 17, 4096, u32::MAX] {
        let mut bytes = request(rtm::GETLINK, nlm_f::DUMP, &[]);
        bytes[..4].copy_from_slice(&len.to_ne_bytes());
        world.send(&socket, &bytes).expect("taken");
        let answer = world.receive_message(&socket, 99, MsgFlags::empty()).map(|(bytes, _)| bytes);
        assert_eq!(answer, Err(Fail::Errno(Errno::EAGAIN)));
    }
    // Attributes that claim too much, or nothing.
    for attribute in [[0u8, 0, 3, 0], [255, 255, 3, 0], [3, 0, 3, 0]] {
        let body = [[0u8; 16].as_slice(), &attribute].concat();
        assert!(!ask(&world, &socket, rtm::GETLINK, 0, &body).is_empty());
    }
}
