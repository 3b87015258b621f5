//! Tables, trees and text files as the vfs drives them.

use super::*;
use crate::pseudo::testing::caller;
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use mm::{SliceSource, VecSink};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use vfs::{DirSink, Filesystem, Inode, LinkTarget, OpenFile};

#[derive(Clone)]
struct Counter(Arc<AtomicU32>);

impl Subject for Counter {}

static ROWS: &[Row<Counter>] = &[
    text("count", 0o444, |counter, _| Ok(format!("{}\n", counter.0.fetch_add(1, SeqCst)).into())),
    knob(
        "knob",
        0o644,
        |counter, _| Ok(counter.0.load(SeqCst).to_string().into()),
        |counter, _, bytes| {
            let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
            counter.0.store(text.trim().parse().map_err(|_| Errno::EINVAL)?, SeqCst);
            Ok(())
        },
    ),
    dir("sub", &[link("up", |_, _| Ok(LinkTarget::Path(b"../count".to_vec())))]),
];

fn filesystem() -> Arc<PseudoFs> {
    let counter = Counter(Arc::new(AtomicU32::new(7)));
    PseudoFs::new("test", 1, 2, String::new(), move || Box::new(TableDir::new(counter.clone(), ROWS)))
}

fn open(inode: Arc<dyn Inode>) -> Arc<OpenFile> {
    let Ok(file) = inode.open(&caller(), OpenFlags::RDWR) else { panic!("it opens") };
    OpenFile::anonymous(file, OpenFlags::RDWR)
}

fn read(file: &Arc<OpenFile>, max: usize, offset: &mut u64) -> String {
    let caller = caller();
    let mut sink = VecSink::new(max);
    file.ops.read(&file.io(&caller, OpenFlags::empty()), &mut sink, offset).expect("it reads");
    String::from_utf8(sink.bytes).expect("text")
}

#[test]
fn text_is_made_at_the_start_and_kept_in_between() {
    let root = filesystem().root();
    let file = open(root.lookup(&caller(), b"count").expect("a row"));
    let mut offset = 0;
    assert_eq!(read(&file, 1, &mut offset), "7");
    assert_eq!(read(&file, 9, &mut offset), "\n");
    assert_eq!(read(&file, 9, &mut offset), "");
    offset = 0;
    assert_eq!(read(&file, 9, &mut offset), "8\n");
    // Read in the middle first: made then.
    let file = open(root.lookup(&caller(), b"count").expect("a row"));
    assert_eq!(read(&file, 9, &mut 1), "\n");
}

#[test]
fn knobs_store() {
    let root = filesystem().root();
    let file = open(root.lookup(&caller(), b"knob").expect("a row"));
    let caller = caller();
    let write =
        |bytes: &[u8]| file.ops.write(&file.io(&caller, OpenFlags::empty()), &mut SliceSource::new(bytes), &mut 0);
    assert_eq!(write(b"42\n"), Ok(3));
    assert_eq!(read(&file, 9, &mut 0), "42");
    assert_eq!(write(b"x"), Err(Errno::EINVAL.into()));
    assert_eq!(write(&[b'1'; 5000]), Err(Errno::EINVAL.into()));
}

struct Names(Vec<(String, FileType, u64)>, usize);

impl DirSink for Names {
    fn entry(&mut self, name: &[u8], _ino: u64, kind: FileType, next: u64) -> bool {
        if self.0.len() == self.1 {
            return false;
        }
        self.0.push((String::from_utf8_lossy(name).into_owned(), kind, next));
        true
    }
}

fn list(dir: &Arc<OpenFile>, max: usize, offset: &mut u64) -> Vec<String> {
    let mut names = Names(Vec::new(), max);
    dir.ops.read_dir(&dir.io(&caller(), OpenFlags::empty()), &mut names, offset).expect("it lists");
    names.0.into_iter().map(|(name, ..)| name).collect()
}

#[test]
fn directories_are_listed_in_parts() {
    let root = open(filesystem().root());
    let mut offset = 0;
    assert_eq!(list(&root, 3, &mut offset), [".", "..", "count"]);
    assert_eq!(list(&root, 9, &mut offset), ["knob", "sub"]);
    assert!(list(&root, 9, &mut offset).is_empty());
}

#[test]
fn numbers_stay_and_links_lead() {
    let root = filesystem().root();
    let caller = caller();
    let sub = root.lookup(&caller, b"sub").expect("a directory");
    assert_eq!(sub.kind(), FileType::Directory);
    let ino = |inode: &Arc<dyn Inode>| inode.attr().expect("attributes").ino;
    assert_eq!(ino(&sub), ino(&root.lookup(&caller, b"sub").expect("a directory")));
    assert_ne!(ino(&sub), ino(&root));
    let up = sub.lookup(&caller, b"up").expect("a link");
    assert!(matches!(up.read_link(&caller), Ok(LinkTarget::Path(path)) if path == b"../count"));
    assert_eq!(root.lookup(&caller, b"none").err(), Some(Errno::ENOENT));
}

#[test]
fn trees_are_put_together() {
    let build = || StaticDir::new().file("a/b/c", "x\n").link("a/l", "b/c").file("a/b/d", "y\n");
    let fs = PseudoFs::new("test", 1, 2, String::new(), move || Box::new(LazyDir::new(build)));
    let caller = caller();
    let at = |names: &[&str]| names.iter().try_fold(fs.root(), |inode, name| inode.lookup(&caller, name.as_bytes()));
    let file = open(at(&["a", "b", "c"]).expect("a file"));
    assert_eq!(read(&file, 9, &mut 0), "x\n");
    assert_eq!(list(&open(at(&["a", "b"]).expect("a directory")), 9, &mut 2), ["c", "d"]);
    assert_eq!(at(&["a", "b", "e"]).err(), Some(Errno::ENOENT));
    assert_eq!(at(&["a", "b", "c", "d"]).err(), Some(Errno::ENOTDIR));
}
