//! Control messages to and from the program: `cmsg(3)`.

use abi::Errno;
use abi::socket::level::SOL_SOCKET;
use abi::socket::{AF_UNIX, CmsgHdr, MsgFlags, SCM_MAX_FD, Ucred, scm};
use kernel::CurrentTask;
use mm::{UserAddr, UserMemory};
use net::Control;
use std::sync::Arc;
use vfs::OpenFile;
use zerocopy::{FromBytes, IntoBytes};

/// Size of a header; data starts right behind it.
const HEADER: usize = size_of::<CmsgHdr>();
/// Most bytes of control messages in one call: /proc/sys/net/core/optmem_max.
const CONTROL_MAX: usize = 131_072;

const fn align(len: usize) -> usize {
    len.next_multiple_of(8)
}

/// Reads the control messages of a message to send on a socket of the family: `ENOBUFS`, `EFAULT`, `EINVAL`,
/// `EBADF`.
pub(super) fn read(task: &CurrentTask, at: UserAddr, len: usize, family: u16) -> Result<Vec<Control>, Errno> {
    if len > CONTROL_MAX {
        return Err(Errno::ENOBUFS);
    }
    let mut bytes = vec![0; len];
    UserMemory::read(&**task.mm(), at, &mut bytes)?;
    let mut controls = Vec::new();
    let mut rest = bytes.as_slice();
    while let Ok((header, _)) = CmsgHdr::read_from_prefix(rest) {
        let len = usize::try_from(header.len).map_err(|_| Errno::EINVAL)?;
        let data = rest.get(HEADER..len).ok_or(Errno::EINVAL)?;
        match (header.level, header.kind) {
            (SOL_SOCKET, scm::RIGHTS) if family == AF_UNIX => controls.push(Control::Rights(files(task, data)?)),
            (SOL_SOCKET, scm::CREDENTIALS) if family == AF_UNIX => {
                let mut ucred = Ucred::read_from_bytes(data).map_err(|_| Errno::EINVAL)?;
                ucred.pid = pid_given(task, ucred.pid).ok_or(Errno::ESRCH)?;
                let users = &task.creds().user_ns;
                ucred.uid = users.kernel_uid(ucred.uid).ok_or(Errno::EINVAL)?;
                ucred.gid = users.kernel_gid(ucred.gid).ok_or(Errno::EINVAL)?;
                controls.push(Control::Credentials(ucred));
            }
            (SOL_SOCKET, scm::RIGHTS | scm::CREDENTIALS) => {}
            (level, kind) => controls.push(Control::Data { level, kind, bytes: data.to_vec() }),
        }
        rest = rest.get(align(len)..).unwrap_or_default();
    }
    Ok(controls)
}

/// The files of `SCM_RIGHTS`: `EINVAL`, `EBADF`.
fn files(task: &CurrentTask, data: &[u8]) -> Result<Vec<Arc<OpenFile>>, Errno> {
    let fds = data.chunks_exact(4).map(|fd| i32::from_ne_bytes(fd.first_chunk().copied().unwrap_or_default()));
    if fds.len() > SCM_MAX_FD {
        return Err(Errno::EINVAL);
    }
    fds.map(|fd| task.fds().get_any(fd)).collect()
}

/// The process id in the root namespace that the task means by `pid`.
fn pid_given(task: &CurrentTask, pid: i32) -> Option<i32> {
    let namespace = task.task().pid_namespace();
    if Arc::ptr_eq(&namespace, task.kernel().root_pids()) {
        return Some(pid);
    }
    Some(task.kernel().tree().group(&namespace, pid)?.pid().root())
}

/// The number that the task knows a process of the root namespace by; 0 when it sees none.
pub(super) fn pid_shown(task: &CurrentTask, pid: i32) -> i32 {
    let namespace = task.task().pid_namespace();
    if Arc::ptr_eq(&namespace, task.kernel().root_pids()) {
        return pid;
    }
    task.kernel().group(pid).map_or(0, |group| group.pid().within(&namespace))
}

/// Where control messages of a message that was received go.
pub(super) struct Writer<'a> {
    task: &'a CurrentTask,
    at: UserAddr,
    room: usize,
    /// Bytes stored so far.
    pub(super) used: usize,
    cloexec: bool,
    /// Not everything had room.
    pub(super) is_cut: bool,
}

impl<'a> Writer<'a> {
    /// Into `room` bytes at `at`.
    pub(super) fn new(task: &'a CurrentTask, at: UserAddr, room: usize, flags: MsgFlags) -> Self {
        let room = if at.is_null() { 0 } else { room };
        Self { task, at, room, used: 0, cloexec: flags.contains(MsgFlags::CMSG_CLOEXEC), is_cut: false }
    }

    /// Stores one. What a bad address swallows is not an error: as on Linux.
    pub(super) fn put(&mut self, control: Control) {
        match control {
            Control::Rights(files) => self.put_files(files),
            Control::Credentials(ucred) => {
                let users = &self.task.creds().user_ns;
                let ucred = Ucred {
                    pid: pid_shown(self.task, ucred.pid),
                    uid: users.guest_uid(ucred.uid),
                    gid: users.guest_gid(ucred.gid),
                };
                self.put_data(SOL_SOCKET, scm::CREDENTIALS, ucred.as_bytes());
            }
            Control::Data { level, kind, bytes } => self.put_data(level, kind, &bytes),
        }
    }

    fn left(&self) -> usize {
        self.room - self.used
    }

    fn store(&self, offset: usize, bytes: &[u8]) -> Result<(), Errno> {
        let at = self.at.offset((self.used + offset) as u64)?;
        UserMemory::write(&**self.task.mm(), at, bytes)
    }

    fn put_data(&mut self, level: i32, kind: i32, data: &[u8]) {
        if self.left() < HEADER {
            self.is_cut = true;
            return;
        }
        let whole = HEADER + data.len();
        let len = whole.min(self.left());
        self.is_cut |= len < whole;
        let header = CmsgHdr { len: len as u64, level, kind };
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(data);
        bytes.truncate(len);
        if self.store(0, &bytes).is_ok() {
            self.used += align(whole).min(self.left());
        }
    }

    /// Installs as many files as there is room and descriptors for; the others are closed.
    fn put_files(&mut self, files: Vec<Arc<OpenFile>>) {
        let room = self.left().saturating_sub(HEADER) / 4;
        let count = files.len();
        let mut installed = 0;
        for file in files.into_iter().take(room) {
            let Ok(reserved) = self.task.fds().reserve(self.task.caller(), 0, self.cloexec) else { break };
            if self.store(HEADER + installed * 4, &reserved.fd().to_ne_bytes()).is_err() {
                break;
            }
            reserved.install(file);
            installed += 1;
        }
        if installed > 0 {
            let len = HEADER + installed * 4;
            let header = CmsgHdr { len: len as u64, level: SOL_SOCKET, kind: scm::RIGHTS };
            if self.store(0, header.as_bytes()).is_ok() {
                self.used += align(len).min(self.left());
            }
        }
        self.is_cut |= installed < count;
    }
}
