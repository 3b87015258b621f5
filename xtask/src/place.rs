//! Where things are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The work tree.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Cargo's output directory.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A directory for files of a chore, made when missing.
pub(crate) fn scratch(chore: &str) -> Result<PathBuf, String> {
    let path = target().join("xtask").join(chore);
    fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    fs::canonicalize(&path).map_err(|e| format!("{}: {e}", path.display()))
}

/// A file that ordinary users may execute must not lie below a closed directory such as /root.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// The binary under test: `$NACRE`, else the release build, made first.
pub(crate) fn nacre() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("NACRE") {
        return absolute(Path::new(&path));
    }
    println!("building nacre (release)");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(root())
        .args(["build", "--quiet", "--release", "--package", "nacre"])
        .status()
        .map_err(|e| format!("cargo: {e}"))?;
    if !status.success() {
        return Err("nacre does not build".to_owned());
    }
    absolute(&target().join("x86_64-unknown-linux-gnu/release/nacre"))
}

/// Whether a command of this name (or path) can be found.
pub(crate) fn has_command(name: &str) -> bool {
    if name.contains('/') {
        return Path::new(name).exists();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(name).is_file())
}
