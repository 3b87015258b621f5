use super::Inherited;
use crate::testing::{Few, Guest, Names, TempDir, errno};
use abi::Errno;
use abi::fs::{FileType, OpenFlags};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::Arc;
use vfs::{RenameFlags, SetTime, XattrSet};

#[test]
fn an_image_is_read() {
    let dir = TempDir::new("image");
    dir.put("etc/passwd", b"root");
    symlink("etc/passwd", dir.0.join("link")).expect("symlink");
    let guest = Guest::new(dir.fs(true));
    assert_eq!(guest.read("/etc/passwd").expect("read"), b"root");
    assert_eq!(guest.read("/link").expect("through a link"), b"root");
    assert_eq!(guest.stat("/link").expect("stat").kind, FileType::Symlink);
    let host = fs::metadata(dir.0.join("etc/passwd")).expect("host");
    let attr = guest.stat("/etc/passwd").expect("stat");
    assert_eq!((attr.ino, attr.size, attr.uid), (host.ino(), 4, host.uid()));
    assert_eq!(attr.dev, guest.stat("/").expect("stat").dev);
    assert_eq!(guest.names("/"), Ok(vec!["etc".to_owned(), "link".to_owned()]));
    assert_eq!(guest.open("/new", OpenFlags::WRONLY | OpenFlags::CREAT).err(), Some(Errno::EROFS));
    assert_eq!(guest.open("/etc/passwd", OpenFlags::RDWR).err(), Some(Errno::EROFS));
    assert_eq!(guest.read("/etc/none").err(), Some(Errno::ENOENT));
    assert_eq!(guest.read("/etc/passwd/x").err(), Some(Errno::ENOTDIR));
}

#[test]
fn host_links_lead_nowhere() {
    let dir = TempDir::new("links");
    let outside = TempDir::new("outside");
    outside.put("secret", b"s");
    symlink(outside.0.join("secret"), dir.0.join("out")).expect("symlink");
    let guest = Guest::new(dir.fs(false));
    assert_eq!(guest.read("/out").err(), Some(Errno::ENOENT), "the guest's own root has no such path");
    // A file that is swapped for a link between lookup and opening.
    dir.put("file", b"f");
    let place = guest.walk().find(b"/file", true).expect("find");
    fs::remove_file(dir.0.join("file")).expect("remove");
    symlink(outside.0.join("secret"), dir.0.join("file")).expect("symlink");
    let opened = errno(place.inode().expect("inode").clone().open(&guest.caller, OpenFlags::empty()));
    assert_eq!(opened.err(), Some(Errno::ELOOP));
}

#[test]
fn changes_are_written_through() {
    let dir = TempDir::new("writes");
    let guest = Guest::new(dir.fs(false));
    guest.write("/a", b"1234").expect("write");
    assert_eq!(fs::read(dir.0.join("a")).expect("host"), b"1234");
    guest.mkdir("/d").expect("mkdir");
    guest.rename("/a", "/d/b", RenameFlags::empty()).expect("rename");
    assert_eq!(guest.read("/d/b").expect("read"), b"1234");
    assert_eq!(guest.rmdir("/d"), Err(Errno::ENOTEMPTY));
    guest.link("/d/b", "/c").expect("link");
    assert_eq!(guest.stat("/c").expect("stat").nlink, 2);
    let place = guest.walk().find(b"/c", true).expect("find");
    place.set_mode(&guest.caller, 0o600).expect("chmod");
    place.set_times(&guest.caller, None, Some(SetTime::At(abi::time::Timespec { sec: 7, nsec: 0 }))).expect("utime");
    place.truncate(&guest.caller, 2).expect("truncate");
    let host = fs::metadata(dir.0.join("c")).expect("host");
    assert_eq!((host.mode() & 0o7777, host.size()), (0o600, 2));
    assert_eq!(guest.read("/d/b").expect("read"), b"12");
    let file = guest.open("/c", OpenFlags::WRONLY | OpenFlags::APPEND).expect("open");
    assert_eq!(guest.append(&file, b"zz"), Ok(2));
    assert_eq!(file.offset(), 4);
    guest.walk().make_symlink(b"/s", b"somewhere").expect("symlink");
    assert_eq!(fs::read_link(dir.0.join("s")).expect("host").to_str(), Some("somewhere"));
}

