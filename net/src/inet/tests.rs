use crate::common::Switches;
use crate::socket::Socket;
use crate::testing::World;
use abi::Errno;
use abi::inet::SockaddrIn;
use abi::poll::Events;
use abi::socket::level::SOL_SOCKET;
use abi::socket::{AF_INET, AF_INET6, Linger, MsgFlags, SOCK_DGRAM, SOCK_STREAM, so};
use std::sync::atomic::Ordering::SeqCst;
use sync::Fail;
use vfs::File;
use zerocopy::IntoBytes;

fn address(ip: [u8; 4], port: u16) -> Vec<u8> {
    SockaddrIn { family: AF_INET, port: port.to_be_bytes(), addr: ip, zero: [0; 8] }.as_bytes().to_vec()
}

const LO: [u8; 4] = [127, 0, 0, 1];

fn errno<T>(result: Result<T, Fail>) -> Errno {
    match result {
        Err(Fail::Errno(errno)) => errno,
        _ => Errno(0),
    }
}

fn listener(world: &World, port: u16) -> Socket {
    let server = world.tcp();
    server.bind(&world.call(), &address([0; 4], port)).expect("free");
    server.listen(&world.call(), 1).expect("free");
    server
}

/// A client and its accepted end.
fn connected(world: &World, server: &Socket, port: u16) -> (Socket, Socket) {
    let client = world.tcp();
    assert_eq!(errno(client.connect(&world.call(), &address(LO, port))), Errno::EINPROGRESS);
    client.connect(&world.call(), &address(LO, port)).expect("the second call says so");
    (client, server.accept(&world.call()).expect("one waits"))
}

#[test]
fn connect_talk_and_end() {
    let world = World::new();
    let server = listener(&world, 80);
    let (client, accepted) = connected(&world, &server, 80);
    assert_eq!(errno(client.connect(&world.call(), &address(LO, 80))), Errno::EISCONN);
    assert_eq!(client.peer_address().expect("connected").as_bytes(), address(LO, 80));
    assert_eq!(
        accepted.peer_address().expect("connected").as_bytes(),
        client.local_address().expect("bound").as_bytes()
    );
    world.send(&client, b"question").expect("room");
    assert_eq!(world.receive(&accepted, 100), Ok(b"question".to_vec()));
    client.shutdown(1).expect("connected");
    assert!(accepted.readiness().contains(Events::IN | Events::RDHUP | Events::OUT));
    assert!(!accepted.readiness().contains(Events::HUP));
    world.send(&accepted, b"answer").expect("its half is open");
    accepted.shutdown(1).expect("connected");
    assert_eq!(world.receive(&client, 100), Ok(b"answer".to_vec()));
    assert_eq!(world.receive(&client, 100), Ok(Vec::new()));
    assert!(client.readiness().contains(Events::HUP));
    assert_eq!(client.shutdown(2), Err(Errno::ENOTCONN));
}

#[test]
fn refused_and_unreachable() {
    let world = World::new();
    let client = world.tcp();
    assert!(client.readiness().contains(Events::OUT | Events::HUP));
    assert_eq!(errno(client.connect(&world.call(), &address(LO, 1))), Errno::EINPROGRESS);
    assert!(client.readiness().contains(Events::ERR | Events::HUP));
    assert_eq!(errno(client.connect(&world.call(), &address(LO, 1))), Errno::ECONNREFUSED);
    assert_eq!(errno(client.connect(&world.call(), &address([8, 8, 8, 8], 53))), Errno::ENETUNREACH);
    assert_eq!(errno(world.receive(&client, 1)), Errno::ENOTCONN);
    let server = listener(&world, 1);
    let call = crate::message::Call { nonblock: false, ..world.call() };
    client.connect(&call, &address(LO, 1)).expect("now it listens");
    drop(server);
    assert_eq!(errno(world.receive(&client, 1)), Errno::ECONNRESET);
}

#[test]
fn resets() {
    let world = World::new();
    let server = listener(&world, 80);
    // Unread bytes.
    let (client, accepted) = connected(&world, &server, 80);
    world.send(&client, b"unread").expect("room");
    drop(accepted);
    assert_eq!(errno(world.send(&client, b"x")), Errno::ECONNRESET);
    assert_eq!(errno(world.send(&client, b"x")), Errno::EPIPE);
    assert_eq!(world.process.signals.load(SeqCst), 1);
    assert_eq!(world.receive(&client, 1), Ok(Vec::new()));
    // Linger of zero seconds, with bytes that arrived before.
    let (client, accepted) = connected(&world, &server, 80);
    let linger = Linger { onoff: 1, linger: 0 };
    accepted.set_option(&world.call(), SOL_SOCKET, so::LINGER, linger.as_bytes()).expect("known");
    world.send(&accepted, b"bye").expect("room");
    drop(accepted);
    assert_eq!(world.receive(&client, 9), Ok(b"bye".to_vec()));
    assert_eq!(errno(world.receive(&client, 9)), Errno::ECONNRESET);
    // The other end is gone in peace: the first write is lost, the second one fails.
    let (client, accepted) = connected(&world, &server, 80);
    drop(accepted);
    assert_eq!(world.send(&client, b"x"), Ok(1));
    assert_eq!(errno(world.send(&client, b"x")), Errno::EPIPE);
}

