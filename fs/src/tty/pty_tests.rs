//! Pseudoterminals with their ends, without a kernel.

use super::console::HostConsole;
use super::jobs::Jobs;
use super::master::{MasterFile, Release};
use super::pty::Pty;
use super::slave::SlaveFile;
use crate::pseudo::testing::{Process, caller_of};
use abi::Errno;
use abi::fs::OpenFlags;
use abi::poll::Events;
use abi::tty::{Packet, Termios, Winsize, cc, ioctl::*};
use mm::{SliceSource, UserAddr, UserMemory, VecSink};
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use sync::{Fail, Restart};
use vfs::{Caller, OpenFile};

/// Process 10 leads session 10 with the groups 10 and 20.
#[derive(Default)]
struct Fake {
    log: Mutex<Vec<String>>,
    terminal: Mutex<Option<Arc<Pty>>>,
}

impl Fake {
    fn note(&self, text: String) {
        self.log.lock().expect("a lock").push(text);
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().expect("a lock"))
    }
}

impl Jobs for Fake {
    fn signal_group(&self, group: i32, signal: u8) {
        self.note(format!("group {group} gets {signal}"));
    }
    fn signal_leader(&self, session: i32, signal: u8) {
        self.note(format!("leader {session} gets {signal}"));
    }
    fn session_of_group(&self, group: i32) -> Option<i32> {
        matches!(group, 10 | 20).then_some(10)
    }
    fn id_for(&self, _caller: &Caller, id: i32) -> i32 {
        id
    }
    fn group_from(&self, _caller: &Caller, id: i32) -> Option<i32> {
        (id < 1000).then_some(id)
    }
    fn terminal(&self, _session: i32) -> Option<Arc<Pty>> {
        self.terminal.lock().expect("a lock").clone()
    }
    fn set_terminal(&self, _session: i32, terminal: Option<Arc<Pty>>) {
        *self.terminal.lock().expect("a lock") = terminal;
    }
    fn set_foreground(&self, _session: i32, _group: i32) {}
}

impl Release for Fake {
    fn release(&self, _index: u32) {}
}

/// Guest memory of one page at 0.
#[derive(Default)]
struct Page(Mutex<Vec<u8>>);

