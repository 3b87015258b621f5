//! Arguments.

mod look;
mod update;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) use look::{List, ListFormat, Ps};
pub(crate) use update::Update;

/// Status for arguments that make no sense.
pub(crate) const USAGE_STATUS: u8 = 125;

/// Runs untrusted Linux programs: each sandbox has a kernel of its own.
#[derive(Debug, Parser)]
#[command(name = "nacre", version, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// Options before the subcommand.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options before the subcommand.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Directory for the state of containers [default: /run/nacre, or $XDG_RUNTIME_DIR/nacre for ordinary users]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Append errors to this file, too
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Format of that file
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Write what the sandbox's kernel does to the log
    #[arg(long)]
    pub debug: bool,
    /// Write what the sandbox's kernel does to this file
    #[arg(long, value_name = "FILE", global = true)]
    pub debug_log: Option<PathBuf>,
    /// Write each system call to the debug log, or to standard error without one
    #[arg(long, global = true)]
    pub strace: bool,
    /// Accepted for other runtimes' callers: control groups are always plain directories here
    #[arg(long, hide = true)]
    pub systemd_cgroup: bool,
    /// Accepted for other runtimes' callers
    #[arg(long, hide = true, value_name = "MODE")]
    pub rootless: Option<String>,
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// `key=value` words.
    Text,
    /// A JSON object a line.
    Json,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program of this machine in a sandbox
    Do(Do),
    /// Make a container from a bundle; its program waits for `start`
    Create(Create),
    /// Start the program of a container
    Start(Id),
    /// Print the state of a container
    State(Id),
    /// Run a further program in a container
    Exec(Exec),
    /// Send a signal to a container
    Kill(Kill),
    /// Stop every process of a container where it is, until `resume`
    Pause(Id),
    /// Let the processes of a paused container go on
    Resume(Id),
    /// Remove a container that has ended
    Delete(Delete),
    /// Make a container, start it and wait for its end
    Run(Run),
    /// List containers
    List(List),
    /// Show the host's processes of a container
    Ps(Ps),
    /// Change the limits of a container
    Update(Update),
    /// Write a config.json to start from
    Spec(Spec),
    /// Print what this runtime can do
    Features,
}

/// `nacre do`.
#[derive(Args, Debug)]
pub(crate) struct Do {
    /// Root directory of the program
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub rootfs: PathBuf,
    /// Show a file or directory of the host at DST; what is written there is written to the host
    #[arg(long, value_name = "SRC:DST[:ro]")]
    pub bind: Vec<OsString>,
    /// Set a variable of the environment
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<OsString>,
    /// Working directory [default: this one, or / if the program can't see it]
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<PathBuf>,
    /// User, and group, to run as
    #[arg(long, value_name = "UID[:GID]")]
    pub user: Option<String>,
    /// Host name that the program sees
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Most threads and processes in the sandbox at a time
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub pids_limit: Option<u64>,
    /// Where the program's changes of its root go
    #[arg(long, value_enum, default_value_t = Overlay::Memory)]
    pub overlay: Overlay,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// Where a program's changes of its root go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Overlay {
    /// To memory: they are gone at the end
    Memory,
    /// To the host
    None,
}

/// A container.
#[derive(Args, Debug)]
pub(crate) struct Id {
    /// Name of the container
    pub id: String,
}

/// What `create` and `run` share.
#[derive(Args, Clone, Debug)]
pub(crate) struct Making {
    /// Directory with config.json
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub bundle: PathBuf,
    /// Write the process id of the sandbox to this file
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Send the terminal's master end to this unix socket
    #[arg(long, value_name = "SOCKET")]
    pub console_socket: Option<PathBuf>,
    /// Accepted for other runtimes' callers: the sandbox always leaves the host's root
    #[arg(long, hide = true)]
    pub no_pivot: bool,
    /// Accepted for other runtimes' callers: no descriptors but the standard streams are handed on
    #[arg(long, hide = true, value_name = "0", value_parser = clap::value_parser!(u32).range(0..=0))]
    pub preserve_fds: Option<u32>,
    /// Accepted for other runtimes' callers: the sandbox never shares session keys
    #[arg(long, hide = true)]
    pub no_new_keyring: bool,
    /// Name of the container
    pub id: String,
}

/// `nacre create`.
#[derive(Args, Debug)]
pub(crate) struct Create {
    /// The container.
    #[command(flatten)]
    pub making: Making,
}

/// `nacre run`.
#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The container.
    #[command(flatten)]
    pub making: Making,
    /// Do not wait for its end
    #[arg(long, short)]
    pub detach: bool,
    /// Accepted for other runtimes' callers: orphans are the guest's own business
    #[arg(long, hide = true)]
    pub no_subreaper: bool,
    /// Keep its state after its end
    #[arg(long)]
    pub keep: bool,
}

/// `nacre exec`.
#[derive(Args, Debug)]
pub(crate) struct Exec {
    /// Give it a terminal of its own
    #[arg(long, short)]
    pub tty: bool,
    /// Working directory
    #[arg(long, value_name = "DIR")]
    pub cwd: Option<PathBuf>,
    /// Set a variable of the environment
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// User, and group, to run as
    #[arg(long, short, value_name = "UID[:GID]")]
    pub user: Option<String>,
    /// Be in this group, too
    #[arg(long, short = 'g', value_name = "GID")]
    pub additional_gids: Vec<u32>,
    /// Add a capability
    #[arg(long, short, value_name = "NAME")]
    pub cap: Vec<String>,
    /// No program that it starts gains rights
    #[arg(long)]
    pub no_new_privs: bool,
    /// The whole process as in config.json, instead of all of these and CMD
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["command", "cwd", "env", "user", "additional_gids", "cap"])]
    pub process: Option<PathBuf>,
    /// Do not wait for its end: another process does, and ends as it does
    #[arg(long, short)]
    pub detach: bool,
    /// Write the id of the process that stands for it to this file
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Send the terminal's master end to this unix socket
    #[arg(long, value_name = "SOCKET", requires = "detach")]
    pub console_socket: Option<PathBuf>,
    /// In a paused container, too: it runs when that is resumed
    #[arg(long)]
    pub ignore_paused: bool,
    /// Accepted for other runtimes' callers: labels have no effect
    #[arg(long, hide = true, value_name = "LABEL")]
    pub process_label: Option<String>,
    /// Accepted for other runtimes' callers: labels have no effect
    #[arg(long, hide = true, value_name = "LABEL")]
    pub apparmor: Option<String>,
    /// Name of the container
    pub id: String,
    /// The program and its arguments
    #[arg(
        required_unless_present = "process",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "CMD"
    )]
    pub command: Vec<String>,
}

/// `nacre kill`.
#[derive(Args, Debug)]
pub(crate) struct Kill {
    /// To every process, not the first alone
    #[arg(long, short)]
    pub all: bool,
    /// Name of the container
    pub id: String,
    /// Name or number of the signal
    #[arg(default_value = "TERM")]
    pub signal: String,
}

/// `nacre delete`.
#[derive(Args, Debug)]
pub(crate) struct Delete {
    /// Kill it first; no error when it is not there
    #[arg(long, short)]
    pub force: bool,
    /// Name of the container
    pub id: String,
}

/// `nacre spec`.
#[derive(Args, Debug)]
pub(crate) struct Spec {
    /// Directory to write to
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub bundle: PathBuf,
    /// For an ordinary user
    #[arg(long)]
    pub rootless: bool,
}
