//! Arguments of what shows containers and their processes.

use clap::{Args, ValueEnum};

/// `nacre list`.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Format
    #[arg(long, short, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
    /// Names only
    #[arg(long, short)]
    pub quiet: bool,
}

/// Format of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// `nacre ps`.
#[derive(Args, Debug)]
pub(crate) struct Ps {
    /// Format; JSON has the ids alone
    #[arg(long, short, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
    /// Name of the container
    pub id: String,
    /// Options of ps(1) [default: -ef]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTION")]
    pub options: Vec<String>,
}
