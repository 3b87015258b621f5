//! Unix sockets: `unix(7)`.
//!
//! - [`Endpoint`]: a socket of any of the three types.
//! - [`Name`]: what it is bound to. `rights`: descriptors in messages, and the collection of lost ones.

mod connect;
mod endpoint;
mod name;
mod packet;
mod protocol;
pub(crate) mod rights;
mod scm;
mod stream;
mod text;

pub use endpoint::Endpoint;
pub use name::Name;
pub(crate) use name::Names;
pub(crate) use text::proc_net_unix;

#[cfg(test)]
mod tests;
