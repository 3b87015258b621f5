//! /proc/sys: `proc_sys(5)`. The files are rows of [`super::sysctl_table::TABLE`].

use super::root::Root;
use super::settings::Settings;
use super::sysctl_table::TABLE;
use crate::pseudo::{Child, Name, Object};
use abi::Errno;
use abi::fs::FileType;
use std::sync::Arc;
use vfs::{Attr, Caller, Capability};

/// Makes a value.
pub(super) type Read = fn(&Root, &Caller) -> Result<Vec<u8>, Errno>;
/// Stores a value.
pub(super) type Store = fn(&Root, &Caller, &[u8]) -> Result<(), Errno>;

/// What a value is.
pub(super) enum Value {
    /// Never changes, whatever is written (nothing may be written with mode 0444).
    Fixed(&'static str),
    /// Whole numbers, each between the two bounds; a default.
    Ints(&'static str, i64, i64),
    /// Any line of text; a default.
    Line(&'static str),
    /// Made when it is read, stored by code.
    Code(Read, Option<Store>),
}

/// A file below /proc/sys.
pub(super) struct Entry {
    /// Path below /proc/sys.
    pub(super) path: &'static str,
    /// Permission bits.
    pub(super) mode: u32,
    pub(super) value: Value,
}

/// A directory or file below /proc/sys.
pub(super) struct Sysctl {
    root: Root,
    settings: Arc<Settings>,
    /// Path below /proc/sys; empty for itself.
    path: String,
    entry: Option<&'static Entry>,
}

impl Sysctl {
    /// /proc/sys.
    pub(super) fn root(root: Root) -> Self {
        let settings = Settings::of(&root.kernel);
        Self { root, settings, path: String::new(), entry: None }
    }

    /// What stands in the path of an entry behind the directory.
    fn below(&self, entry: &Entry) -> Option<&'static str> {
        let rest = entry.path.strip_prefix(self.path.as_str())?;
        if self.path.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
    }

    fn child(&self, path: String, entry: Option<&'static Entry>) -> Child {
        Child::Object(Box::new(Self { root: self.root.clone(), settings: self.settings.clone(), path, entry }))
    }

    fn default(&self, entry: &Entry) -> &'static str {
        match entry.value {
            Value::Fixed(text) | Value::Ints(text, ..) | Value::Line(text) => text,
            Value::Code(..) => "",
        }
    }
}

impl Object for Sysctl {
    fn kind(&self) -> FileType {
        if self.entry.is_some() { FileType::Regular } else { FileType::Directory }
    }

    fn mode(&self) -> u32 {
        self.entry.map_or(0o555, |entry| entry.mode)
    }

    fn links(&self) -> u32 {
        1
    }

    /// Root's rights come from its id here: no capability overrides the bits.
    fn permission(&self, caller: &Caller, attr: &Attr, want: u32) -> Result<(), Errno> {
        let creds = &caller.creds;
        if self.path == "user" || self.path.starts_with("user/") {
            let is_capable = creds.has_in(&creds.user_ns, Capability::SysResource);
            let bits = if is_capable { attr.mode >> 6 } else { attr.mode & 5 };
            return if want & 7 & bits == want & 7 { Ok(()) } else { Err(Errno::EACCES) };
        }
        let bits = match (creds.euid, creds.egid) {
            (0, _) => attr.mode >> 6,
            (_, 0) => attr.mode >> 3,
            _ => attr.mode,
        };
        if want & 7 & bits == want & 7 { Ok(()) } else { Err(Errno::EACCES) }
    }

    fn lookup(&self, _caller: &Caller, name: &[u8]) -> Result<Child, Errno> {
        let name = std::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        if self.entry.is_some() {
            return Err(Errno::ENOTDIR);
        }
        for entry in TABLE {
            let Some(rest) = self.below(entry) else { continue };
            let (first, more) = rest.split_once('/').map_or((rest, None), |(first, more)| (first, Some(more)));
            if first == name {
                let path = if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) };
                return Ok(self.child(path, more.is_none().then_some(entry)));
            }
        }
        Err(Errno::ENOENT)
    }

    fn list(&self, _caller: &Caller, after: u64) -> Result<Vec<Name>, Errno> {
        let mut names: Vec<Name> = Vec::new();
        for (entry, key) in TABLE.iter().zip(1..) {
            let Some(rest) = self.below(entry) else { continue };
            let (first, kind) = match rest.split_once('/') {
                Some((first, _)) => (first, FileType::Directory),
                None => (rest, FileType::Regular),
            };
            // The table is sorted by directory: entries of one stand together.
            if names.last().is_none_or(|last| last.name != first.as_bytes()) {
                names.push(Name { name: first.as_bytes().to_vec(), kind, ino: None, key });
            }
        }
        names.retain(|name| name.key > after);
        Ok(names)
    }

    fn text(&self, caller: &Caller) -> Result<Vec<u8>, Errno> {
        let entry = self.entry.ok_or(Errno::EISDIR)?;
        let mut text = match entry.value {
            Value::Code(read, _) => read(&self.root, caller)?,
            _ => self.settings.value(entry.path).unwrap_or_else(|| self.default(entry).as_bytes().to_vec()),
        };
        text.push(b'\n');
        Ok(text)
    }

    fn store(&self, caller: &Caller, bytes: &[u8]) -> Result<(), Errno> {
        let entry = self.entry.ok_or(Errno::EISDIR)?;
        match entry.value {
            Value::Code(_, Some(store)) => store(&self.root, caller, bytes),
            Value::Code(_, None) => Err(Errno::EPERM),
            Value::Fixed(_) => Ok(()),
            Value::Line(_) => {
                let line = bytes.split(|&byte| byte == b'\n' || byte == 0).next().unwrap_or_default();
                self.settings.set(entry.path, line.to_vec());
                Ok(())
            }
            Value::Ints(default, min, max) => {
                let old = self.settings.value(entry.path).unwrap_or_else(|| default.as_bytes().to_vec());
                self.settings.set(entry.path, parse_ints(&old, bytes, min, max)?);
                Ok(())
            }
        }
    }
}

/// The numbers of a write, in place of the first of the old ones. `EINVAL` for what is no number or out of bounds.
pub(super) fn parse_ints(old: &[u8], new: &[u8], min: i64, max: i64) -> Result<Vec<u8>, Errno> {
    let text = std::str::from_utf8(new).map_err(|_| Errno::EINVAL)?;
    let mut values: Vec<String> = String::from_utf8_lossy(old).split_whitespace().map(str::to_owned).collect();
    let mut given = text.trim_end_matches('\0').split_whitespace().peekable();
    if given.peek().is_none() {
        return Err(Errno::EINVAL);
    }
    for (slot, word) in values.iter_mut().zip(given) {
        let value = match word.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16),
            None => word.parse::<i64>(),
        };
        let value = value.ok().filter(|value| (min..=max).contains(value)).ok_or(Errno::EINVAL)?;
        *slot = value.to_string();
    }
    Ok(values.join("\t").into_bytes())
}

/// The number of a write, from 0 to `max`. `EINVAL` as of [`parse_ints`].
pub(super) fn parse_int(new: &[u8], max: i32) -> Result<i32, Errno> {
    let text = parse_ints(b"0", new, 0, max.into())?;
    std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).ok_or(Errno::EINVAL)
}
