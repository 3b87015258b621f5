//! From a file to a program: scripts and their interpreters, ELF files and theirs (`execve(2)`).

use abi::Errno;
use abi::fs::OpenFlags;
use mm::{Backing, Image, VecSink};
use std::sync::Arc;
use sync::Fail;
use vfs::{Caller, FsContext, OpenFile, Walk};

/// Bytes of a file that decide what it is; the first line of a script ends in them.
const HEAD: usize = 256;
/// Most interpreters that stand for each other before there must be a program.
const MAX_SCRIPTS: usize = 5;

/// A program found: files are open, arguments complete.
pub(crate) struct Found {
    pub(crate) file: Arc<OpenFile>,
    pub(crate) interpreter: Option<Arc<OpenFile>>,
    pub(crate) argv: Vec<Vec<u8>>,
}

/// Reads at an offset; short at the end of the file.
pub(crate) fn read_at(caller: &Caller, file: &Arc<OpenFile>, offset: u64, buf: &mut [u8]) -> Result<usize, Errno> {
    let mut done = 0;
    while done < buf.len() {
        let mut sink = VecSink::new(buf.len() - done);
        let mut at = offset.saturating_add(done as u64);
        let io = file.io(caller, OpenFlags::empty());
        let n = match file.ops.read(&io, &mut sink, &mut at) {
            Ok(n) => n.min(sink.bytes.len()).min(buf.len() - done),
            Err(Fail::Errno(errno)) => return Err(errno),
            Err(Fail::Interrupted(_)) => return Err(Errno::EINTR),
        };
        if n == 0 {
            break;
        }
        buf[done..done + n].copy_from_slice(&sink.bytes[..n]);
        done += n;
    }
    Ok(done)
}

/// What mappings of the file map.
pub(crate) fn backing(caller: &Caller, file: &Arc<OpenFile>) -> Result<Arc<dyn Backing>, Errno> {
    file.ops.backing(&file.io(caller, OpenFlags::empty()))
}

/// Finds the program behind `file`, which was named `name`. `is_hidden`: an interpreter could not open it by that
/// name. `ENOEXEC`, `ELOOP`, and what opening says.
pub(crate) fn find(
    caller: &Caller,
    fs: &FsContext,
    file: Arc<OpenFile>,
    name: &[u8],
    is_hidden: bool,
    argv: Vec<Vec<u8>>,
) -> Result<Found, Fail> {
    let (mut file, mut name, mut argv) = (file, name.to_vec(), argv);
    let walk = Walk::new(caller, fs);
    for _ in 0..=MAX_SCRIPTS {
        let mut head = vec![0; HEAD];
        let len = read_at(caller, &file, 0, &mut head)?;
        head.truncate(len);
        if !head.starts_with(b"#!") {
            let read = |offset: u64, buf: &mut [u8]| read_at(caller, &file, offset, buf);
            let path = Image { backing: backing(caller, &file)?, read_at: &read }.interpreter()?;
            let interpreter = path.map(|path| walk.open_exec(&path, true)).transpose()?;
            return Ok(Found { file, interpreter, argv });
        }
        let script = parse(&head).ok_or(Errno::ENOEXEC)?;
        if is_hidden {
            return Err(Errno::ENOENT.into());
        }
        let mut new: Vec<Vec<u8>> = vec![script.interpreter.to_vec()];
        new.extend(script.argument.map(<[u8]>::to_vec));
        new.push(name);
        new.extend(argv.into_iter().skip(1));
        argv = new;
        name = script.interpreter.to_vec();
        file = walk.open_exec(&name, true)?;
    }
    Err(Errno::ELOOP.into())
}

/// The first line of a script.
#[derive(Debug, PartialEq, Eq)]
struct Script<'a> {
    interpreter: &'a [u8],
    argument: Option<&'a [u8]>,
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The interpreter and its argument; `None` when there is none, or its name is cut off.
fn parse(head: &[u8]) -> Option<Script<'_>> {
    let text = head.strip_prefix(b"#!")?;
    let is_cut = head.len() == HEAD && !text.contains(&b'\n');
    let line = text.split(|&byte| byte == b'\n' || byte == 0).next()?;
    let start = line.iter().position(|&byte| !is_blank(byte))?;
    let line = &line[start..];
    let end = line.iter().position(|&byte| is_blank(byte));
    if is_cut && end.is_none() {
        return None;
    }
    let (interpreter, rest) = line.split_at(end.unwrap_or(line.len()));
    let argument = rest.iter().position(|&byte| !is_blank(byte)).map(|at| &rest[at..]);
    let argument = argument.map(|argument| {
        let len = argument.iter().rposition(|&byte| !is_blank(byte)).map_or(0, |last| last + 1);
        &argument[..len]
    });
    Some(Script { interpreter, argument })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script<'a>(interpreter: &'a [u8], argument: Option<&'a [u8]>) -> Option<Script<'a>> {
        Some(Script { interpreter, argument })
    }

    #[test]
    fn first_lines() {
        assert_eq!(parse(b"#!/bin/sh\nrest"), script(b"/bin/sh", None));
        assert_eq!(parse(b"#! \t/usr/bin/env  python3 -u \t\n"), script(b"/usr/bin/env", Some(b"python3 -u")));
        assert_eq!(parse(b"#!/bin/sh"), script(b"/bin/sh", None));
        assert_eq!(parse(b"#!\n"), None);
        assert_eq!(parse(b"#!   "), None);
    }

    #[test]
    fn long_lines() {
        let mut head = b"#!/".to_vec();
        head.resize(HEAD, b'a');
        assert_eq!(parse(&head), None);
        head[100] = b' ';
        assert_eq!(parse(&head).map(|script| script.interpreter.len()), Some(98));
    }
}
