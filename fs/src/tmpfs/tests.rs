use super::{Tmpfs, TmpfsOptions};
use crate::testing::{Few, Guest, Names, errno};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::sync::Arc;
use vfs::{Filesystem, RenameFlags, XattrSet};

fn guest(options: &str) -> (Guest, Arc<Tmpfs>) {
    let fs = Tmpfs::new(TmpfsOptions::parse(options.as_bytes()).expect("options"));
    (Guest::new(fs.clone()), fs)
}

#[test]
fn files_hold_what_was_written() {
    let (guest, fs) = guest("size=8m");
    guest.write("/a", b"hello").expect("write");
    assert_eq!(guest.read("/a").expect("read"), b"hello");
    let file = guest.open("/a", OpenFlags::RDWR).expect("open");
    assert_eq!(guest.append(&file, b"J"), Ok(1));
    assert_eq!(guest.read("/a").expect("read"), b"Jello");
    let appender = guest.open("/a", OpenFlags::WRONLY | OpenFlags::APPEND).expect("open");
    assert_eq!(guest.append(&appender, b" world"), Ok(6));
    assert_eq!(guest.read("/a").expect("read"), b"Jello world");
    let attr = guest.stat("/a").expect("stat");
    assert_eq!((attr.size, attr.blocks, attr.mode, attr.nlink), (11, 8, 0o644, 1));
    guest.unlink("/a").expect("unlink");
    drop((file, appender));
    let stat = fs.statfs().expect("statfs");
    assert_eq!(stat.bfree, stat.blocks, "all pages came back");
}

#[test]
fn large_files_move_to_the_host() {
    let (guest, fs) = guest("size=8m");
    let pattern: Vec<u8> = (0..3 << 20).map(|i| (i / 7) as u8).collect();
    guest.write("/big", &pattern).expect("write");
    assert_eq!(guest.read("/big").expect("read"), pattern);
    assert_eq!(guest.stat("/big").expect("stat").blocks, (3 << 20) / 512);
    let file = guest.open("/big", OpenFlags::RDWR).expect("open");
    let space = guest.append(&file, &vec![1; 6 << 20]);
    assert_eq!(space, Ok(6 << 20), "within the limit");
    file.seek(&guest.caller, 2, 0).expect("seek");
    assert_eq!(guest.append(&file, &vec![1; 6 << 20]), Ok(2 << 20), "what is left");
    assert_eq!(guest.append(&file, b"x"), Err(Errno::ENOSPC));
    file.truncate(&guest.caller, 10).expect("truncate");
    let stat = fs.statfs().expect("statfs");
    assert_eq!(stat.blocks - stat.bfree, 1);
}

#[test]
fn space_ends_for_small_files_too() {
    let (guest, _) = guest("size=8k,nr_inodes=4");
    guest.write("/a", &[1; 8192]).expect("write");
    let file = guest.open("/b", OpenFlags::WRONLY | OpenFlags::CREAT).expect("open");
    assert_eq!(guest.append(&file, b"x"), Err(Errno::ENOSPC));
    guest.mkdir("/c").expect("the fourth inode");
    assert_eq!(guest.mkdir("/d"), Err(Errno::ENOSPC));
    assert_eq!(guest.link("/a", "/d"), Err(Errno::ENOSPC));
    guest.rmdir("/c").expect("rmdir");
    guest.link("/a", "/d").expect("link");
}

#[test]
fn holes_are_found_and_made() {
    let (guest, _) = guest("size=8m");
    for size in [64 << 10, 4 << 20] {
        let file = guest.open("/f", OpenFlags::RDWR | OpenFlags::CREAT | OpenFlags::TRUNC).expect("open");
        let page = 4096;
        guest.append(&file, &vec![7; size as usize]).expect("write");
        errno(file.allocate(&guest.caller, 3, page, 2 * page)).expect("punch");
        let seek = |whence, at| file.seek(&guest.caller, whence, at);
        assert_eq!(seek(4, 0), Ok(page));
        assert_eq!(seek(3, page as i64), Ok(3 * page));
        assert_eq!(seek(4, 3 * page as i64), Ok(size));
        assert_eq!(seek(3, size as i64), Err(Errno::ENXIO));
        seek(0, 0).expect("seek");
        let bytes = guest.read_file(&file).expect("read");
        assert_eq!(&bytes[page as usize - 1..=page as usize], &[7, 0]);
        assert_eq!(errno(file.allocate(&guest.caller, 16, 0, page)), Err(Errno::EOPNOTSUPP));
        errno(file.allocate(&guest.caller, 0, size, page)).expect("allocate");
        assert_eq!(guest.stat("/f").expect("stat").size, size + page);
        // What a shrunk file shows when it grows again.
        file.truncate(&guest.caller, 100).expect("truncate");
        file.truncate(&guest.caller, 200).expect("truncate");
        seek(0, 0).expect("seek");
        assert_eq!(guest.read_file(&file).expect("read")[99..102], [7, 0, 0]);
    }
}

