//! Socket addresses, options and messages, netlink requests among them: a short program of calls on a few sockets.

use crate::input::Input;
use crate::world;
use abi::socket::MsgFlags;
use mm::{SliceSource, VecSink};
use net::{Call, Control, Incoming, NetNamespace, Outgoing, Socket};
use vfs::UserNamespace;

/// Sockets of one run.
const MOST: usize = 6;
/// Calls of one run.
const CALLS: usize = 64;

/// The target.
pub fn run(bytes: &[u8]) {
    let user_ns = UserNamespace::root();
    let caller = world::caller(&user_ns);
    let net = NetNamespace::new(user_ns);
    let call = Call { caller: &caller, fs: None, nonblock: true };
    let mut input = Input::new(bytes);
    let mut sockets = Vec::new();
    for _ in 0..CALLS {
        if input.is_empty() {
            break;
        }
        if sockets.len() < MOST && (sockets.is_empty() || input.byte() & 3 == 0) {
            let (family, kind) = (input.choose(&[1, 2, 10, 16, 17, 99]), input.choose(&[1, 2, 3, 5, 99]));
            sockets.extend(Socket::create(&call, &net, family, kind, i32::from(input.byte() % 32)));
            sockets.extend(Socket::pair(&call, &net, 1, kind, 0).ok().map(|(one, _)| one));
        } else if !sockets.is_empty() {
            let at = usize::from(input.byte()) % sockets.len();
            act(&mut input, &call, &sockets[at]);
        }
    }
}

/// Only that a call returns matters.
fn ignore<T>(_result: T) {}

/// One call.
fn act(input: &mut Input<'_>, call: &Call<'_>, socket: &Socket) {
    let level = input.choose(&[0, 1, 6, 17, 41, 58, 270, 99]);
    match input.byte() % 9 {
        0 => ignore(socket.bind(call, input.some())),
        1 => ignore(socket.connect(call, input.some())),
        2 => ignore(socket.listen(call, input.word())),
        3 => ignore(socket.set_option(call, level, i32::from(input.byte()), input.some())),
        4 => ignore(socket.option(call, level, i32::from(input.byte()))),
        5 => send(input, call, socket),
        6 => {
            let mut sink = VecSink::new(usize::from(input.byte()) * 64);
            ignore(socket.receive(
                call,
                &mut sink,
                &mut Incoming::new(MsgFlags::from_bits_truncate(input.word() as u32)),
            ));
        }
        7 => ignore(socket.accept(call)),
        _ => {
            ignore(socket.shutdown(i32::from(input.byte() % 4)));
            ignore((socket.local_address(), socket.peer_address()));
        }
    }
}

fn send(input: &mut Input<'_>, call: &Call<'_>, socket: &Socket) {
    let to = (input.byte() & 1 == 0).then(|| input.some());
    let mut controls = Vec::new();
    while input.byte() & 7 == 7 {
        let (level, kind) = (i32::from(input.byte()), i32::from(input.byte()));
        controls.push(Control::Data { level, kind, bytes: input.some().to_vec() });
    }
    let flags = MsgFlags::from_bits_truncate(input.word() as u32);
    let message = Outgoing { to, flags, controls };
    ignore(socket.send(call, &mut SliceSource::new(input.some()), message));
}

/// A netlink request, an address, an option.
pub fn seeds() -> Vec<Vec<u8>> {
    let netlink = [&[0u8, 3, 2, 0, 1, 0, 0, 5, 1, 0, 0, 0, 0, 0, 20, 20, 0, 0, 0, 18, 0, 1, 3][..], &[0; 16]].concat();
    let udp = vec![
        0, 1, 1, 17, 1, 0, 0, 0, 16, 2, 0, 0, 80, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 3, 9, 4, 1, 0, 0, 0,
    ];
    let tcp = vec![
        0, 2, 0, 6, 1, 0, 0, 0, 28, 10, 0, 31, 144, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 5, 0, 0, 0,
    ];
    vec![netlink, udp, tcp]
}
