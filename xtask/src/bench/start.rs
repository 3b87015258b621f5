//! The start of a program that ends at once, from before the start to after the end.

use super::runtime::{Runtime, Way};
use super::source::Answer;
use super::{Plan, Rows, bundle, rows};
use crate::process::{self, End};
use crate::{image, place};
use std::time::Duration;

const LIMIT: Duration = Duration::from_mins(5);

/// What Nacre's `run` is compared with.
const CRUN: &[&str] = &["crun", "--cgroup-manager=disabled"];

/// crun refuses a host that has control groups of both versions. Within this, the newer ones are out of its sight.
const PLAIN_CGROUPS: &str = "umount /sys/fs/cgroup/unified 2> /dev/null; exec \"$@\"";

/// `true` of the host.
pub(super) fn of_true<'a>(turns: &[&'a Runtime], pinned: bool, plan: &Plan) -> Vec<Answer<'a>> {
    let line = |runtime: &&Runtime| runtime.line(&["/bin/true".to_owned()], false, plan);
    let lines = turns.iter().map(line).collect::<Result<Vec<_>, String>>();
    let names = turns.iter().map(|runtime| runtime.name.as_str());
    answers(names, lines.and_then(|lines| times("start-of-true", &lines, pinned, plan)))
}

/// `run` of busybox's `true` in a small bundle; natively that is crun's.
pub(super) fn of_bundle<'a>(turns: &[&'a Runtime], pinned: bool, plan: &Plan) -> Vec<Answer<'a>> {
    let directory = plan.scratch.join("bundle");
    let made = image::make(&directory, &["true"]);
    // Another command line than that of an OCI runtime can't run a bundle.
    let may_run = |runtime: &&&'a Runtime| match &runtime.way {
        Way::Prefix(_) if runtime.is_native() => place::has_command(CRUN[0]),
        Way::Prefix(_) => runtime.name == "nacre",
        Way::Bundle(_) => true,
    };
    let turns: Vec<&'a Runtime> = turns.iter().filter(may_run).copied().collect();
    let line = |runtime: &&Runtime| {
        let words = match &runtime.way {
            Way::Bundle(words) => words.clone(),
            Way::Prefix(_) if runtime.is_native() => CRUN.iter().map(|&word| word.to_owned()).collect(),
            Way::Prefix(_) => vec![plan.nacre.to_string_lossy().into_owned()],
        };
        let run = ["run", "--bundle", &directory.to_string_lossy(), &bundle::fresh_id()].map(str::to_owned);
        [words.as_slice(), &run].concat()
    };
    let lines: Vec<_> = turns.iter().map(line).collect();
    answers(
        turns.iter().map(|runtime| runtime.name.as_str()),
        made.and_then(|()| times("run-of-true-bundle", &lines, pinned, plan)),
    )
}

/// The median time of each command line, in turns.
fn times(row: &str, lines: &[Vec<String>], pinned: bool, plan: &Plan) -> Result<Rows, String> {
    let count = if plan.quick { "5" } else { "51" };
    let mut words = vec![plan.timed.to_string_lossy().into_owned(), row.to_owned(), count.to_owned()];
    for (index, line) in lines.iter().enumerate() {
        words.extend((index > 0).then(|| ":::".to_owned()));
        words.extend(line.iter().cloned());
    }
    if lines.iter().any(|line| line.first().is_some_and(|word| word == CRUN[0])) {
        let shell = ["unshare", "--mount", "sh", "-c", PLAIN_CGROUPS, "sh"].map(str::to_owned);
        words = [shell.as_slice(), &words].concat();
    }
    let done = process::run(process::command(&process::pinned(words, pinned))?, LIMIT, &plan.scratch, row)?;
    let rows = rows(&done.stdout);
    if done.end != End::Code(0) || rows.len() != lines.len() {
        return Err(format!("{:?}\n{}", done.end, done.tail(5)));
    }
    done.forget();
    Ok(rows)
}

/// A row for each runtime, or for each the same error.
fn answers<'a>(names: impl Iterator<Item = &'a str>, rows: Result<Rows, String>) -> Vec<Answer<'a>> {
    match rows {
        Ok(rows) => names.zip(rows).map(|(name, row)| (name, Ok(vec![row]))).collect(),
        Err(why) => names.map(|name| (name, Err(why.clone()))).collect(),
    }
}
