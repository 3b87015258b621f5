use super::Overlay;
use crate::testing::{Guest, TempDir, errno};
use crate::tmpfs::{Tmpfs, TmpfsOptions};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::fs;
use std::os::unix::fs::MetadataExt;
use vfs::RenameFlags;

fn guest(dir: &TempDir) -> Guest {
    let upper = Tmpfs::new(TmpfsOptions::default());
    Guest::new(Overlay::new(vec![dir.fs(true)], upper).expect("overlay"))
}

#[test]
fn writing_copies_up_and_spares_the_lower_file() {
    let dir = TempDir::new("ovl-write");
    dir.put("a/b/f", b"lower");
    let guest = guest(&dir);
    let before = guest.stat("/a/b/f").expect("stat");
    let host = fs::metadata(dir.0.join("a/b/f")).expect("host");
    assert_eq!(before.ino, host.ino());
    let dir_time = guest.stat("/a/b").expect("stat").mtime;
    let old = guest.open("/a/b/f", OpenFlags::empty()).expect("open");
    let file = guest.open("/a/b/f", OpenFlags::RDWR).expect("open");
    guest.append(&file, b"UP").expect("write");
    assert_eq!(guest.read("/a/b/f").expect("read"), b"UPwer");
    assert_eq!(guest.read_file(&old).expect("read"), b"lower", "opened before");
    assert_eq!(fs::read(dir.0.join("a/b/f")).expect("host"), b"lower");
    let after = guest.stat("/a/b/f").expect("stat");
    assert_eq!((after.ino, after.dev, after.uid, after.mode), (before.ino, before.dev, before.uid, before.mode));
    assert_eq!(guest.stat("/a/b").expect("stat").mtime, dir_time);
    let entries = guest.entries("/a/b").expect("list");
    assert!(entries.contains(&("f".to_owned(), before.ino)));
}

#[test]
fn truncation_copies_no_data_and_large_files_copy_whole() {
    let dir = TempDir::new("ovl-large");
    let big: Vec<u8> = (0..5 << 20).map(|i| (i / 3) as u8).collect();
    dir.put("big", &big);
    dir.put("other", &big);
    let guest = guest(&dir);
    guest.write("/other", b"new").expect("write");
    assert_eq!(guest.read("/other").expect("read"), b"new");
    let file = guest.open("/big", OpenFlags::WRONLY | OpenFlags::APPEND).expect("open");
    guest.append(&file, b"end").expect("write");
    let bytes = guest.read("/big").expect("read");
    assert_eq!(bytes.len(), big.len() + 3);
    assert_eq!(&bytes[..big.len()], &big[..]);
}

#[test]
fn removed_names_stay_removed() {
    let dir = TempDir::new("ovl-remove");
    dir.put("d/x", b"x");
    dir.put("d/y", b"y");
    let guest = guest(&dir);
    let held = guest.open("/d/x", OpenFlags::empty()).expect("open");
    guest.unlink("/d/x").expect("unlink");
    assert_eq!(held.inode().expect("inode").attr().expect("attr").nlink, 0);
    assert_eq!(guest.stat("/d/x").err(), Some(Errno::ENOENT));
    assert_eq!(guest.names("/d"), Ok(vec!["y".to_owned()]));
    assert_eq!(guest.rmdir("/d"), Err(Errno::ENOTEMPTY));
    guest.write("/d/x", b"again").expect("write");
    assert_eq!(guest.read("/d/x").expect("read"), b"again");
    guest.unlink("/d/x").expect("unlink");
    guest.unlink("/d/y").expect("unlink");
    guest.rmdir("/d").expect("only whiteouts left");
    assert_eq!(guest.names("/"), Ok(vec![]));
    guest.mkdir("/d").expect("mkdir");
    assert_eq!(guest.names("/d"), Ok(vec![]), "what was below stays hidden");
    assert_eq!(guest.stat("/d/y").err(), Some(Errno::ENOENT));
    assert!(dir.0.join("d/x").exists());
}

#[test]
fn changing_a_file_that_was_removed() {
    let dir = TempDir::new("ovl-gone");
    dir.put("f", b"data");
    let guest = guest(&dir);
    let place = guest.walk().find(b"/f", true).expect("find");
    guest.unlink("/f").expect("unlink");
    place.set_mode(&guest.caller, 0o600).expect("chmod of what has no name");
    assert_eq!(guest.stat("/f").err(), Some(Errno::ENOENT));
    let attr = place.attr().expect("attr");
    assert_eq!((attr.mode, attr.nlink), (0o600, 0));
}

