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

/// What tells one file's text, as it is now, from all others: device, inode, size, times of change, offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextKey(pub [u64; 8]);

/// The texts of a sandbox.
#[derive(Debug)]
pub(in super::super) struct Cache(Mutex<Files>);

#[derive(Debug, Default)]
struct Files {
    by_key: HashMap<TextKey, File>,
    /// Bytes of all texts.
    bytes: u64,
}

#[derive(Debug)]
struct File {
    traps: u32,
    /// Traps at which it is patched (anew).
    due: u32,
    /// Offsets of `syscall`s that trapped and are in no patched site.
    executed: Vec<u32>,
    text: Option<Arc<Text>>,
}

impl Cache {
    pub(in super::super) fn new() -> Self {
        Self(Mutex::new(Rank::Leaf, Files::default()))
    }

    /// The patched text of a file, if there is one.
    pub(in super::super) fn get(&self, key: &TextKey) -> Option<Arc<Text>> {
        self.0.lock().by_key.get(key)?.text.clone()
    }

    /// The `syscall` at offset `at` of a text trapped. True when the text should be patched now.
    pub(in super::super) fn note(&self, key: &TextKey, at: u32) -> bool {
        let mut files = self.0.lock();
        if files.by_key.len() >= FILES_MAX && !files.by_key.contains_key(key) {
            return false;
        }
        let is_full = files.bytes >= BYTES_MAX;
        let new = || File { traps: 0, due: TRAPS, executed: Vec::new(), text: None };
        let file = files.by_key.entry(*key).or_insert_with(new);
        file.traps = file.traps.saturating_add(1);
        let is_known = file.text.as_ref().is_some_and(|text| text.has_site(at)) || file.executed.contains(&at);
        if !is_known && file.executed.len() < EXECUTED_MAX {
            file.executed.push(at);
        }
        if file.traps < file.due {
            return false;
        }
        file.due = file.due.saturating_mul(4);
        // Patched already, and all of it that can be.
        !is_full && (file.text.is_none() || !file.executed.is_empty())
    }

    /// The sites of which the shape alone says too little.
    pub(in super::super) fn executed(&self, key: &TextKey) -> Vec<u32> {
        self.0.lock().by_key.get(key).map(|file| file.executed.clone()).unwrap_or_default()
    }

    /// Keeps a patched text.
    pub(in super::super) fn put(&self, key: &TextKey, text: Arc<Text>) {
        let mut files = self.0.lock();
        let bytes: u64 = text.runs.iter().map(|run| run.len).sum();
        if let Some(file) = files.by_key.get_mut(key) {
            let old = file.text.replace(text);
            files.bytes += bytes;
            drop(files);
            drop(old);
        }
    }
}