#[test]
fn a_removed_file_lives_on_while_it_is_open() {
    let dir = TempDir::new("removed");
    let guest = Guest::new(dir.fs(false));
    guest.write("/a", b"data").expect("write");
    let file = guest.open("/a", OpenFlags::RDWR).expect("open");
    let reference = guest.open("/a", OpenFlags::PATH).expect("open");
    guest.unlink("/a").expect("unlink");
    guest.write("/a", b"other").expect("a new one");
    assert_eq!(guest.read_file(&file).expect("read"), b"data");
    assert_eq!(file.inode().expect("inode").attr().expect("attr").nlink, 0);
    file.truncate(&guest.caller, 1).expect("truncate");
    drop(file);
    assert_eq!(reference.inode().expect("inode").attr().expect("attr").size, 1);
    assert_eq!(guest.stat("/a").expect("stat").size, 5);
}

#[test]
fn what_others_change_is_seen() {
    let dir = TempDir::new("shared");
    dir.put("d/a", b"1");
    let guest = Guest::new(dir.fs(false));
    assert_eq!(guest.read("/d/a").expect("read"), b"1");
    dir.put("d/b", b"2");
    fs::remove_file(dir.0.join("d/a")).expect("remove");
    assert_eq!(guest.read("/d/a").err(), Some(Errno::ENOENT));
    assert_eq!(guest.names("/d"), Ok(vec!["b".to_owned()]));
    fs::rename(dir.0.join("d"), dir.0.join("e")).expect("rename");
    assert_eq!(guest.read("/e/b").expect("read"), b"2");
}

#[test]
fn many_directories_share_few_descriptors() {
    let dir = TempDir::new("many");
    let count = 3000;
    for i in 0..count {
        dir.put(&format!("d{i}/f"), b"x");
    }
    let guest = Guest::new(dir.fs(true));
    for _ in 0..2 {
        for i in 0..count {
            assert_eq!(guest.stat(&format!("/d{i}/f")).expect("stat").size, 1);
        }
    }
    let own = TempDir::new("many-deep");
    let mut path = "x/".repeat(300);
    path.push('f');
    own.put(&path, b"deep");
    let deep = Guest::new(own.fs(true));
    assert_eq!(deep.read(&format!("/{path}")).expect("read"), b"deep");
    let open = fs::read_dir("/proc/self/fd").expect("proc").count();
    assert!(open < 2600, "{open} descriptors");
}

#[test]
fn files_of_an_image_share_few_descriptors() {
    let dir = TempDir::new("files");
    let count = 3000;
    for i in 0..count {
        dir.put(&format!("f{i}"), format!("{i}").as_bytes());
    }
    let open = || fs::read_dir("/proc/self/fd").expect("proc").count();
    let guest = Guest::new(dir.fs(true));
    let first = guest.open("/f0", OpenFlags::empty()).expect("open");
    let before = open();
    let again: Vec<_> = (0..500).map(|_| guest.open("/f0", OpenFlags::empty()).expect("open")).collect();
    // Other tests run beside this one.
    assert!(open() < before + 250, "{} descriptors more", open() - before);
    drop(again);
    for round in 0..2 {
        for i in 0..count {
            assert_eq!(guest.read(&format!("/f{i}")).expect("read"), format!("{i}").as_bytes(), "round {round}");
        }
    }
    assert!(open() < 2600, "{} descriptors", open());
    assert_eq!(guest.read_file(&first).expect("read"), b"0");
}

