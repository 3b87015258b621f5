//! What the starter and later commands say to the sandbox, and what it says back.

mod link;
mod message;
mod server;

pub use link::{FILES_MAX, Link};
pub use message::{ConsoleSize, Order, Phase, Report, Stage, Target};
pub(crate) use server::{Server, Sources};
