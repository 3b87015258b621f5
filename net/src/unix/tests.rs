use crate::socket::Socket;
use crate::testing::{World, files};
use abi::Errno;
use abi::poll::Events;
use abi::socket::level::SOL_SOCKET;
use abi::socket::{AF_UNIX, MsgFlags, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, so};
use std::sync::Arc;
use sync::Fail;
use vfs::{File, OpenFile};

fn socket(file: &OpenFile) -> &Socket {
    file.downcast().expect("it is a socket")
}

fn pair_files(world: &World, kind: i32) -> (Arc<OpenFile>, Arc<OpenFile>) {
    let (one, two) = world.pair(kind);
    (one.into_file(true), two.into_file(true))
}

fn errno<T>(result: Result<T, Fail>) -> Errno {
    match result {
        Err(Fail::Errno(errno)) => errno,
        _ => Errno(0),
    }
}

#[test]
fn stream_joins_messages_and_ends() {
    let world = World::new();
    let (one, two) = world.pair(SOCK_STREAM);
    assert_eq!(errno(world.receive(&two, 10)), Errno::EAGAIN);
    world.send(&one, b"ab").expect("room");
    world.send(&one, b"cd").expect("room");
    assert_eq!(world.receive(&two, 3), Ok(b"abc".to_vec()));
    one.shutdown(1).expect("connected");
    assert_eq!(world.receive(&two, 3), Ok(b"d".to_vec()));
    assert_eq!(world.receive(&two, 3), Ok(Vec::new()));
    assert_eq!(errno(world.send(&one, b"x")), Errno::EPIPE);
    assert_eq!(world.process.signals.load(std::sync::atomic::Ordering::SeqCst), 1);
    drop(one);
    assert!(two.readiness().contains(Events::IN | Events::HUP | Events::RDHUP | Events::OUT));
}

#[test]
fn closing_with_unread_bytes_resets() {
    let world = World::new();
    for kind in [SOCK_STREAM, SOCK_SEQPACKET] {
        let (one, two) = world.pair(kind);
        world.send(&one, b"lost").expect("room");
        drop(two);
        assert_eq!(errno(world.receive(&one, 1)), Errno::ECONNRESET);
        assert_eq!(world.receive(&one, 1), Ok(Vec::new()));
    }
}

#[test]
fn packets_keep_their_bounds() {
    let world = World::new();
    let (one, two) = world.pair(SOCK_SEQPACKET);
    world.send(&one, b"first").expect("room");
    world.send(&one, b"second").expect("room");
    let (bytes, message) = world.receive_message(&two, 2, MsgFlags::PEEK).expect("there");
    assert_eq!((bytes.as_slice(), message.out), (b"fi".as_slice(), MsgFlags::TRUNC));
    assert_eq!(world.receive(&two, 9), Ok(b"first".to_vec()));
    drop(one);
    assert_eq!(world.receive(&two, 9), Ok(b"second".to_vec()));
    assert_eq!(world.receive(&two, 9), Ok(Vec::new()));
}

#[test]
fn datagrams_block_at_the_senders_limit() {
    let world = World::new();
    let (one, two) = world.pair(SOCK_DGRAM);
    let block = [0; 10_000];
    let sent = (0..100).take_while(|_| world.send(&one, &block).is_ok()).count();
    assert!((15..25).contains(&sent), "{sent} of 10000 bytes");
    assert!(!one.readiness().contains(Events::OUT));
    for _ in 0..sent {
        world.receive(&two, 1).expect("one each");
    }
    assert!(one.readiness().contains(Events::OUT));
    assert_eq!(errno(world.send(&one, &vec![0; 300_000])), Errno::EMSGSIZE);
    drop(two);
    assert_eq!(errno(world.send(&one, b"x")), Errno::ECONNREFUSED);
}

