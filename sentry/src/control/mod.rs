//! What the starter and later commands say to the sandbox, and what it says back.

mod client;
mod link;
mod message;
mod parcel;
mod server;

pub use link::{FILES_MAX, Link};
pub use message::{ConsoleSize, Order, Outfit, Phase, Report, Stage, Target};
pub use parcel::pack;
pub(crate) use parcel::unpack;
pub(crate) use server::{Server, Sources};