#[test]
fn mapped_files_are_memory_files() {
    let (guest, _) = guest("");
    guest.write("/f", b"shared").expect("write");
    let file = guest.open("/f", OpenFlags::RDWR).expect("open");
    let backing = file.ops.backing(&file.io(&guest.caller, OpenFlags::empty())).expect("backing");
    assert!(backing.is_writable());
    assert_eq!(backing.name(), b"/f");
    let range = backing.host_range(0).expect("range");
    let flags = ::host::file::Stream::new(range.fd.try_clone().expect("dup")).expect("stream").flags();
    assert_eq!(flags & 3, 2);
    guest.append(&file, b"SH").expect("write");
    let mut buf = [0; 6];
    assert_eq!(::host::file::pread(std::os::fd::AsFd::as_fd(&*range.fd), &mut buf, 0), Ok(6));
    assert_eq!(&buf, b"SHared");
    let reader = guest.open("/f", OpenFlags::empty()).expect("open");
    let backing = reader.ops.backing(&reader.io(&guest.caller, OpenFlags::empty())).expect("backing");
    let range = backing.host_range(0).expect("range");
    let flags = ::host::file::Stream::new(range.fd.try_clone().expect("dup")).expect("stream").flags();
    assert_eq!(flags & 3, 0, "readers get no descriptor that can write");
}

#[test]
fn directories_count_and_empty() {
    let (guest, _) = guest("");
    guest.mkdir("/d").expect("mkdir");
    guest.mkdir("/d/e").expect("mkdir");
    assert_eq!(guest.stat("/d").expect("stat").nlink, 3);
    assert_eq!(guest.rmdir("/d"), Err(Errno::ENOTEMPTY));
    guest.rename("/d/e", "/e", RenameFlags::empty()).expect("rename");
    assert_eq!(guest.stat("/d").expect("stat").nlink, 2);
    assert_eq!(guest.entries("/e").expect("list")[1].1, guest.stat("/").expect("stat").ino);
    guest.rename("/e", "/d", RenameFlags::empty()).expect("over an empty directory");
    assert_eq!(guest.names("/"), Ok(vec!["d".to_owned()]));
    assert_eq!(guest.stat("/").expect("stat").nlink, 3);
    guest.rmdir("/d").expect("rmdir");
    assert_eq!(guest.stat("/").expect("stat").nlink, 2);
}

#[test]
fn renames_replace_swap_and_leave() {
    let (guest, _) = guest("");
    guest.write("/a", b"a").expect("write");
    guest.write("/b", b"b").expect("write");
    guest.mkdir("/d").expect("mkdir");
    assert_eq!(guest.rename("/a", "/b", RenameFlags::NOREPLACE), Err(Errno::EEXIST));
    assert_eq!(guest.rename("/a", "/d", RenameFlags::empty()), Err(Errno::EISDIR));
    assert_eq!(guest.rename("/d", "/a", RenameFlags::empty()), Err(Errno::ENOTDIR));
    assert_eq!(guest.rename("/d", "/d/x", RenameFlags::empty()), Err(Errno::EINVAL));
    guest.rename("/a", "/d", RenameFlags::EXCHANGE).expect("swap");
    assert_eq!(guest.read("/d").expect("read"), b"a");
    assert_eq!(guest.stat("/a").expect("stat").kind, FileType::Directory);
    guest.rename("/d", "/b", RenameFlags::WHITEOUT).expect("rename");
    assert_eq!(guest.read("/b").expect("read"), b"a");
    let left = guest.stat("/d").expect("stat");
    assert_eq!((left.kind, left.rdev), (FileType::CharDevice, 0));
    guest.link("/b", "/c").expect("link");
    assert_eq!(guest.stat("/b").expect("stat").nlink, 2);
    guest.rename("/b", "/c", RenameFlags::empty()).expect("same object: nothing happens");
    assert_eq!(guest.stat("/b").expect("stat").ino, guest.stat("/c").expect("stat").ino);
}

