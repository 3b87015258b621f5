//! Walks, names and mounts over the test filesystem.

use super::*;
use crate::test_fs::{TestFs, caller, context};
use crate::{Filesystem, OpenHow, RenameFlags, UserNamespace};
use abi::fs::OpenFlags;
use abi::mount::UmountFlags;
use mm::{SliceSource, VecSink};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use sync::Fail;

const SETUP: [&str; 4] = ["/a", "/a/b", "/a/b/c", "/d"];

fn setup(walk: &Walk<'_>) {
    for dir in SETUP {
        walk.make_dir(dir.as_bytes(), 0o777).expect("made");
    }
    walk.make_node(b"/a/file", FileType::Regular, 0o644, 0).expect("made");
    walk.make_symlink(b"/a/link", b"b/c").expect("made");
    walk.make_symlink(b"/abs", b"/a/link").expect("made");
    walk.make_symlink(b"/loop", b"loop").expect("made");
}

fn path(walk: &Walk<'_>, of: &[u8]) -> Result<String, Errno> {
    walk.find(of, true).map(|place| String::from_utf8_lossy(&place.path(walk.root())).into_owned())
}

fn is_symlink(place: &Place) -> bool {
    place.inode().expect("inode").kind() == FileType::Symlink
}

#[test]
fn finds_through_links_and_dots() {
    let (caller, _) = caller(0);
    let fs = context();
    let walk = Walk::new(&caller, &fs);
    setup(&walk);
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(path(&walk, b"/"), ok("/"));
    assert_eq!(path(&walk, b"//a///b/"), ok("/a/b"));
    assert_eq!(path(&walk, b"/a/link"), ok("/a/b/c"));
    assert_eq!(path(&walk, b"/abs/.."), ok("/a/b"));
    assert_eq!(path(&walk, b"/a/b/../../.."), ok("/"));
    assert_eq!(path(&walk, b"a/./file"), ok("/a/file"));
    assert_eq!(path(&walk, b""), Err(Errno::ENOENT));
    assert_eq!(path(&walk, b"/none"), Err(Errno::ENOENT));
    assert_eq!(path(&walk, b"/a/file/"), Err(Errno::ENOTDIR));
    assert_eq!(path(&walk, b"/a/file/x"), Err(Errno::ENOTDIR));
    assert_eq!(path(&walk, b"/loop"), Err(Errno::ELOOP));
    assert_eq!(path(&walk, &[b'x'; 256]), Err(Errno::ENAMETOOLONG));
    assert!(is_symlink(&walk.find(b"/a/link", false).expect("there")));
    assert!(!is_symlink(&walk.find(b"/a/link/", false).expect("there")));
}

#[test]
fn stays_below_what_openat2_says() {
    let (caller, _) = caller(0);
    let fs = context();
    let walk = Walk::new(&caller, &fs);
    setup(&walk);
    let base = walk.find(b"/a", true).expect("there");
    let with = |resolve| Walk { resolve, ..walk.clone().from(base.clone()) };
    assert_eq!(path(&with(Resolve::BENEATH), b".."), Err(Errno::EXDEV));
    assert_eq!(path(&with(Resolve::BENEATH), b"/a"), Err(Errno::EXDEV));
    assert_eq!(path(&with(Resolve::BENEATH), b"link/.."), Ok("/a/b".to_owned()));
    assert_eq!(path(&with(Resolve::IN_ROOT), b"/../b"), Ok("/a/b".to_owned()));
    assert_eq!(path(&with(Resolve::NO_SYMLINKS), b"link"), Err(Errno::ELOOP));
}

#[test]
fn permission_to_search_is_needed() {
    let (root, _) = caller(0);
    let (user, _) = caller(1000);
    let fs = context();
    let walk = Walk::new(&root, &fs);
    setup(&walk);
    walk.find(b"/a/b", true).expect("there").set_mode(&root, 0o700).expect("owner");
    let walk = Walk::new(&user, &fs);
    assert_eq!(path(&walk, b"/a/b"), Ok("/a/b".to_owned()));
    assert_eq!(path(&walk, b"/a/b/c"), Err(Errno::EACCES));
    assert_eq!(path(&walk, b"/a/b/none"), Err(Errno::EACCES));
    assert_eq!(walk.make_dir(b"/mine", 0o777).map(drop), Err(Errno::EACCES));
}

