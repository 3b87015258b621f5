//! The texts of a sandbox, by file.

use super::text::Text;
use std::collections::HashMap;
use std::sync::Arc;
use sync::{Mutex, Rank};

/// Traps of a text's calls after which it is worth patching. A trap costs some 2 µs more than a patched call, patching
/// about a millisecond.
const TRAPS: u32 = 128;
/// Files that are counted.
const FILES_MAX: usize = 1024;
/// Call sites that are remembered of a file.
const EXECUTED_MAX: usize = 1024;
/// Bytes of patched text in all.
const BYTES_MAX: u64 = 256 << 20;

/// What tells one file's text, as it is now, from all others: device, inode, size, times of change, offset; or the
/// version of a file that the sentry keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextKey(pub [u64; 8]);

/// What a call by trap says about the text that it came from.
#[derive(Clone, Debug)]
pub enum Noted {
    /// Nothing yet.
    Nothing,
    /// It should be patched now.
    Due,
    /// It is patched, this call site included.
    Patched(Arc<Text>),
}

/// The texts of a sandbox.
#[derive(Debug)]
pub(in super::super) struct Cache(Mutex<Files>);

#[derive(Debug, Default)]
struct Files {
    by_key: HashMap<TextKey, File>,
    /// Bytes of all texts.
    bytes: u64,
    /// Counts uses.
    clock: u64,
}

#[derive(Debug)]
struct File {
    traps: u32,
    /// Traps at which it is patched (anew).
    due: u32,
    /// Offsets of `syscall`s that trapped and are in no patched site.
    executed: Vec<u32>,
    text: Option<Arc<Text>>,
    /// When it was used last.
    used: u64,
}

impl File {
    /// No space maps its text.
    fn is_idle(&self) -> bool {
        self.text.as_ref().is_none_or(|text| Arc::strong_count(text) == 1)
    }
}

impl Files {
    /// Forgets the file that was used longest ago, of those whose text nobody maps; with `has_text`, of those that have
    /// one. What it was; `None`: there is no such file.
    fn forget_one(&mut self, has_text: bool) -> Option<File> {
        let idle = self.by_key.iter().filter(|(_, file)| file.is_idle() && (file.text.is_some() || !has_text));
        let oldest = *idle.min_by_key(|(_, file)| file.used)?.0;
        let file = self.by_key.remove(&oldest)?;
        self.bytes = self.bytes.saturating_sub(file.text.as_ref().map_or(0, |text| text.bytes()));
        Some(file)
    }
}

impl Cache {
    pub(in super::super) fn new() -> Self {
        Self(Mutex::new(Rank::Leaf, Files::default()))
    }

    /// The patched text of a file, if there is one.
    pub(in super::super) fn get(&self, key: &TextKey) -> Option<Arc<Text>> {
        let mut files = self.0.lock();
        files.clock += 1;
        let now = files.clock;
        let file = files.by_key.get_mut(key)?;
        file.used = now;
        file.text.clone()
    }

    /// The `syscall` at offset `at` of a text trapped.
    pub(in super::super) fn note(&self, key: &TextKey, at: u32) -> Noted {
        let mut gone = Vec::new();
        let mut files = self.0.lock();
        if files.by_key.len() >= FILES_MAX && !files.by_key.contains_key(key) {
            gone.extend(files.forget_one(false));
            if gone.is_empty() {
                return Noted::Nothing;
            }
        }
        while files.bytes >= BYTES_MAX
            && let Some(file) = files.forget_one(true)
        {
            gone.push(file);
        }
        let is_full = files.bytes >= BYTES_MAX;
        files.clock += 1;
        let used = files.clock;
        let new = || File { traps: 0, due: TRAPS, executed: Vec::new(), text: None, used };
        let file = files.by_key.entry(*key).or_insert_with(new);
        file.used = used;
        if let Some(text) = file.text.as_ref().filter(|text| text.has_site(at)) {
            return Noted::Patched(Arc::clone(text));
        }
        if !file.executed.contains(&at) && file.executed.len() < EXECUTED_MAX {
            file.executed.push(at);
        }
        file.traps = file.traps.saturating_add(1);
        if file.traps < file.due {
            return Noted::Nothing;
        }
        file.due = file.due.saturating_mul(4);
        if is_full { Noted::Nothing } else { Noted::Due }
    }

    /// The sites of which the shape alone says too little.
    pub(in super::super) fn executed(&self, key: &TextKey) -> Vec<u32> {
        self.0.lock().by_key.get(key).map(|file| file.executed.clone()).unwrap_or_default()
    }

    /// Keeps a patched text.
    pub(in super::super) fn put(&self, key: &TextKey, text: Arc<Text>) {
        let mut files = self.0.lock();
        let bytes = text.bytes();
        if let Some(file) = files.by_key.get_mut(key) {
            let old = file.text.replace(text);
            files.bytes += bytes;
            drop(files);
            drop(old);
        }
    }
}
