//! Tracing: `ptrace(2)`.
//!
//! A tracee that stops for its tracer leaves a `Trap` with its thread's signals (one lock, that of the process's
//! signals): why it stopped, and an `Image` of what only it may touch: registers and the like. The tracer reads and
//! changes that image; the tracee takes it back when it goes on. What cannot be left in an image (extended
//! registers, memory that only the thread itself reaches) the tracee does on request while it is stopped.
//!
//! States of a tracee: it runs; it is *trapped* (a `Trap` stands there); within that it may *listen*
//! (`PTRACE_LISTEN`), when it counts as running for the tracer. Who traces whom stands in the tree (`link.rs`), so
//! that wait calls find tracees, zombies among them; what a tracer asked for stands in `Trace`.
//!
//! - `trace.rs`: the state. `link.rs`: the bond, from `PTRACE_TRACEME` to the tracer's death.
//! - `attach.rs`: how it begins. `tracee.rs`: what a tracer does to a tracee that is stopped.
//! - `trap.rs`: stops of the tracee. `call.rs`: those at calls. `signal.rs`: those of signals and job control.
//! - `yama.rs`: restrictions beyond rights.
//! - `step.rs`: stepping. `debug.rs`: debug registers. `regs.rs`, `xstate.rs`: registers in the forms of `ptrace(2)`.

mod attach;
mod call;
mod debug;
mod link;
mod regs;
mod signal;
mod step;
mod trace;
mod tracee;
mod trap;
mod xstate;
mod yama;

pub use attach::Attach;
pub(crate) use call::{Event, SeccompStop};
pub(crate) use debug::Debug;
pub(crate) use link::Tracer;
pub use regs::User;
pub(crate) use step::Step;
pub(crate) use trace::{Image, Trace, Trap};
pub use trace::{Resume, StopKind};
pub use tracee::Tracee;
pub(crate) use xstate::legacy_part;
pub use yama::{Ptracer, Scope};
