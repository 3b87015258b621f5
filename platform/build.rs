//! Builds the stub: a freestanding program that the sentry embeds.

use std::env;
use std::path::PathBuf;
use std::process::Command;

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("stub");
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
    println!("cargo::rerun-if-changed=stub");
    println!("cargo::rerun-if-changed=src/systrap/layout.rs");
    let status = Command::new(rustc)
        .args(["--edition=2024", "--crate-name=stub", "--crate-type=bin", "stub/main.rs"])
        .args([
            "-C",
            "opt-level=2",
            "-C",
            "codegen-units=1",
            "-C",
            "panic=abort",
            "-C",
            "relocation-model=pic",
            "-C",
            "debuginfo=0",
        ])
        .args(["-C", "overflow-checks=off", "-C", "strip=symbols"])
        // Plain loops stay plain: the stub must not call a memcpy that it does not have.
        .args(["-C", "no-vectorize-loops", "-C", "no-vectorize-slp"])
        .args(["-C", "link-arg=-nostartfiles", "-C", "link-arg=-nostdlib", "-C", "link-arg=-static"])
        .args(["-C", "link-arg=-no-pie", "-C", "link-arg=-Wl,--build-id=none,-z,norelro,-z,noexecstack"])
        .args(["-C", "link-arg=-Wl,-T,stub/link.ld", "-C", "link-arg=-Wl,-e,_start"])
        .arg("-o")
        .arg(&out)
        .status()
        .expect("rustc runs");
    assert!(status.success(), "the stub does not compile");
}
