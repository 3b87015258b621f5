//! Arguments of `nacre update`.

use clap::Args;
use std::path::PathBuf;

/// `nacre update`.
#[derive(Args, Debug)]
pub(crate) struct Update {
    /// Limits as in linux.resources of config.json; - is standard input
    #[arg(long, short, value_name = "FILE")]
    pub resources: Option<PathBuf>,
    /// Bytes of memory
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub memory: Option<i64>,
    /// Bytes of memory that the host leaves it when memory is short
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub memory_reservation: Option<i64>,
    /// Bytes of memory and swap together; -1 is no limit
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub memory_swap: Option<i64>,
    /// Its part of the processors, beside others
    #[arg(long, value_name = "SHARES")]
    pub cpu_share: Option<u64>,
    /// Microseconds that --cpu-quota counts for
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_period: Option<u64>,
    /// Microseconds of processor time in each period
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    pub cpu_quota: Option<i64>,
    /// Only when nobody else wants the processor: 1
    #[arg(long, value_name = "0|1")]
    pub cpu_idle: Option<i64>,
    /// Processors
    #[arg(long, value_name = "LIST")]
    pub cpuset_cpus: Option<String>,
    /// Nodes of memory
    #[arg(long, value_name = "LIST")]
    pub cpuset_mems: Option<String>,
    /// Most threads and processes at a time; -1 is no limit
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub pids_limit: Option<i64>,
    /// Its part of disks, beside others: 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    pub blkio_weight: Option<u16>,
    /// Name of the container
    pub id: String,
}
