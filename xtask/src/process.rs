//! Runs one program with a time limit, in a process group of its own, its output kept in files.

use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By exiting.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// It had to be killed.
    TimeLimit,
}

/// A program that has ended.
pub(crate) struct Done {
    /// How.
    pub(crate) end: End,
    /// Its standard output.
    pub(crate) stdout: Vec<u8>,
    /// Its standard error.
    pub(crate) stderr: Vec<u8>,
    /// Wall clock.
    pub(crate) took: Duration,
    /// Where the output is.
    pub(crate) files: [PathBuf; 2],
}

impl Done {
    /// The last lines of the output, for a report.
    pub(crate) fn tail(&self, lines: usize) -> String {
        let mut text = String::new();
        for (name, bytes) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let whole = String::from_utf8_lossy(bytes);
            let all: Vec<&str> = whole.lines().collect();
            for line in &all[all.len().saturating_sub(lines)..] {
                text.push_str(&format!("    {name}| {line}\n"));
            }
        }
        text
    }

    /// Removes the files of the output.
    pub(crate) fn forget(&self) {
        for file in &self.files {
            // A file that is gone already is as good.
            let _ = fs::remove_file(file);
        }
    }
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or(0)),
        }
    }
}

/// Puts `taskset -c 0` in front of a command line.
pub(crate) fn pinned(command: Vec<String>, pin: bool) -> Vec<String> {
    if !pin {
        return command;
    }
    ["taskset", "-c", "0"].into_iter().map(str::to_owned).chain(command).collect()
}

/// A command line as a command in a process group of its own, with nothing to read.
pub(crate) fn command(line: &[String]) -> Result<Command, String> {
    let (program, arguments) = line.split_first().ok_or("empty command line")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).process_group(0);
    Ok(command)
}

/// Runs it; `name` names the files of the output below `scratch`.
pub(crate) fn run(mut command: Command, limit: Duration, scratch: &Path, name: &str) -> Result<Done, String> {
    let name = name.replace('/', "-");
    let files = [scratch.join(format!("{name}.out")), scratch.join(format!("{name}.err"))];
    let [out, err] = &files;
    command.stdout(create(out)?).stderr(create(err)?);
    let start = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("{}: {e}", command.get_program().to_string_lossy()))?;
    let end = wait(&mut child, start + limit)?;
    let took = start.elapsed();
    let read = |path: &Path| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    Ok(Done { end, stdout: read(out)?, stderr: read(err)?, took, files })
}

/// Waits until a child ends, or kills its process group at the deadline.
pub(crate) fn wait(child: &mut Child, deadline: Instant) -> Result<End, String> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status.into());
        }
        if Instant::now() >= deadline {
            kill_group(child);
            child.wait().map_err(|e| e.to_string())?;
            return Ok(End::TimeLimit);
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

/// Kills a child and its process group.
pub(crate) fn kill_group(child: &Child) {
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // The group may have ended meanwhile.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

fn create(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|e| format!("{}: {e}", path.display()))
}
