//! The system call table: one row a call. Feeds dispatch, `--strace` and the compatibility page.

use crate::arg::Handler;
use kernel::CurrentTask;
use sync::Fail;

/// How much of a call works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// All that Linux does.
    Full,
    /// Less; what is missing.
    Partial(&'static str),
}

/// One call.
pub struct Row {
    /// Name in section 2 of the manual.
    pub name: &'static str,
    /// The handler behind its decoder.
    pub call: fn(&mut CurrentTask, &[u64; 6]) -> Result<u64, Fail>,
    /// How much works.
    pub support: Support,
}

/// Highest number plus one.
pub const LEN: usize = 470;

macro_rules! table {
    ($($nr:ident $name:literal $handler:path, $support:expr;)*) => {{
        let mut table: [Option<Row>; LEN] = [const { None }; LEN];
        $(table[abi::nr::$nr as usize] = Some(Row {
            name: $name,
            call: |task, args| Handler::call(&$handler, task, args),
            support: $support,
        });)*
        table
    }};
}

/// Rows by number; a missing one is `ENOSYS`.
pub static TABLE: [Option<Row>; LEN] = table! {};
