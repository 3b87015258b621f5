//! Guest memory: mappings, access to user memory, ELF images.
//!
//! Above `platform`, below `vfs`. The host kernel does the paging (see ARCHITECTURE.md); this crate
//! keeps the tree of mappings that the guest sees and tells the platform to mirror it.
//! - [`UserAddr`], [`UserPtr`], [`UserSlice`], [`UserStr`]: typed guest addresses, checked only when used.
//! - [`UserMemory`]: reading and writing them.
//! - [`Sink`], [`Source`]: where file operations put and get their bytes.
//! - [`Backing`]: a file that can be mapped.
#![forbid(unsafe_code)]

mod addr;
mod anonymous;
mod attributes;
mod backing;
mod elf;
mod exec;
mod forced;
mod io;
mod map;
mod mapping;
mod memory;
mod patch;
mod protect;
mod space;
mod stack;

pub use addr::{UserAddr, UserPtr, UserSlice, UserStr};
pub use attributes::Locking;
pub use backing::{Backing, HostRange};
pub use elf::{Image, Parsed, ReadAt};
pub use exec::Exec;
pub use io::{Ranges, Sink, SliceSource, Source, UserSink, UserSource, VecSink};
pub use map::{Limits, Map};
pub use mapping::{Mapping, Policy, Source as MappingSource};
pub use memory::UserMemory;
pub use platform::Text;
pub use space::{FutexKey, Layout, MAX_MAPPINGS, MIN_ADDR, Mm, Usage};