#[test]
fn a_full_backlog_makes_clients_wait() {
    let world = World::new();
    let server = listener(&world, 80);
    let clients: Vec<_> = (0..3).map(|_| world.tcp()).collect();
    for client in &clients {
        assert_eq!(errno(client.connect(&world.call(), &address(LO, 80))), Errno::EINPROGRESS);
    }
    assert!(clients[1].readiness().contains(Events::OUT));
    assert_eq!(clients[2].readiness(), Events::empty());
    assert_eq!(errno(clients[2].connect(&world.call(), &address(LO, 80))), Errno::EALREADY);
    let _accepted = server.accept(&world.call()).expect("two wait");
    assert!(clients[2].readiness().contains(Events::OUT));
    drop(server);
    assert_eq!(errno(world.receive(&clients[2], 1)), Errno::ECONNRESET);
}

#[test]
fn flow_control_tells_when_there_is_room() {
    let world = World::new();
    let server = listener(&world, 80);
    let (client, accepted) = connected(&world, &server, 80);
    let block = vec![1; 100_000];
    let mut sent = 0;
    while let Ok(bytes) = world.send(&client, &block) {
        sent += bytes;
    }
    assert_eq!(sent, 262_144);
    assert!(!client.readiness().contains(Events::OUT));
    world.receive(&accepted, 1000).expect("there");
    assert!(!client.readiness().contains(Events::OUT));
    world.receive(&accepted, 100_000).expect("there");
    assert!(client.readiness().contains(Events::OUT));
}

#[test]
fn ports_are_taken_and_given_back() {
    let world = World::new();
    let server = listener(&world, 80);
    let (client, accepted) = connected(&world, &server, 80);
    let bind = |socket: &Socket| socket.bind(&world.call(), &address([0; 4], 80));
    assert_eq!(bind(&world.tcp()), Err(Errno::EADDRINUSE));
    drop(server);
    assert_eq!(bind(&world.tcp()), Err(Errno::EADDRINUSE), "a connection is left");
    drop((client, accepted));
    assert_eq!(bind(&world.tcp()), Ok(()));
    let six = world.socket(AF_INET6, SOCK_STREAM);
    let mut any = vec![0; 28];
    any[0] = AF_INET6 as u8;
    any[3] = 80;
    six.bind(&world.call(), &any).expect("free");
    six.listen(&world.call(), 5).expect("free");
    let (_client, accepted) = connected(&world, &six, 80);
    let peer = accepted.peer_address().expect("connected");
    assert_eq!(peer.as_bytes()[8..24], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1]);
}

#[test]
fn datagrams() {
    let world = World::new();
    let (one, two) = (world.socket(AF_INET, SOCK_DGRAM), world.socket(AF_INET, SOCK_DGRAM));
    assert_eq!(errno(world.send(&one, b"x")), Errno::EDESTADDRREQ);
    one.connect(&world.call(), &address(LO, 9)).expect("local");
    assert_eq!(world.send(&one, b"x"), Ok(1));
    assert!(one.readiness().contains(Events::ERR));
    assert_eq!(errno(world.receive(&one, 1)), Errno::ECONNREFUSED);
    two.bind(&world.call(), &address([0; 4], 9)).expect("free");
    assert_eq!(world.send(&one, b"datagram"), Ok(8));
    let (bytes, message) = world.receive_message(&two, 4, MsgFlags::empty()).expect("there");
    assert_eq!((bytes.as_slice(), message.out), (b"data".as_slice(), MsgFlags::TRUNC));
    let from = message.from.expect("known");
    assert_eq!(from.as_bytes(), one.local_address().expect("bound").as_bytes());
    assert_eq!(errno(one.connect(&world.call(), &address([127, 255, 255, 255], 9))), Errno::EACCES);
    one.common().switch(Switches::BROADCAST, true);
    one.connect(&world.call(), &address([127, 255, 255, 255], 9)).expect("allowed");
    assert_eq!(world.send(&one, b"all"), Ok(3));
    assert_eq!(world.receive(&two, 9), Ok(b"all".to_vec()));
}

#[test]
fn urgent_bytes_stand_apart() {
    let world = World::new();
    let server = listener(&world, 80);
    let (client, accepted) = connected(&world, &server, 80);
    let message = crate::message::Outgoing { flags: MsgFlags::OOB, ..Default::default() };
    client.send(&world.call(), &mut mm::SliceSource::new(b"abc!"), message).expect("room");
    world.send(&client, b"def").expect("room");
    assert!(accepted.readiness().contains(Events::PRI));
    assert_eq!(world.receive_message(&accepted, 9, MsgFlags::OOB).map(|(bytes, _)| bytes), Ok(b"!".to_vec()));
    assert_eq!(world.receive(&accepted, 9), Ok(b"abc".to_vec()));
    assert_eq!(world.receive(&accepted, 9), Ok(b"def".to_vec()));
}