#[test]
fn renames_across_layers() {
    let dir = TempDir::new("ovl-rename");
    dir.put("f", b"f");
    dir.put("g", b"g");
    dir.put("d/inside", b"i");
    let guest = guest(&dir);
    let ino = guest.stat("/f").expect("stat").ino;
    guest.rename("/f", "/new", RenameFlags::empty()).expect("rename");
    assert_eq!(guest.stat("/f").err(), Some(Errno::ENOENT));
    assert_eq!(guest.stat("/new").expect("stat").ino, ino);
    guest.rename("/new", "/g", RenameFlags::empty()).expect("over a lower file");
    assert_eq!(guest.read("/g").expect("read"), b"f");
    assert_eq!(guest.rename("/d", "/e", RenameFlags::empty()), Err(Errno::EXDEV));
    guest.mkdir("/u").expect("mkdir");
    guest.write("/u/file", b"u").expect("write");
    assert_eq!(guest.rename("/u", "/d", RenameFlags::empty()), Err(Errno::ENOTEMPTY));
    guest.unlink("/d/inside").expect("unlink");
    guest.rename("/u", "/d", RenameFlags::empty()).expect("over an emptied lower directory");
    assert_eq!(guest.names("/d"), Ok(vec!["file".to_owned()]));
    guest.rename("/d/file", "/g", RenameFlags::EXCHANGE).expect("swap");
    assert_eq!(guest.read("/d/file").expect("read"), b"f");
    assert_eq!(guest.names("/"), Ok(vec!["d".to_owned(), "g".to_owned()]));
}

#[test]
fn merged_directories_list_each_name_once() {
    let dir = TempDir::new("ovl-merge");
    for name in ["d/a", "d/b", "d/c"] {
        dir.put(name, b"1");
    }
    let guest = guest(&dir);
    guest.write("/d/b", b"changed").expect("write");
    guest.write("/d/z", b"new").expect("write");
    guest.unlink("/d/c").expect("unlink");
    assert_eq!(guest.names("/d"), Ok(vec!["a".to_owned(), "b".to_owned(), "z".to_owned()]));
    for (name, ino) in guest.entries("/d").expect("list") {
        if name.len() == 1 && name != "." {
            assert_eq!(guest.stat(&format!("/d/{name}")).expect("stat").ino, ino, "{name}");
        }
    }
    let open = guest.open("/d", OpenFlags::DIRECTORY).expect("open");
    guest.write("/d/later", b"").expect("write");
    let mut names = crate::testing::Names::default();
    errno(open.read_dir(&guest.caller, &mut names)).expect("read");
    assert_eq!(names.0.len(), 6);
}

#[test]
fn a_directory_that_gets_its_first_name_while_open() {
    let dir = TempDir::new("ovl-first");
    dir.put("d/a", b"");
    let guest = guest(&dir);
    let open = guest.open("/d", OpenFlags::DIRECTORY).expect("open");
    let list = || {
        let mut names = crate::testing::Names::default();
        errno(open.read_dir(&guest.caller, &mut names)).expect("read");
        names.0.len()
    };
    assert_eq!(list(), 3);
    guest.write("/d/b", b"").expect("write");
    open.seek(&guest.caller, 0, 0).expect("rewind");
    assert_eq!(list(), 4);
}

#[test]
fn hard_links_part() {
    let dir = TempDir::new("ovl-links");
    dir.put("one", b"same");
    fs::hard_link(dir.0.join("one"), dir.0.join("two")).expect("link");
    let guest = guest(&dir);
    guest.write("/one", b"changed").expect("write");
    assert_eq!(guest.read("/two").expect("read"), b"same");
    guest.link("/two", "/three").expect("link");
    let (two, three) = (guest.stat("/two").expect("stat"), guest.stat("/three").expect("stat"));
    assert_eq!((two.ino, two.nlink), (three.ino, 2));
    guest.write("/three", b"both").expect("write");
    assert_eq!(guest.read("/two").expect("read"), b"both");
}

#[test]
fn new_nodes_live_above() {
    let dir = TempDir::new("ovl-nodes");
    dir.put("keep", b"");
    let guest = guest(&dir);
    guest.walk().make_node(b"/fifo", FileType::Fifo, 0o644, 0).expect("mknod");
    guest.walk().make_symlink(b"/link", b"keep").expect("symlink");
    assert_eq!(guest.stat("/fifo").expect("stat").kind, FileType::Fifo);
    assert_eq!(guest.read("/link").expect("read"), b"");
    let flags = OpenFlags::RDWR | OpenFlags::TMPFILE | OpenFlags::DIRECTORY;
    let file = guest.open("/", flags).expect("open");
    guest.append(&file, b"x").expect("write");
    guest.walk().make_link(file.place(), b"/named").expect("link");
    assert_eq!(guest.read("/named").expect("read"), b"x");
    assert_eq!(fs::read_dir(&dir.0).expect("host").count(), 1);
}

#[test]
fn two_lower_trees() {
    let (top, base) = (TempDir::new("ovl-top"), TempDir::new("ovl-base"));
    top.put("d/a", b"top");
    base.put("d/a", b"base");
    base.put("d/b", b"base");
    let upper = Tmpfs::new(TmpfsOptions::default());
    let guest = Guest::new(Overlay::new(vec![top.fs(true), base.fs(true)], upper).expect("overlay"));
    assert_eq!(guest.read("/d/a").expect("read"), b"top");
    assert_eq!(guest.read("/d/b").expect("read"), b"base");
    assert_eq!(guest.names("/d"), Ok(vec!["a".to_owned(), "b".to_owned()]));
    guest.unlink("/d/a").expect("unlink");
    assert_eq!(guest.stat("/d/a").err(), Some(Errno::ENOENT));
}
