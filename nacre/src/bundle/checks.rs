//! Checks of words from `config.json`.

use crate::error::{Result, bail};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// `PATH_MAX`.
const LONGEST_PATH: usize = 4096;

/// Refuses a zero byte, which would end the word early.
pub(super) fn no_nul(word: &str, key: &str) -> Result<()> {
    if word.contains('\0') {
        bail!("{key}: {word:?} contains a zero byte");
    }
    Ok(())
}

/// Refuses a path that is not absolute, or no path.
pub(super) fn absolute(path: &Path, key: &str) -> Result<()> {
    if !path.is_absolute() {
        bail!("{key}: {path:?} must begin with a slash");
    }
    if path.as_os_str().len() >= LONGEST_PATH || path.as_os_str().as_bytes().contains(&0) {
        bail!("{key}: {path:?} is not a path: it is too long or contains a zero byte");
    }
    Ok(())
}
