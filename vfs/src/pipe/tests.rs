//! Pipes between threads.

use super::*;
use crate::test_fs::caller;
use mm::{SliceSource, VecSink};
use std::sync::atomic::Ordering::SeqCst;

fn write(file: &Arc<OpenFile>, caller: &Caller, bytes: &[u8]) -> Result<usize, Fail> {
    file.write(caller, &mut SliceSource::new(bytes), OpenFlags::empty())
}

fn read(file: &Arc<OpenFile>, caller: &Caller, max: usize) -> Result<Vec<u8>, Fail> {
    let mut sink = VecSink::new(max);
    file.read(caller, &mut sink, OpenFlags::empty()).map(|_| sink.bytes)
}

#[test]
fn bytes_come_in_order_and_end() {
    let (caller, _) = caller(0);
    let (reader, writer) = pipe(&caller, OpenFlags::NONBLOCK);
    assert_eq!(read(&reader, &caller, 10), Err(Fail::Errno(Errno::EAGAIN)));
    assert_eq!(write(&writer, &caller, b"hello world"), Ok(11));
    assert_eq!(read(&reader, &caller, 5).as_deref(), Ok(&b"hello"[..]));
    assert_eq!(reader.ops.readiness(), Events::IN | Events::RDNORM);
    drop(writer);
    assert_eq!(read(&reader, &caller, 100).as_deref(), Ok(&b" world"[..]));
    assert_eq!(reader.ops.readiness(), Events::HUP);
    assert_eq!(read(&reader, &caller, 100).as_deref(), Ok(&b""[..]));
}

#[test]
fn a_small_write_is_whole_and_a_full_pipe_says_so() {
    let (caller, process) = caller(0);
    let (reader, writer) = pipe(&caller, OpenFlags::NONBLOCK);
    assert_eq!(write(&writer, &caller, &vec![1; 65536 - 100]), Ok(65436));
    assert_eq!(write(&writer, &caller, &[2; 101]), Err(Fail::Errno(Errno::EAGAIN)));
    assert_eq!(write(&writer, &caller, &[2; 100]), Ok(100));
    assert!(!writer.ops.readiness().contains(Events::OUT));
    assert_eq!(read(&reader, &caller, 4096).map(|bytes| bytes.len()), Ok(4096));
    assert!(writer.ops.readiness().contains(Events::OUT));
    drop(reader);
    assert_eq!(write(&writer, &caller, b"x"), Err(Fail::Errno(Errno::EPIPE)));
    assert_eq!(process.signals.load(SeqCst), 1 << SIGPIPE);
}

#[test]
fn packets_keep_their_borders() {
    let (caller, _) = caller(0);
    let (reader, writer) = pipe(&caller, OpenFlags::DIRECT);
    write(&writer, &caller, b"first").expect("room");
    write(&writer, &caller, b"second").expect("room");
    assert_eq!(read(&reader, &caller, 3).as_deref(), Ok(&b"fir"[..]));
    assert_eq!(read(&reader, &caller, 100).as_deref(), Ok(&b"second"[..]));
}

#[test]
fn a_blocked_reader_and_writer_wake_each_other() {
    let (one, _) = caller(0);
    let (reader, writer) = pipe(&one, OpenFlags::empty());
    let thread = std::thread::spawn(move || {
        let (two, _) = caller(0);
        let bytes: Vec<u8> = (0..1_000_000u32).map(|i| i as u8).collect();
        write(&writer, &two, &bytes)
    });
    let mut all = Vec::new();
    loop {
        let bytes = read(&reader, &one, 10_000).expect("no error");
        if bytes.is_empty() {
            break;
        }
        all.extend(bytes);
    }
    assert_eq!(thread.join().expect("ends"), Ok(1_000_000));
    assert!(all.iter().enumerate().all(|(i, &byte)| byte == i as u8));
}
