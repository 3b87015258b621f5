//! The filesystem of pseudoterminals: `pts(4)`.
//!
//! - [`DevPts`]: an instance, with its own numbers; [`Options`]: how it was mounted.
//! - [`PtmxDevice`], [`SlaveDevice`]: what opening its nodes does.

mod device;
mod instance;
mod nodes;
mod options;

pub use device::{PtmxDevice, SlaveDevice};
pub use instance::{DevPts, PTY_MAX, Slot};
pub use options::Options;
