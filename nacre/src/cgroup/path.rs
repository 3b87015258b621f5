//! `linux.cgroupsPath`.

use crate::error::{Result, bail};
use std::path::{Component, Path, PathBuf};

/// The path below each mount point: as given, or as systemd would name `slice:prefix:name`.
pub(super) fn relative(path: Option<&Path>, id: &str) -> Result<PathBuf> {
    let Some(path) = path else { return Ok(PathBuf::from(format!("nacre-{id}"))) };
    let text = path.to_string_lossy();
    if let [slice, prefix, name] = text.split(':').collect::<Vec<_>>()[..] {
        return systemd(slice, prefix, name);
    }
    let plain = path.strip_prefix("/").unwrap_or(path);
    if plain.as_os_str().is_empty() || !plain.components().all(|part| matches!(part, Component::Normal(_))) {
        bail!("linux.cgroupsPath: {text:?} is not a path below the root group");
    }
    Ok(plain.to_path_buf())
}

/// `a-b.slice` lies in `a.slice`; the container in `prefix-name.scope` below.
fn systemd(slice: &str, prefix: &str, name: &str) -> Result<PathBuf> {
    let slice = if slice.is_empty() { "system.slice" } else { slice };
    let unit = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}-{name}.scope") };
    let stem = slice.strip_suffix(".slice").unwrap_or("");
    let is_bad = |word: &str| word.is_empty() || word.contains('/') || word == "..";
    if is_bad(&unit) || is_bad(name) || (slice != "-.slice" && (is_bad(stem) || stem.split('-').any(str::is_empty))) {
        bail!("linux.cgroupsPath: \"{slice}:{prefix}:{name}\" is not SLICE.slice:PREFIX:NAME");
    }
    let mut dir = PathBuf::new();
    if slice != "-.slice" {
        let ends = stem.match_indices('-').map(|(at, _)| at).chain([stem.len()]);
        ends.for_each(|end| dir.push(format!("{}.slice", &stem[..end])));
    }
    Ok(dir.join(unit))
}
