//! Text of files whose size the host does not tell, as those of /proc.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// More than most of them have.
const USUAL: usize = 16 << 10;

/// Reads a file of /proc. The kernel writes the text anew for each read: as a rule one read gets it, and a
/// second one finds the end.
pub fn read_text(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(USUAL);
    // Bounded, so that the library does not ask for a size first.
    File::open(path)?.take(u64::MAX).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_whole() {
        let same = std::fs::read("/proc/self/limits").unwrap();
        assert_eq!(read_text("/proc/self/limits").unwrap(), same);
        assert!(read_text("/proc/self/no-such-file").is_err());
    }
}
