//! Where core dumps go: `core_pattern`, `core_uses_pid`.

use crate::kernel::RLIMIT_CORE;
use crate::task::CurrentTask;
use abi::signal::SigInfo;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use sync::{Mutex, Rank};

/// Longest pattern.
const LEN_MAX: usize = 127;

/// The settings of /proc/sys/kernel.
pub struct Pattern {
    text: Mutex<Vec<u8>>,
    /// `core_uses_pid`: a pattern without `%p` gets the process id behind it.
    pub uses_pid: AtomicBool,
}

impl Default for Pattern {
    fn default() -> Self {
        Self { text: Mutex::new(Rank::Leaf, b"core".to_vec()), uses_pid: AtomicBool::new(false) }
    }
}

impl Pattern {
    /// `core_pattern`.
    pub fn text(&self) -> Vec<u8> {
        self.text.lock().clone()
    }

    /// Sets [`Self::text`], cut to what fits.
    pub fn set_text(&self, text: &[u8]) {
        *self.text.lock() = text[..text.len().min(LEN_MAX)].to_vec();
    }

    /// The path for a process that a signal ends. `None`: a pipe to a program is asked for, which nobody starts.
    pub(super) fn path(&self, task: &CurrentTask, signal: &SigInfo) -> Option<Vec<u8>> {
        let text = self.text();
        if text.first() == Some(&b'|') {
            return None;
        }
        let (mut path, mut has_pid) = (Vec::new(), false);
        let mut bytes = text.into_iter();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                path.push(byte);
                continue;
            }
            let Some(what) = bytes.next() else { break };
            has_pid |= what == b'p';
            path.extend(value(task, signal, what));
        }
        if !has_pid && self.uses_pid.load(Relaxed) {
            path.push(b'.');
            path.extend(task.group().pid().own().to_string().bytes());
        }
        Some(path)
    }
}

/// What a letter stands for; nothing for those that are none.
fn value(task: &CurrentTask, signal: &SigInfo, what: u8) -> Vec<u8> {
    let creds = task.creds();
    let number = match what {
        b'%' => return vec![b'%'],
        b'e' => return plain(&task.task().comm()),
        b'h' => return plain(&task.task().attributes().namespaces.uts.hostname()),
        b'f' => return plain(executable(task).rsplit(|&byte| byte == b'/').next().unwrap_or_default()),
        b'E' => return plain(&executable(task)),
        b'p' => task.group().pid().own().into(),
        b'P' => task.group().pid().outermost().into(),
        b'i' => task.task().pid().own().into(),
        b'I' => task.task().pid().outermost().into(),
        b'u' => creds.user_ns.guest_uid(creds.uid).into(),
        b'g' => creds.user_ns.guest_gid(creds.gid).into(),
        b'd' => i64::from(task.group().is_dumpable.load(Relaxed)),
        b's' => signal.signo.into(),
        b't' => sync::now(sync::Clock::Realtime).as_secs() as i64,
        b'c' => return task.group().limit(RLIMIT_CORE).to_string().into_bytes(),
        _ => return Vec::new(),
    };
    number.to_string().into_bytes()
}

/// The path of the program.
fn executable(task: &CurrentTask) -> Vec<u8> {
    task.program().file().path(&task.fs().root())
}

/// A name that leads to no other directory.
fn plain(name: &[u8]) -> Vec<u8> {
    let mut name: Vec<u8> = name.iter().map(|&byte| if byte == b'/' { b'!' } else { byte }).collect();
    if matches!(&*name, b"." | b"..") {
        name[0] = b'!';
    }
    name
}
