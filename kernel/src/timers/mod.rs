//! Timers: `setitimer(2)`, `timer_create(2)`, and the service behind them and `timerfd_create(2)`.
//!
//! - `service.rs`: one host thread for all timers of the sandbox.
//! - `setting.rs`: what a timer is set to: next expiration, period, how often it ran out.

mod service;
mod setting;

pub use service::{Expire, Service, Timer};
pub use setting::{Setting, duration, timespec};
