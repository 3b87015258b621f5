//! Timers: `setitimer(2)`, `timer_create(2)`, and the service behind them and `timerfd_create(2)`.
//!
//! - `service.rs`: one host thread for all timers of the sandbox.
//! - `setting.rs`: what a timer is set to: clock, next expiration, period.
//! - `signal_timer.rs`: a timer that sends a signal. `process.rs`: those of one process.
//! - `cpu_limit.rs`: `RLIMIT_CPU`.

mod cpu_limit;
mod process;
mod service;
mod setting;
mod signal_timer;

pub use process::{Itimer, ProcessTimers};
pub use service::{Expire, Service, Timer};
pub use setting::{Setting, duration, timespec};
pub use signal_timer::{Asked, Notify, SignalTimer};