#[test]
fn cookies_stay_while_names_come_and_go() {
    let (guest, _) = guest("");
    for i in 0..10 {
        guest.write(&format!("/f{i}"), b"").expect("write");
    }
    let dir = guest.open("/", OpenFlags::DIRECTORY).expect("open");
    let mut seen = Vec::new();
    loop {
        let mut few = Few(Names::default(), 3);
        errno(dir.read_dir(&guest.caller, &mut few)).expect("read");
        if few.0.0.is_empty() {
            break;
        }
        for (name, _) in few.0.0 {
            if let Some(number) = name.strip_prefix('f') {
                guest.rename(&format!("/{name}"), &format!("/new{number}"), RenameFlags::empty()).expect("rename");
            }
            seen.push(name);
        }
    }
    assert_eq!(seen.len(), 12, "each old name once, no new one: {seen:?}");
}

#[test]
fn unnamed_files_get_names_later() {
    let (guest, _) = guest("");
    let flags = OpenFlags::RDWR | OpenFlags::TMPFILE | OpenFlags::DIRECTORY;
    let file = guest.open("/", flags).expect("open");
    guest.append(&file, b"x").expect("write");
    assert_eq!(file.inode().expect("inode").attr().expect("attr").nlink, 0);
    guest.walk().make_link(file.place(), b"/named").expect("link");
    assert_eq!(guest.stat("/named").expect("stat").nlink, 1);
    assert_eq!(guest.read("/named").expect("read"), b"x");
}

#[test]
fn attributes_are_kept_and_counted() {
    let (guest, fs) = guest("nr_inodes=8");
    guest.write("/f", b"").expect("write");
    let inode = guest.walk().find(b"/f", true).expect("find").inode().expect("inode").clone();
    let caller = &guest.caller;
    inode.set_xattr(caller, b"user.a", b"1", XattrSet::Create).expect("set");
    assert_eq!(inode.set_xattr(caller, b"user.a", b"1", XattrSet::Create), Err(Errno::EEXIST));
    assert_eq!(inode.set_xattr(caller, b"user.b", b"1", XattrSet::Replace), Err(Errno::ENODATA));
    assert_eq!(inode.set_xattr(caller, b"system.x", b"1", XattrSet::Any), Err(Errno::EOPNOTSUPP));
    assert_eq!(inode.xattr(caller, b"user.a"), Ok(b"1".to_vec()));
    assert_eq!(inode.list_xattrs(caller), Ok(b"user.a\0".to_vec()));
    assert_eq!(inode.set_xattr(caller, b"user.b", &vec![0; 60_000], XattrSet::Any), Err(Errno::ENOSPC));
    inode.remove_xattr(caller, b"user.a").expect("remove");
    assert_eq!(inode.xattr(caller, b"user.a"), Err(Errno::ENODATA));
    let stat = fs.statfs().expect("statfs");
    assert_eq!(stat.files - stat.ffree, 2);
}

#[test]
fn a_removed_directory_goes_though_names_in_it_were_looked_for() {
    let (guest, fs) = guest("size=8m");
    let before = fs.statfs().expect("statfs").ffree;
    for _ in 0..2 {
        guest.mkdir("/d").expect("mkdir");
        guest.write("/d/f", b"x").expect("write");
        guest.unlink("/d/f").expect("unlink");
        assert_eq!(guest.stat("/d/f").err(), Some(Errno::ENOENT));
        assert_eq!(guest.stat("/d/none").err(), Some(Errno::ENOENT));
        guest.mkdir("/e").expect("mkdir");
        guest.rename("/e", "/d", RenameFlags::empty()).expect("replaces the empty one");
        assert_eq!(guest.stat("/d/none").err(), Some(Errno::ENOENT));
        guest.rmdir("/d").expect("rmdir");
        assert_eq!(fs.statfs().expect("statfs").ffree, before);
    }
}

#[test]
fn deep_trees_go_without_recursion() {
    let (guest, fs) = guest("");
    let mut place = guest.walk().find(b"/", true).expect("root");
    for _ in 0..20_000 {
        place = guest.walk().from(place).make_dir(b"d", 0o755).expect("mkdir");
    }
    drop(place);
    let budget = Arc::downgrade(&fs);
    drop((guest, fs));
    assert!(budget.upgrade().is_none(), "nothing keeps an unmounted filesystem");
}
