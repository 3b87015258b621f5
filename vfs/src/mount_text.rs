//! The texts of /proc/PID/mounts, mountinfo and mountstats: `proc(5)`.

use crate::device::split_dev;
use crate::mount::Mount;
use crate::namespace::MountNamespace;
use crate::place::Place;
use abi::mount::MountFlags;
use std::sync::Arc;

impl MountNamespace {
    /// /proc/PID/mounts for a process whose root is `root`.
    pub fn mounts_text(&self, root: &Place) -> Vec<u8> {
        self.text(root, |text, mount, path| {
            escape(text, mount.source());
            text.push(b' ');
            escape(text, path);
            let options = [read_write(mount.is_read_only()), &flag_options(mount), &fs_options(mount)].concat();
            text.extend_from_slice(format!(" {} {options} 0 0\n", mount.filesystem().type_name()).as_bytes());
        })
    }

    /// /proc/PID/mountinfo for a process whose root is `root`.
    pub fn mountinfo_text(&self, root: &Place) -> Vec<u8> {
        self.text(root, |text, mount, path| {
            let parent = mount.covers().map_or(mount.id(), |place| place.mount.id());
            let (major, minor) = split_dev(mount.filesystem().device());
            text.extend_from_slice(format!("{} {parent} {major}:{minor} ", mount.id()).as_bytes());
            escape(text, &root_in_filesystem(mount));
            text.push(b' ');
            escape(text, path);
            let own = read_write(mount.flags().contains(MountFlags::RDONLY));
            let kind = mount.filesystem().type_name();
            text.extend_from_slice(format!(" {own}{} - {kind} ", flag_options(mount)).as_bytes());
            escape(text, mount.source());
            let whole = read_write(mount.filesystem().is_read_only());
            text.extend_from_slice(format!(" {whole}{}\n", fs_options(mount)).as_bytes());
        })
    }

    /// /proc/PID/mountstats for a process whose root is `root`.
    pub fn mountstats_text(&self, root: &Place) -> Vec<u8> {
        self.text(root, |text, mount, path| {
            text.extend_from_slice(b"device ");
            escape(text, mount.source());
            text.extend_from_slice(b" mounted on ");
            escape(text, path);
            text.extend_from_slice(format!(" with fstype {}\n", mount.filesystem().type_name()).as_bytes());
        })
    }

    /// One line a mount that can be reached from `root`.
    fn text(&self, root: &Place, line: impl Fn(&mut Vec<u8>, &Arc<Mount>, &[u8])) -> Vec<u8> {
        let mut text = Vec::new();
        for mount in self.mounts() {
            let top = Place { dentry: mount.root().clone(), mount: mount.clone() };
            if let Some(path) = top.path_below(root) {
                line(&mut text, &mount, &path);
            }
        }
        text
    }
}

/// The part of the filesystem that the mount shows.
fn root_in_filesystem(mount: &Mount) -> Vec<u8> {
    let mut names = Vec::new();
    let mut at = mount.root().clone();
    while let (Some(parent), name) = at.link() {
        names.push(name);
        at = parent;
    }
    let mut path = Vec::new();
    for name in names.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

const fn read_write(is_read_only: bool) -> &'static str {
    if is_read_only { "ro" } else { "rw" }
}

fn fs_options(mount: &Mount) -> String {
    let options = mount.filesystem().options();
    if options.is_empty() { options } else { format!(",{options}") }
}

fn flag_options(mount: &Mount) -> String {
    const NAMES: [(MountFlags, &str); 8] = [
        (MountFlags::SYNCHRONOUS, ",sync"),
        (MountFlags::NOSUID, ",nosuid"),
        (MountFlags::NODEV, ",nodev"),
        (MountFlags::NOEXEC, ",noexec"),
        (MountFlags::NOATIME, ",noatime"),
        (MountFlags::NODIRATIME, ",nodiratime"),
        (MountFlags::RELATIME, ",relatime"),
        (MountFlags::NOSYMFOLLOW, ",nosymfollow"),
    ];
    let flags = mount.flags();
    NAMES.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| *name).collect()
}

/// Appends a name with blanks and backslashes as octal numbers.
fn escape(text: &mut Vec<u8>, name: &[u8]) {
    if name.is_empty() {
        text.extend_from_slice(b"none");
    }
    for &byte in name {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\\' | b'#') {
            text.extend_from_slice(format!("\\{byte:03o}").as_bytes());
        } else {
            text.push(byte);
        }
    }
}