#[test]
fn rename_rules() {
    let (caller, _) = caller(0);
    let fs = context();
    let walk = Walk::new(&caller, &fs);
    setup(&walk);
    let rename = |from: &[u8], to: &[u8]| walk.rename(from, &walk, to, RenameFlags::empty());
    assert_eq!(rename(b"/a", b"/a/b/x"), Err(Errno::EINVAL));
    assert_eq!(rename(b"/a/b/c", b"/a"), Err(Errno::ENOTEMPTY));
    assert_eq!(rename(b"/a/file", b"/d"), Err(Errno::EISDIR));
    assert_eq!(rename(b"/d", b"/a/file"), Err(Errno::ENOTDIR));
    assert_eq!(rename(b"/a/file", b"/d/x/"), Err(Errno::ENOTDIR));
    assert_eq!(rename(b"/a/.", b"/x"), Err(Errno::EBUSY));
    let held = walk.find(b"/a/b/c", true).expect("there");
    assert_eq!(rename(b"/a/b", b"/d/moved"), Ok(()));
    assert_eq!(held.path(walk.root()), b"/d/moved/c");
    assert_eq!(path(&walk, b"/a/b"), Err(Errno::ENOENT));
    let noreplace = walk.rename(b"/d", &walk, b"/a", RenameFlags::NOREPLACE);
    assert_eq!(noreplace, Err(Errno::EEXIST));
    walk.rename(b"/a/file", &walk, b"/d/moved", RenameFlags::EXCHANGE).expect("both exist");
    assert_eq!(path(&walk, b"/a/file/c"), Ok("/a/file/c".to_owned()));
    assert_eq!(held.path(walk.root()), b"/a/file/c");
}

#[test]
fn removed_names_say_so() {
    let (caller, _) = caller(0);
    let fs = context();
    let walk = Walk::new(&caller, &fs);
    setup(&walk);
    let c = walk.find(b"/a/b/c", true).expect("there");
    assert_eq!(walk.rmdir(b"/a/b"), Err(Errno::ENOTEMPTY));
    assert_eq!(walk.rmdir(b"/a/b/."), Err(Errno::EINVAL));
    assert_eq!(walk.unlink(b"/a/b"), Err(Errno::EISDIR));
    assert_eq!(walk.rmdir(b"/a/file"), Err(Errno::ENOTDIR));
    walk.rmdir(b"/a/b/c").expect("empty");
    assert_eq!(c.path(walk.root()), b"/a/b/c (deleted)");
    assert_eq!(c.cwd_path(walk.root()), Err(Errno::ENOENT));
    let inside = walk.clone().from(c);
    assert_eq!(inside.make_dir(b"x", 0o777).map(drop), Err(Errno::ENOENT));
    assert_eq!(walk.make_dir(b"/a/b/c", 0o777).map(drop), Ok(()));
}

#[test]
fn opens_makes_and_writes() {
    let (caller, _) = caller(0);
    let fs = context();
    let walk = Walk::new(&caller, &fs);
    setup(&walk);
    let open = |path: &[u8], flags| walk.open(path, &OpenHow::lenient(flags, 0o666));
    let errno = |path: &[u8], flags| match open(path, flags) {
        Err(Fail::Errno(errno)) => Some(errno),
        _ => None,
    };
    let create = OpenFlags::CREAT | OpenFlags::RDWR;
    assert_eq!(errno(b"/a/file", create | OpenFlags::EXCL), Some(Errno::EEXIST));
    assert_eq!(errno(b"/a", create), Some(Errno::EISDIR));
    assert_eq!(errno(b"/a/new/", create), Some(Errno::EISDIR));
    assert_eq!(errno(b"/abs", OpenFlags::NOFOLLOW), Some(Errno::ELOOP));
    assert_eq!(errno(b"/a/file", OpenFlags::DIRECTORY), Some(Errno::ENOTDIR));
    walk.make_symlink(b"/dangling", b"/a/made").expect("made");
    let file = open(b"/dangling", create).expect("made through the link");
    assert_eq!(file.path(walk.root()), b"/a/made");
    assert_eq!(file.place().attr().expect("attr").mode, 0o644);
    file.write(&caller, &mut SliceSource::new(b"hello"), OpenFlags::empty()).expect("written");
    assert_eq!(file.seek(&caller, 7, 0), Err(Errno::EINVAL));
    let mut sink = VecSink::new(100);
    file.read_at(&caller, &mut sink, 1, OpenFlags::empty()).expect("read");
    assert_eq!(sink.bytes, b"ello");
    drop(open(b"/a/made", OpenFlags::WRONLY | OpenFlags::TRUNC).expect("there"));
    assert_eq!(file.place().attr().expect("attr").size, 0);
}

