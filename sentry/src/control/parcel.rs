//! What an order brings along: descriptors, and a body too long for a message.

use super::message::Outfit;
use crate::plan::{Streams, Terminal};
use rustix::fs::{MemfdFlags, memfd_create};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

/// Longest body in bytes.
const LONGEST: u64 = 32 << 20;

/// Puts a body into a file in memory.
pub fn pack(body: &impl Serialize) -> io::Result<OwnedFd> {
    let bytes = postcard::to_allocvec(body).map_err(io::Error::other)?;
    if !is_short(&bytes) {
        return Err(io::Error::other("it is too long"));
    }
    let mut file = File::from(memfd_create("nacre-order", MemfdFlags::CLOEXEC)?);
    file.write_all(&bytes)?;
    file.rewind()?;
    Ok(file.into())
}

fn is_short(bytes: &[u8]) -> bool {
    u64::try_from(bytes.len()).is_ok_and(|len| len <= LONGEST)
}

/// Takes it out again.
pub(crate) fn unpack<T: DeserializeOwned>(file: OwnedFd) -> io::Result<T> {
    let bad = |text: &str| io::Error::new(io::ErrorKind::InvalidData, text.to_owned());
    let mut bytes = Vec::new();
    File::from(file).take(LONGEST + 1).read_to_end(&mut bytes)?;
    if !is_short(&bytes) {
        return Err(bad("an order that is too long"));
    }
    match postcard::take_from_bytes(&bytes) {
        Ok((body, [])) => Ok(body),
        _ => Err(bad("an order that makes no sense")),
    }
}

impl Streams {
    /// What there is, for the one who gets the descriptors.
    pub fn outfit(&self) -> Outfit {
        let [input, output, error] = &self.standard;
        let standard = [input.is_some(), output.is_some(), error.is_some()];
        Outfit { standard, terminal: self.terminal.as_ref().map(|terminal| (terminal.size, terminal.is_own)) }
    }

    /// The descriptors, in the order in which they are sent.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let terminal = self.terminal.iter().flat_map(|terminal| [&terminal.input, &terminal.output]);
        self.standard.iter().flatten().chain(terminal).map(|fd| fd.as_fd()).collect()
    }

    /// Puts them together again. `None`: the wrong number of descriptors.
    pub(crate) fn from_outfit(outfit: &Outfit, mut fds: impl Iterator<Item = OwnedFd>) -> Option<Self> {
        let mut streams = Self::default();
        for (stream, _) in streams.standard.iter_mut().zip(outfit.standard).filter(|(_, is_there)| *is_there) {
            *stream = Some(fds.next()?);
        }
        if let Some((size, is_own)) = outfit.terminal {
            streams.terminal = Some(Terminal { input: fds.next()?, output: fds.next()?, size, is_own });
        }
        fds.next().is_none().then_some(streams)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_arrive_as_packed() {
        let body = vec![(7u32, "x".repeat(100_000))];
        assert_eq!(unpack::<Vec<(u32, String)>>(pack(&body).unwrap()).unwrap(), body);
        assert!(unpack::<Vec<(u32, String)>>(pack(&"nonsense".to_owned()).unwrap()).is_err());
    }

    #[test]
    fn streams_are_put_together_again() {
        let null = || OwnedFd::from(File::open("/dev/null").unwrap());
        let size = crate::control::ConsoleSize { rows: 2, columns: 3 };
        let terminal = Some(Terminal { input: null(), output: null(), size, is_own: true });
        let streams = Streams { standard: [None, Some(null()), None], terminal };
        let outfit = streams.outfit();
        let copies = || {
            let copies: Vec<_> = streams.descriptors().iter().map(|fd| fd.try_clone_to_owned().unwrap()).collect();
            copies.into_iter()
        };
        let sent = copies().len();
        assert_eq!(sent, 3);
        let again = Streams::from_outfit(&outfit, copies()).unwrap();
        assert_eq!(again.outfit(), outfit);
        assert!(Streams::from_outfit(&outfit, copies().skip(1)).is_none());
        assert!(Streams::from_outfit(&Outfit::default(), copies()).is_none());
    }
}
