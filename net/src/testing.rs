//! A caller and shorthands for unit tests.

use crate::message::{Call, Control, Incoming, Outgoing};
use crate::namespace::NetNamespace;
use crate::socket::Socket;
use abi::socket::{AF_INET, AF_UNIX, MsgFlags, SOCK_STREAM};
use mm::{SliceSource, VecSink};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use sync::{Fail, WaitWord};
use vfs::{Caller, Credentials, OpenFile, ProcessView, UserNamespace};

/// A process that counts the signals that it is sent.
#[derive(Default)]
pub(crate) struct Process {
    pub(crate) signals: AtomicUsize,
}

impl ProcessView for Process {
    fn tid(&self) -> i32 {
        7
    }
    fn pid(&self) -> i32 {
        7
    }
    fn session(&self) -> i32 {
        7
    }
    fn process_group(&self) -> i32 {
        7
    }
    fn is_group_orphaned(&self) -> bool {
        false
    }
    fn is_signal_ignored(&self, _signal: u8) -> bool {
        false
    }
    fn signal_own_group(&self, _signal: u8) {}
    fn signal_self(&self, _signal: u8) {
        self.signals.fetch_add(1, SeqCst);
    }
    fn limit(&self, _resource: u32) -> u64 {
        1024
    }
    fn umask(&self) -> u32 {
        0o22
    }
}

/// A sandbox with one caller.
pub(crate) struct World {
    pub(crate) net: Arc<NetNamespace>,
    pub(crate) caller: Caller,
    pub(crate) process: Arc<Process>,
}

impl World {
    pub(crate) fn new() -> Self {
        let user_ns = UserNamespace::root();
        let process = Arc::new(Process::default());
        let caller = Caller {
            creds: Arc::new(Credentials::root(user_ns.clone())),
            word: Arc::new(WaitWord::new()),
            process: process.clone(),
        };
        Self { net: NetNamespace::new(user_ns), caller, process }
    }

    /// A call that does not block.
    pub(crate) fn call(&self) -> Call<'_> {
        Call { caller: &self.caller, fs: None, nonblock: true }
    }

    /// A unix or TCP socket.
    pub(crate) fn socket(&self, family: u16, kind: i32) -> Socket {
        Socket::create(&self.call(), &self.net, i32::from(family), kind, 0).expect("a socket is made")
    }

    pub(crate) fn tcp(&self) -> Socket {
        self.socket(AF_INET, SOCK_STREAM)
    }

    pub(crate) fn pair(&self, kind: i32) -> (Socket, Socket) {
        Socket::pair(&self.call(), &self.net, i32::from(AF_UNIX), kind, 0).expect("a pair is made")
    }

    pub(crate) fn send(&self, socket: &Socket, bytes: &[u8]) -> Result<usize, Fail> {
        socket.send(&self.call(), &mut SliceSource::new(bytes), Outgoing::default())
    }

    pub(crate) fn send_files(&self, socket: &Socket, bytes: &[u8], files: &[&Arc<OpenFile>]) -> Result<usize, Fail> {
        let rights = Control::Rights(files.iter().map(|&file| file.clone()).collect());
        let message = Outgoing { controls: vec![rights], ..Outgoing::default() };
        socket.send(&self.call(), &mut SliceSource::new(bytes), message)
    }

    pub(crate) fn receive(&self, socket: &Socket, max: usize) -> Result<Vec<u8>, Fail> {
        self.receive_message(socket, max, MsgFlags::empty()).map(|(bytes, _)| bytes)
    }

    pub(crate) fn receive_message(
        &self,
        socket: &Socket,
        max: usize,
        flags: MsgFlags,
    ) -> Result<(Vec<u8>, Incoming), Fail> {
        let mut sink = VecSink::new(max);
        let mut message = Incoming::new(flags);
        socket.receive(&self.call(), &mut sink, &mut message)?;
        Ok((sink.bytes, message))
    }
}

/// The files that came with a message.
pub(crate) fn files(message: Incoming) -> Vec<Arc<OpenFile>> {
    let files = message.controls.into_iter().filter_map(|control| match control {
        Control::Rights(files) => Some(files),
        _ => None,
    });
    files.flatten().collect()
}
