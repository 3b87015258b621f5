//! Fuzz targets: each decoder of hostile bytes as a function of bytes that must not panic.
//!
//! A target is one file in `target/`. `cargo xtask fuzz` runs them all by the driver of this crate, on the stable
//! compiler; `cargo fuzz run NAME --features libfuzzer` runs one by libFuzzer, with the nightly one.
#![forbid(unsafe_code)]

mod input;
mod mutate;
mod world;

#[path = "target/bpf.rs"]
pub mod bpf;
#[path = "target/elf.rs"]
pub mod elf;
#[path = "target/socket.rs"]
pub mod socket;

pub use mutate::Mutator;

/// One target.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Must return for any bytes.
    pub run: fn(&[u8]),
    /// Inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "bpf", run: bpf::run, seeds: bpf::seeds },
    Target { name: "elf", run: elf::run, seeds: elf::seeds },
    Target { name: "socket", run: socket::run, seeds: socket::seeds },
];