#[test]
fn an_image_is_what_it_was_when_it_was_first_seen() {
    let dir = TempDir::new("image");
    dir.put("d/a", b"old");
    dir.put("d/b", b"12345678");
    std::os::unix::fs::symlink("d/a", dir.0.join("link")).expect("link");
    let guest = Guest::new(dir.fs(true));
    assert_eq!(guest.read("/link").expect("read"), b"old");
    assert_eq!(guest.read("/d/b").expect("read"), b"12345678");
    assert_eq!(guest.names("/d"), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(guest.stat("/d/c").err(), Some(Errno::ENOENT));
    fs::rename(dir.0.join("d/a"), dir.0.join("d/c")).expect("rename");
    fs::remove_file(dir.0.join("link")).expect("remove");
    dir.put("d/a", b"another");
    fs::write(dir.0.join("d/b"), "1").expect("truncate");
    assert_eq!(guest.read("/link").expect("read"), b"old");
    assert_eq!(guest.names("/d"), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(guest.stat("/d/c").err(), Some(Errno::ENOENT));
    // Data are the file's own, whatever its size was.
    assert_eq!(guest.read("/d/b").expect("read"), b"1");
}

#[test]
fn directories_are_read_in_parts() {
    let dir = TempDir::new("parts");
    for i in 0..50 {
        dir.put(&format!("f{i}"), b"");
    }
    for read_only in [false, true] {
        read_in_parts(&Guest::new(dir.fs(read_only)));
    }
}

fn read_in_parts(guest: &Guest) {
    let file = guest.open("/", OpenFlags::DIRECTORY).expect("open");
    let mut seen = std::collections::BTreeSet::new();
    loop {
        let mut few = Few(Names::default(), 7);
        errno(file.read_dir(&guest.caller, &mut few)).expect("read");
        if few.0.0.is_empty() {
            break;
        }
        for (name, _) in few.0.0 {
            assert!(seen.insert(name.clone()), "{name} twice");
        }
    }
    assert_eq!(seen.len(), 52);
}

#[test]
fn unnamed_files_and_attributes() {
    let dir = TempDir::new("unnamed");
    let guest = Guest::new(dir.fs(false));
    let file = guest.open("/", OpenFlags::RDWR | OpenFlags::TMPFILE | OpenFlags::DIRECTORY).expect("open");
    guest.append(&file, b"x").expect("write");
    guest.walk().make_link(file.place(), b"/named").expect("link");
    assert_eq!(guest.read("/named").expect("read"), b"x");
    let inode = guest.walk().find(b"/named", true).expect("find").inode().expect("inode").clone();
    match inode.set_xattr(&guest.caller, b"user.k", b"v", XattrSet::Create) {
        Err(Errno::EOPNOTSUPP) => return,
        other => other.expect("set"),
    }
    assert_eq!(inode.xattr(&guest.caller, b"user.k"), Ok(b"v".to_vec()));
    assert_eq!(inode.list_xattrs(&guest.caller), Ok(b"user.k\0".to_vec()));
}

#[test]
fn special_files_show_but_are_never_opened() {
    let dir = TempDir::new("special");
    let guest = Guest::new(dir.fs(false));
    guest.walk().make_node(b"/fifo", FileType::Fifo, 0o644, 0).expect("mknod");
    assert_eq!(guest.stat("/fifo").expect("stat").kind, FileType::Fifo);
    let file = guest.open("/fifo", OpenFlags::RDWR | OpenFlags::NONBLOCK).expect("a FIFO of the guest");
    assert_eq!(guest.append(&file, b"x"), Ok(1));
}

#[test]
fn inherited_pipes_and_files() {
    let dir = TempDir::new("inherited");
    let guest = Guest::new(dir.fs(false));
    let (reader, writer) = std::io::pipe().expect("pipe");
    let (input, output) =
        (Inherited::open(reader.into()).expect("open"), Inherited::open(writer.into()).expect("open"));
    assert_eq!(guest.append(&output, b"hi"), Ok(2));
    assert_eq!(guest.read_file(&input).expect("read"), b"hi");
    let nonblock = errno(input.read(&guest.caller, &mut mm::VecSink::new(1), OpenFlags::NONBLOCK));
    assert_eq!(nonblock, Err(Errno::EAGAIN));
    let late = std::thread::spawn({
        let (caller, output) = (guest.caller.clone(), output.clone());
        move || {
            std::thread::sleep(std::time::Duration::from_millis(30));
            let _ = output.write(&caller, &mut mm::SliceSource::new(b"late"), OpenFlags::empty());
        }
    });
    assert_eq!(guest.read_file(&input).expect("waits"), b"late");
    late.join().expect("writer");
    drop(output);
    assert_eq!(guest.read_file(&input).expect("end"), b"");

    dir.put("log", b"first\n");
    let file = fs::OpenOptions::new().append(true).open(dir.0.join("log")).expect("open");
    let log = Inherited::open(file.into()).expect("open");
    guest.append(&log, b"second\n").expect("write");
    assert_eq!(fs::read(dir.0.join("log")).expect("host"), b"first\nsecond\n");
    assert_eq!(log.inode().expect("inode").attr().expect("attr").size, 13);
    let mut file = fs::File::open(dir.0.join("log")).expect("open");
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(6)).expect("seek");
    let log = Inherited::open(file.into()).expect("open");
    assert_eq!(guest.read_file(&log).expect("from the shared position"), b"second\n");
    assert_eq!(log.seek(&guest.caller, 0, 0), Ok(0));
    assert_eq!(guest.read_file(&log).expect("read").len(), 13);
    let _: Arc<_> = log;
}
