//! The process of a sandbox: made, tied to its parent, waited for.

use super::error::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, pidfd_send_signal, set_parent_process_death_signal, waitpid};
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::{fs, io, ptr};

/// A process made by [`spawn`].
#[derive(Debug)]
pub struct Child {
    /// Its id in the caller's pid namespace.
    pub pid: Pid,
    /// A descriptor of it; readable when it has ended.
    pub pidfd: OwnedFd,
}

/// Namespaces of its own that a sandbox gets: clone(2).
const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Runs `body` in a new process, the first of its pid, mount, network, IPC, UTS, cgroup and user namespaces,
/// and ends it with the status that `body` returns. Memory and descriptors are copies, as after fork(2).
/// The user namespace has no maps yet.
pub fn spawn(body: impl FnOnce() -> u8) -> Result<Child> {
    clone(NAMESPACES, body).step("make a process in namespaces of its own")
}

/// Runs `body` in a new process beside the caller's.
pub fn fork(body: impl FnOnce() -> u8) -> Result<Child> {
    clone(0, body).step("make a process")
}

fn clone(namespaces: i32, body: impl FnOnce() -> u8) -> io::Result<Child> {
    check_single_threaded()?;
    let mut flags = namespaces | libc::CLONE_PIDFD | libc::SIGCHLD;
    // The C library keeps the thread's id where the kernel clears it at the end: the child's must be right.
    let tid_word =
        rustix::thread::get_clear_child_tid_address().ok().flatten().map_or(ptr::null_mut(), std::ptr::NonNull::as_ptr);
    if !tid_word.is_null() {
        flags |= libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
    }
    let mut pidfd: libc::c_int = -1;
    // SAFETY: a plain fork (no shared memory, no new stack) of a process with one thread: everything in the
    // child is a consistent copy. The kernel writes to `pidfd` (parent) and `tid_word` (child), both valid.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone,
            libc::c_long::from(flags),
            ptr::null_mut::<u8>(),
            &raw mut pidfd,
            tid_word,
            ptr::null_mut::<u8>(),
        )
    };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    let Some(pid) = Pid::from_raw(pid as i32) else {
        let status = body();
        // SAFETY: ends the child without the parent's exit handlers and buffers.
        unsafe { libc::_exit(status.into()) }
    };
    // SAFETY: the kernel has just opened it for us.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Child { pid, pidfd })
}

/// fork(2) copies only the calling thread: locks that others hold would stay locked in the child.
fn check_single_threaded() -> io::Result<()> {
    // A directory has a link for itself, one for its name, and one for each directory in it: one a thread.
    match fs::metadata("/proc/self/task")?.nlink().saturating_sub(2) {
        1 => Ok(()),
        threads => Err(io::Error::other(format!("this process has {threads} threads"))),
    }
}

impl Child {
    /// Ends it at once. No error when it has ended already.
    pub fn kill(&self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Waits for its end and reaps it: status as a shell reports it, 128 + n for signal n.
    pub fn wait(&self) -> io::Result<Ended> {
        loop {
            match waitpid(Some(self.pid), WaitOptions::empty()) {
                Ok(Some((_, status))) => {
                    if let Some(code) = status.exit_status() {
                        return Ok(Ended::Exited(code as u8));
                    }
                    if let Some(signal) = status.terminating_signal() {
                        return Ok(Ended::Signaled(signal as u8));
                    }
                }
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// exit(2) with this status.
    Exited(u8),
    /// Killed by this signal.
    Signaled(u8),
}

/// The calling process is killed when its parent ends. `link` is a socket or pipe whose other end the parent
/// alone holds: it shows whether the parent ended before this call. Changing ids or gaining capabilities
/// undoes it: call it after that.
pub fn die_with_parent(link: BorrowedFd<'_>) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).step("ask for a signal at the parent's end")?;
    let mut fds = [PollFd::new(&link, PollFlags::empty())];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).step("look at the link to the parent")?;
    if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) {
        // SAFETY: ends this process, whose parent is gone; nothing is to be cleaned up.
        unsafe { libc::_exit(137) }
    }
    Ok(())
}

/// Leaves the session and its terminal: keys and hang-ups of the terminal reach the parent only.
pub fn leave_session() -> Result<()> {
    rustix::process::setsid().map(|_| ()).step("leave the terminal's session")
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// Becomes user and group 0 of the own user namespace, without other groups.
pub fn become_root() -> Result<()> {
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    let step = "become root of the sandbox's user namespace";
    let (uid, gid) = (rustix::process::Uid::ROOT, rustix::process::Gid::ROOT);
    set_thread_groups(&[]).step(step)?;
    set_thread_res_gid(gid, gid, gid).step(step)?;
    set_thread_res_uid(uid, uid, uid).step(step)
}