#[test]
fn connect_accept_and_backlog() {
    let world = World::new();
    let server = world.socket(AF_UNIX, SOCK_STREAM);
    let name = b"\x01\0\0server";
    let client = world.socket(AF_UNIX, SOCK_STREAM);
    assert_eq!(errno(client.connect(&world.call(), name)), Errno::ECONNREFUSED);
    server.bind(&world.call(), name).expect("free");
    let other = world.socket(AF_UNIX, SOCK_STREAM);
    assert_eq!(other.bind(&world.call(), name), Err(Errno::EADDRINUSE));
    assert_eq!(errno(client.connect(&world.call(), name)), Errno::ECONNREFUSED);
    server.listen(&world.call(), 0).expect("bound");
    client.connect(&world.call(), name).expect("one place");
    assert_eq!(errno(client.connect(&world.call(), name)), Errno::EISCONN);
    assert_eq!(errno(other.connect(&world.call(), name)), Errno::EAGAIN);
    assert!(server.readiness().contains(Events::IN));
    let accepted = server.accept(&world.call()).expect("one waits");
    assert_eq!(accepted.local_address().expect("named").as_bytes(), name);
    assert_eq!(client.peer_address().expect("named").as_bytes(), name);
    assert_eq!(accepted.peer_address().expect("unnamed").as_bytes(), [1, 0]);
    let ucred = client.option(&world.call(), SOL_SOCKET, so::PEERCRED).expect("known");
    assert_eq!(ucred, [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(errno(server.accept(&world.call()).map(drop)), Errno::EAGAIN);
    other.connect(&world.call(), name).expect("one place again");
    drop(server);
    assert_eq!(errno(world.receive(&other, 1)), Errno::ECONNRESET);
    drop(accepted);
    assert_eq!(world.receive(&client, 1), Ok(Vec::new()));
}

#[test]
fn descriptors_come_with_their_bytes() {
    let world = World::new();
    let (one, two) = world.pair(SOCK_STREAM);
    let (payload, _other) = pair_files(&world, SOCK_STREAM);
    world.send(&one, b"before").expect("room");
    world.send_files(&one, b"with", &[&payload]).expect("room");
    world.send(&one, b"after").expect("room");
    assert_eq!(world.net.rights().total(), 1);
    let (bytes, message) = world.receive_message(&two, 100, MsgFlags::PEEK).expect("there");
    assert_eq!(bytes, b"beforewith");
    assert_eq!(files(message).len(), 1);
    let (bytes, message) = world.receive_message(&two, 8, MsgFlags::empty()).expect("there");
    assert_eq!(bytes, b"beforewi");
    let got = files(message);
    assert!(got.len() == 1 && Arc::ptr_eq(&got[0], &payload));
    assert_eq!(world.net.rights().total(), 0);
    let (bytes, message) = world.receive_message(&two, 100, MsgFlags::empty()).expect("there");
    assert_eq!(bytes, b"thafter");
    assert!(files(message).is_empty());
}

#[test]
fn descriptors_of_lost_messages_are_closed() {
    let world = World::new();
    for kind in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
        let (one, two) = world.pair(kind);
        let (payload, other) = pair_files(&world, SOCK_STREAM);
        world.send_files(&one, b"x", &[&payload]).expect("room");
        drop(payload);
        assert!(!socket(&other).readiness().contains(Events::HUP));
        drop(two);
        assert!(socket(&other).readiness().contains(Events::HUP), "kind {kind}");
        assert_eq!(world.net.rights().total(), 0);
    }
}

#[test]
fn rings_of_sockets_are_collected() {
    let world = World::new();
    for kind in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
        // Each of the pair lies in the other's queue, a third beside them.
        let (one, two) = pair_files(&world, kind);
        let (third, watch) = pair_files(&world, SOCK_STREAM);
        world.send_files(socket(&one), b"x", &[&one, &third]).expect("room");
        world.send_files(socket(&two), b"x", &[&two]).expect("room");
        drop((one, third));
        world.net.rights().collect();
        assert_eq!(world.net.rights().total(), 3, "still reached through the other end");
        assert!(!socket(&watch).readiness().contains(Events::HUP));
        drop(two);
        world.net.rights().collect();
        assert_eq!(world.net.rights().total(), 0, "kind {kind}");
        assert!(socket(&watch).readiness().contains(Events::HUP));
    }
}

#[test]
fn a_chain_of_messages_is_dropped_without_nesting() {
    let world = World::new();
    let (mut inner, _end) = pair_files(&world, SOCK_STREAM);
    for _ in 0..20_000 {
        let (one, two) = pair_files(&world, SOCK_STREAM);
        world.send_files(socket(&one), b"x", &[&inner]).expect("room");
        inner = two;
    }
    drop(inner);
    assert_eq!(world.net.rights().total(), 0);
}

#[test]
fn a_waiting_connection_is_reached_by_its_listener() {
    let world = World::new();
    let server = world.socket(AF_UNIX, SOCK_STREAM).into_file(true);
    socket(&server).bind(&world.call(), b"\x01\0\0x").expect("free");
    socket(&server).listen(&world.call(), 5).expect("bound");
    let client = world.socket(AF_UNIX, SOCK_STREAM).into_file(true);
    socket(&client).connect(&world.call(), b"\x01\0\0x").expect("room");
    // The listener lies in the queue of a connection that only it could accept.
    world.send_files(socket(&client), b"x", &[&server, &client]).expect("room");
    drop(client);
    world.net.rights().collect();
    assert_eq!(world.net.rights().total(), 2);
    drop(server);
    world.net.rights().collect();
    assert_eq!(world.net.rights().total(), 0);
}

#[test]
fn credentials_keep_senders_apart() {
    let world = World::new();
    let (one, two) = world.pair(SOCK_STREAM);
    world.send(&one, b"before").expect("room");
    two.set_option(&world.call(), SOL_SOCKET, so::PASSCRED, &1i32.to_ne_bytes()).expect("known");
    world.send(&one, b"with").expect("room");
    world.send(&one, b"more").expect("room");
    assert_eq!(world.receive(&two, 100), Ok(b"before".to_vec()));
    assert_eq!(world.receive(&two, 100), Ok(b"withmore".to_vec()));
}
