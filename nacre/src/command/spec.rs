//! `nacre spec`.

use crate::cli::Spec;
use crate::error::{Result, Try, bail};
use rustix::process::{getegid, geteuid};
use std::fs;

/// Writes a `config.json` to start from.
pub(crate) fn run(command: &Spec) -> Result<u8> {
    let path = command.bundle.join("config.json");
    if path.exists() {
        bail!("{} exists already; remove it first", path.display());
    }
    let spec = if command.rootless {
        oci_spec::runtime::Spec::rootless(geteuid().as_raw(), getegid().as_raw())
    } else {
        oci_spec::runtime::Spec::default()
    };
    let text = serde_json::to_string_pretty(&spec).to("write config.json")?;
    fs::write(&path, text + "\n").to(format_args!("write {}", path.display()))?;
    Ok(0)
}