impl UserMemory for Page {
    fn read_some(&self, addr: UserAddr, buf: &mut [u8]) -> Result<usize, Errno> {
        let page = self.0.lock().expect("a lock");
        let at = addr.0 as usize;
        buf.copy_from_slice(page.get(at..at + buf.len()).ok_or(Errno::EFAULT)?);
        Ok(buf.len())
    }
    fn write_some(&self, addr: UserAddr, bytes: &[u8]) -> Result<usize, Errno> {
        let mut page = self.0.lock().expect("a lock");
        let at = addr.0 as usize;
        page.get_mut(at..at + bytes.len()).ok_or(Errno::EFAULT)?.copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

struct Rig {
    jobs: Arc<Fake>,
    pty: Arc<Pty>,
    master: Option<Arc<OpenFile>>,
    slave: Arc<OpenFile>,
    leader: Caller,
    page: Page,
}

const NONBLOCK: OpenFlags = OpenFlags::RDWR.union(OpenFlags::NONBLOCK);

impl Rig {
    fn new() -> Self {
        let jobs = Arc::new(Fake::default());
        let pty = Pty::new(3, jobs.clone());
        let leader = caller_of(Process { pid: 10, session: 10, group: 10, ..Process::default() });
        assert_eq!(SlaveFile::open(&pty, &leader, OpenFlags::RDWR).err(), Some(Errno::EIO));
        let master = OpenFile::anonymous(Box::new(MasterFile::new(pty.clone(), jobs.clone())), NONBLOCK);
        pty.update(|state| state.is_locked = false);
        let slave = SlaveFile::open(&pty, &leader, OpenFlags::RDWR).expect("it opens");
        let slave = OpenFile::anonymous(Box::new(slave), NONBLOCK);
        Self { jobs, pty, master: Some(master), slave, leader, page: Page(Mutex::new(vec![0; 4096])) }
    }

    fn master(&self) -> &Arc<OpenFile> {
        self.master.as_ref().expect("a master")
    }

    fn write(&self, file: &Arc<OpenFile>, bytes: &[u8]) -> Result<usize, Fail> {
        file.ops.write(&file.io(&self.leader, OpenFlags::empty()), &mut SliceSource::new(bytes), &mut 0)
    }

    fn read(&self, file: &Arc<OpenFile>) -> Result<String, Fail> {
        let mut sink = VecSink::new(4096);
        file.ops.read(&file.io(&self.leader, OpenFlags::empty()), &mut sink, &mut 0)?;
        Ok(String::from_utf8_lossy(&sink.bytes).into_owned())
    }

    fn ioctl(&self, file: &Arc<OpenFile>, caller: &Caller, command: u32, arg: u64) -> Result<u64, Fail> {
        file.ops.ioctl(&file.io(caller, OpenFlags::empty()), command, arg, &self.page)
    }

    fn word(&self) -> i32 {
        let page = self.page.0.lock().expect("a lock");
        i32::from_le_bytes([page[0], page[1], page[2], page[3]])
    }

    fn set_word(&self, value: i32) {
        self.page.0.lock().expect("a lock")[..4].copy_from_slice(&value.to_le_bytes());
    }
}

const EAGAIN: Fail = Fail::Errno(Errno::EAGAIN);
const EIO: Fail = Fail::Errno(Errno::EIO);

#[test]
fn bytes_pass_both_ways() {
    let rig = Rig::new();
    assert_eq!(rig.read(rig.master()), Err(EAGAIN));
    assert_eq!(rig.write(rig.master(), b"hi\n"), Ok(3));
    assert_eq!(rig.read(rig.master()), Ok("hi\r\n".into()));
    assert!(rig.slave.ops.readiness().contains(Events::IN));
    assert_eq!(rig.read(&rig.slave), Ok("hi\n".into()));
    assert_eq!(rig.read(&rig.slave), Err(EAGAIN));
    assert_eq!(rig.write(&rig.slave, b"x\n"), Ok(2));
    assert_eq!(rig.read(rig.master()), Ok("x\r\n".into()));
}

#[test]
fn the_first_opener_is_controlled() {
    let rig = Rig::new();
    assert_eq!(rig.pty.foreground(), 10);
    assert_eq!(rig.ioctl(&rig.slave, &rig.leader, TIOCGPGRP, 0), Ok(0));
    assert_eq!(rig.word(), 10);
    assert_eq!(rig.ioctl(&rig.slave, &rig.leader, TIOCGSID, 0), Ok(0));
    rig.write(rig.master(), b"\x03").expect("it writes");
    assert_eq!(rig.jobs.take(), ["group 10 gets 2"]);
    let stranger = caller_of(Process { pid: 99, session: 99, group: 99, ..Process::default() });
    assert_eq!(rig.ioctl(&rig.slave, &stranger, TIOCGPGRP, 0), Err(Errno::ENOTTY.into()));
    assert_eq!(rig.ioctl(rig.master(), &stranger, TIOCGPGRP, 0), Ok(0));
    assert_eq!(rig.ioctl(&rig.slave, &stranger, TIOCSCTTY, 0), Err(Errno::EPERM.into()));
}

#[test]
fn background_processes_are_stopped() {
    let rig = Rig::new();
    rig.set_word(20);
    assert_eq!(rig.ioctl(&rig.slave, &rig.leader, TIOCSPGRP, 0), Ok(0));
    assert_eq!(rig.pty.foreground(), 20);
    // The leader is in the background now.
    assert_eq!(rig.read(&rig.slave), Err(Fail::Interrupted(Restart::Sa)));
    assert_eq!(rig.write(&rig.slave, b"x"), Ok(1));
    assert_eq!(rig.ioctl(&rig.slave, &rig.leader, TCFLSH, 0), Err(Fail::Interrupted(Restart::Sa)));
    let signals = |process: Process| {
        let caller = caller_of(Process { pid: 10, session: 10, group: 10, ..process });
        let slave = SlaveFile::open(&rig.pty, &caller, NONBLOCK).expect("it opens");
        let slave = OpenFile::anonymous(Box::new(slave), NONBLOCK);
        let read = slave.ops.read(&slave.io(&caller, OpenFlags::empty()), &mut VecSink::new(9), &mut 0);
        (read, rig.ioctl(&slave, &caller, TCFLSH, 0))
    };
    assert_eq!(signals(Process { ignores: true, ..Process::default() }), (Err(EIO), Ok(0)));
    assert_eq!(signals(Process { is_orphaned: true, ..Process::default() }), (Err(EIO), Err(EIO)));
    // Back to the foreground: refused for groups of other sessions and for none.
    rig.set_word(30);
    let ignoring = caller_of(Process { pid: 10, session: 10, group: 10, ignores: true, ..Process::default() });
    assert_eq!(rig.ioctl(&rig.slave, &ignoring, TIOCSPGRP, 0), Err(Errno::EPERM.into()));
    rig.set_word(2000);
    assert_eq!(rig.ioctl(&rig.slave, &ignoring, TIOCSPGRP, 0), Err(Errno::ESRCH.into()));
    rig.set_word(-1);
    assert_eq!(rig.ioctl(&rig.slave, &ignoring, TIOCSPGRP, 0), Err(Errno::EINVAL.into()));
}

#[test]
fn the_end_of_the_master_hangs_up() {
    let mut rig = Rig::new();
    rig.write(rig.master(), b"lost\n").expect("it writes");
    rig.master = None;
    assert_eq!(rig.jobs.take(), ["leader 10 gets 1", "leader 10 gets 18"]);
    assert!(rig.jobs.terminal(10).is_none());
    assert_eq!(rig.read(&rig.slave), Ok(String::new()));
    assert_eq!(rig.write(&rig.slave, b"x"), Err(EIO));
    assert_eq!(rig.ioctl(&rig.slave, &rig.leader, TCGETS, 0), Err(EIO));
    assert!(rig.slave.ops.readiness().contains(Events::HUP | Events::ERR));
    assert_eq!(SlaveFile::open(&rig.pty, &rig.leader, OpenFlags::RDWR).err(), Some(Errno::EIO));
}

#[test]
fn the_end_of_the_slave_shows_after_what_is_left() {
    let mut rig = Rig::new();
    rig.write(&rig.slave, b"bye").expect("it writes");
    rig.slave =
        OpenFile::anonymous(Box::new(MasterFile::new(Pty::new(4, rig.jobs.clone()), rig.jobs.clone())), NONBLOCK);
    assert!(rig.master().ops.readiness().contains(Events::HUP | Events::IN));
    assert_eq!(rig.read(rig.master()), Ok("bye".into()));
    assert_eq!(rig.read(rig.master()), Err(EIO));
    // Opened again, it goes on.
    let slave = SlaveFile::open(&rig.pty, &rig.leader, NONBLOCK).expect("it opens");
    assert_eq!(rig.read(rig.master()), Err(EAGAIN));
    drop(slave);
}

#[test]
fn sizes_and_signals() {
    let rig = Rig::new();
    rig.pty.set_winsize(Winsize { rows: 24, cols: 80, ..Winsize::default() });
    rig.pty.set_winsize(Winsize { rows: 24, cols: 80, ..Winsize::default() });
    assert_eq!(rig.jobs.take(), ["group 10 gets 28"]);
    assert_eq!(rig.ioctl(&rig.slave, &rig.leader, TIOCGWINSZ, 0), Ok(0));
    assert_eq!(rig.word(), (80 << 16) + 24);
    assert_eq!(rig.ioctl(&rig.slave, &rig.leader, TIOCGWINSZ, 1 << 40), Err(Errno::EFAULT.into()));
}

#[test]
fn packets_carry_news() {
    let rig = Rig::new();
    rig.set_word(1);
    assert_eq!(rig.ioctl(rig.master(), &rig.leader, TIOCPKT, 0), Ok(0));
    rig.write(&rig.slave, b"a").expect("it writes");
    assert_eq!(rig.read(rig.master()), Ok("\0a".into()));
    assert_eq!(rig.ioctl(&rig.slave, &rig.leader, TCFLSH, 2), Ok(0));
    assert!(rig.master().ops.readiness().contains(Events::PRI));
    let news = rig.read(rig.master()).expect("news");
    assert_eq!(news.as_bytes(), [(Packet::FLUSHREAD | Packet::FLUSHWRITE).bits()]);
    assert_eq!(rig.ioctl(&rig.slave, &rig.leader, TIOCPKT, 0), Err(Errno::ENOTTY.into()));
}

#[test]
fn minimum_and_time() {
    let rig = Rig::new();
    let mode = |min, time| {
        rig.pty.update(|state| {
            let mut termios = Termios { lflag: 0, iflag: 0, ..state.line.termios };
            termios.cc[cc::VMIN] = min;
            termios.cc[cc::VTIME] = time;
            state.line.set_termios(termios);
        });
    };
    rig.slave.change_flags(OpenFlags::NONBLOCK, false).expect("flags");
    mode(0, 0);
    assert_eq!(rig.read(&rig.slave), Ok(String::new()));
    mode(0, 1);
    assert_eq!(rig.read(&rig.slave), Ok(String::new()));
    rig.write(rig.master(), b"ab").expect("it writes");
    assert_eq!(rig.read(&rig.slave), Ok("ab".into()));
    // The time between bytes counts from the first one on.
    mode(3, 1);
    rig.write(rig.master(), b"cd").expect("it writes");
    assert!(rig.slave.ops.readiness().contains(Events::IN));
    assert_eq!(rig.read(&rig.slave), Ok("cd".into()));
    mode(2, 0);
    rig.write(rig.master(), b"e").expect("it writes");
    assert!(!rig.slave.ops.readiness().contains(Events::IN));
    rig.write(rig.master(), b"f").expect("it writes");
    assert_eq!(rig.read(&rig.slave), Ok("ef".into()));
}

#[test]
fn a_host_terminal_is_bridged() {
    let jobs = Arc::new(Fake::default());
    let pty = Pty::new(0, jobs.clone());
    let (host_in, mut typed) = std::io::pipe().expect("a pipe");
    let (mut shown, host_out) = std::io::pipe().expect("a pipe");
    let console = HostConsole::start(pty.clone(), host_in.into(), host_out.into(), None).expect("threads");
    let leader = caller_of(Process { pid: 10, session: 10, group: 10, ..Process::default() });
    let slave = SlaveFile::open(&pty, &leader, OpenFlags::RDWR).expect("it opens");
    let slave = OpenFile::anonymous(Box::new(slave), OpenFlags::RDWR);
    let io = slave.io(&leader, OpenFlags::empty());
    let mut buf = [0; 64];
    slave.ops.write(&io, &mut SliceSource::new(b"$ "), &mut 0).expect("it writes");
    assert_eq!(shown.read(&mut buf).expect("output"), 2);
    typed.write_all(b"hi\n").expect("input");
    let mut sink = VecSink::new(64);
    assert_eq!(slave.ops.read(&io, &mut sink, &mut 0), Ok(3));
    assert_eq!(sink.bytes, b"hi\n");
    // More than the host takes at once: the rest waits for it.
    let long = vec![b'x'; 200_000];
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        shown.by_ref().take(4 + 200_000).read_to_end(&mut all).expect("output");
        all.len()
    });
    assert_eq!(slave.ops.write(&io, &mut SliceSource::new(&long), &mut 0), Ok(long.len()));
    console.drain();
    assert_eq!(reader.join().expect("a reader"), 4 + 200_000);
    console.set_size(24, 80);
    assert_eq!(jobs.take(), ["group 10 gets 28"]);
    // The host's terminal goes away.
    drop(typed);
    while jobs.take().is_empty() {
        std::thread::yield_now();
    }
    assert_eq!(slave.ops.read(&io, &mut sink, &mut 0), Ok(0));
}
