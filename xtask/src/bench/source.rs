//! What is measured.

use super::runtime::Runtime;
use super::{Plan, Rows, idle, rows, start};
use crate::place;
use crate::process::{self, End};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A program that takes longer hangs.
const LIMIT: Duration = Duration::from_mins(5);

/// What is measured.
pub(super) struct Source {
    name: String,
    kind: Kind,
}

enum Kind {
    /// A row of `bench/micro.c`, by the path of the compiled program.
    Micro(String),
    /// A script of `bench/macro` that prints rows, and the commands that it needs.
    Script(PathBuf, Vec<String>),
    /// The start of `true`.
    Start,
    /// `run` of `true` in a busybox bundle.
    Bundle,
    /// Memory and processor time of sandboxes that sleep.
    Idle,
}

/// What one runtime answered.
pub(super) type Answer<'a> = (&'a str, Result<Rows, String>);

/// All sources whose names contain the text.
pub(super) fn all(micro: &Path, filter: &str) -> Result<Vec<Source>, String> {
    let micro = micro.to_string_lossy().into_owned();
    let listed = Command::new(&micro).arg("--list").output().map_err(|e| format!("{micro}: {e}"))?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let source = |name: &str, kind| Source { name: name.to_owned(), kind };
    let mut sources: Vec<Source> = listed.lines().map(|row| source(row, Kind::Micro(micro.clone()))).collect();
    for script in scripts()? {
        let text = fs::read_to_string(&script).map_err(|e| e.to_string())?;
        let needs = text.lines().find_map(|line| line.strip_prefix("# needs:")).unwrap_or_default();
        let name = script.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        sources.push(source(&name, Kind::Script(script, needs.split_whitespace().map(str::to_owned).collect())));
    }
    sources.extend([source("start", Kind::Start), source("bundle", Kind::Bundle), source("idle", Kind::Idle)]);
    sources.retain(|source| source.name.contains(filter));
    Ok(sources)
}

fn scripts() -> Result<Vec<PathBuf>, String> {
    let directory = place::absolute(&place::root().join("bench/macro"))?;
    let list = fs::read_dir(&directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let mut scripts: Vec<PathBuf> = list.filter_map(Result::ok).map(|entry| entry.path()).collect();
    scripts.sort();
    Ok(scripts)
}

impl Source {
    /// Its name, as `--filter` looks for it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Heading of its rows.
    pub(super) fn group(&self) -> &'static str {
        match self.kind {
            Kind::Micro(_) => "one operation",
            Kind::Script(..) => "whole programs",
            Kind::Start | Kind::Bundle | Kind::Idle => "sandboxes",
        }
    }

    /// What each runtime in turn answers.
    pub(super) fn measure<'a>(&self, turns: &[&'a Runtime], pinned: bool, plan: &Plan) -> Vec<Answer<'a>> {
        match &self.kind {
            Kind::Start => start::of_true(turns, pinned, plan),
            Kind::Bundle => start::of_bundle(turns, pinned, plan),
            // The memory that a sandbox holds does not depend on processors.
            Kind::Idle if pinned => Vec::new(),
            Kind::Idle => turns.iter().map(|runtime| (runtime.name.as_str(), idle::measure(runtime, plan))).collect(),
            Kind::Micro(program) => self.programs(&[program.clone(), self.name.clone()], turns, pinned, plan),
            Kind::Script(script, needs) => {
                if let Some(missing) = needs.iter().find(|name| !place::has_command(name)) {
                    println!("skipped {}: {missing} is not installed", self.name);
                    return Vec::new();
                }
                let words = ["/bin/bash", "-e", &script.to_string_lossy()].map(str::to_owned);
                self.programs(&words, turns, pinned, plan)
            }
        }
    }

    fn programs<'a>(&self, words: &[String], turns: &[&'a Runtime], pinned: bool, plan: &Plan) -> Vec<Answer<'a>> {
        turns.iter().map(|runtime| (runtime.name.as_str(), self.program(words, runtime, pinned, plan))).collect()
    }

    fn program(&self, words: &[String], runtime: &Runtime, pinned: bool, plan: &Plan) -> Result<Rows, String> {
        let name = format!("{}-{}", self.name, runtime.name);
        let done = process::run(runtime.command(words, pinned, plan)?, LIMIT, &plan.scratch, &name)?;
        if done.end != End::Code(0) {
            return Err(format!("{:?}\n{}", done.end, done.tail(5)));
        }
        let rows = rows(&done.stdout);
        done.forget();
        if rows.is_empty() { Err("no rows".to_owned()) } else { Ok(rows) }
    }
}