#[test]
fn mounts_cover_and_go() {
    let (caller, _) = caller(0);
    let fs = context();
    let walk = Walk::new(&caller, &fs);
    setup(&walk);
    let namespace = fs.namespace();
    let other: Arc<dyn Filesystem> = TestFs::new();
    let at = walk.find(b"/a/b", true).expect("there");
    namespace.mount(&at, &other, b"other", MountFlags::NODEV).expect("mounted");
    assert_eq!(path(&walk, b"/a/b/c"), Err(Errno::ENOENT));
    walk.make_dir(b"/a/b/inner", 0o755).expect("made");
    assert_eq!(path(&walk, b"/a/b/inner/../.."), Ok("/a".to_owned()));
    assert_eq!(walk.rmdir(b"/a/b"), Err(Errno::EBUSY));
    let text = String::from_utf8(namespace.mounts_text(walk.root())).expect("ascii");
    assert_eq!(text, "test / testfs rw 0 0\nother /a/b testfs rw,nodev 0 0\n");
    let cross = walk.rename(b"/a/file", &walk, b"/a/b/file", RenameFlags::empty());
    assert_eq!(cross, Err(Errno::EXDEV));
    namespace
        .bind(&walk.find(b"/a", true).expect("there"), &walk.find(b"/d", true).expect("there"), true)
        .expect("bound");
    assert_eq!(path(&walk, b"/d/b/inner"), Ok("/d/b/inner".to_owned()));
    let held = walk.find(b"/a/b/inner", true).expect("there");
    let umount = |path: &[u8], flags| namespace.umount(walk.find(path, true).expect("there"), flags);
    assert_eq!(umount(b"/a/b", UmountFlags::empty()), Err(Errno::EBUSY));
    drop(held);
    assert_eq!(umount(b"/a/b", UmountFlags::empty()), Ok(()));
    assert_eq!(path(&walk, b"/a/b/c"), Ok("/a/b/c".to_owned()));
    assert_eq!(umount(b"/d", UmountFlags::empty()), Err(Errno::EBUSY));
    assert_eq!(umount(b"/d", UmountFlags::DETACH), Ok(()));
    assert_eq!(path(&walk, b"/d/b"), Err(Errno::ENOENT));
    assert_eq!(namespace.mounts().len(), 1);
}

#[test]
fn a_copied_namespace_is_its_own() {
    let (caller, _) = caller(0);
    let fs = context();
    let walk = Walk::new(&caller, &fs);
    setup(&walk);
    fs.set_cwd(walk.find(b"/a/b", true).expect("there"));
    let copy = fs.with_new_namespace(UserNamespace::root()).expect("copied");
    assert_eq!(copy.cwd().path(&copy.root()), b"/a/b");
    let there = Walk::new(&caller, &copy);
    let other: Arc<dyn Filesystem> = TestFs::new();
    let at = there.find(b"/d", true).expect("there");
    copy.namespace().mount(&at, &other, b"x", MountFlags::RDONLY).expect("mounted");
    assert_eq!(there.make_dir(b"/d/x", 0o755).map(drop), Err(Errno::EROFS));
    assert_eq!(walk.make_dir(b"/d/x", 0o755).map(drop), Ok(()));
}

#[test]
fn a_deep_tree_goes_without_recursion() {
    let (caller, _) = caller(0);
    let fs = context();
    let mut walk = Walk::new(&caller, &fs);
    for _ in 0..50_000 {
        let place = walk.make_dir(b"d", 0o755).expect("made");
        walk = walk.from(place);
    }
    let deep = walk.base().clone();
    assert_eq!(deep.path(walk.root()).len(), 100_000);
}

#[test]
fn what_may_be_found_anew_is_counted() {
    let (caller, _) = caller(0);
    let fs = context();
    let changes: &'static AtomicU64 = Box::leak(Box::default());
    fs.vfs().count_changes(changes);
    let walk = Walk::new(&caller, &fs);
    setup(&walk);
    let counts = |what: &str, change: &dyn Fn()| {
        let before = changes.load(SeqCst);
        change();
        assert!(changes.load(SeqCst) > before, "{what}");
    };
    let find = |path: &[u8]| walk.find(path, false).expect("there");
    let how = RenameFlags::empty();
    counts("mkdir", &|| drop(walk.make_dir(b"/new", 0o755).expect("made")));
    counts("rename", &|| walk.rename(b"/new", &walk, b"/newer", how).expect("renamed"));
    counts("rmdir", &|| walk.rmdir(b"/newer").expect("removed"));
    counts("unlink", &|| walk.unlink(b"/a/file").expect("removed"));
    counts("chmod", &|| find(b"/a").set_mode(&caller, 0o700).expect("changed"));
    counts("chroot", &|| fs.set_root(find(b"/a")));
    let before = changes.load(SeqCst);
    assert!(walk.find(b"/none", true).is_err() && walk.is_steady());
    assert!(walk.find(b"/a/b", true).is_ok() && walk.is_steady());
    assert_eq!(changes.load(SeqCst), before);
}
