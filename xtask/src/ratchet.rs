//! The ratchet: numbers of each crate that may only fall, and the order of crates.
//!
//! The numbers are in `xtask/ratchet.txt`. `check --bless` writes lower ones down (and a new crate's first ones);
//! a higher one has to be written by hand, with a reason in the commit.

use crate::source;
use crate::tally::Tally;
use crate::{Outcome, place};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates, lowest first: each may use only those before it.
const ORDER: [&str; 13] =
    ["abi", "bpf", "sync", "host", "platform", "mm", "vfs", "net", "kernel", "fs", "syscalls", "sentry", "nacre"];

/// Crates with unsafe code.
const UNSAFE: [&str; 2] = ["host", "platform"];

type Numbers = BTreeMap<(String, &'static str), usize>;

const KEYS: [&str; 6] = ["unwraps", "casts", "unsafe", "statics", "longest-file", "longest-function"];

/// Checks everything.
pub(crate) fn run(bless: bool) -> Outcome {
    let mut tally = Tally::default();
    let now = count_all()?;
    let file = place::root().join("xtask/ratchet.txt");
    let limits = read(&file)?;
    if bless {
        write(&file, &now, &limits)?;
    }
    let limits = read(&file)?;
    for ((name, key), value) in &now {
        let result = match limits.get(&(name.clone(), key)) {
            Some(limit) if value <= limit => continue,
            Some(limit) => Err(format!("{value}, was {limit}")),
            None => Err(format!("{value}, not listed: cargo xtask check --bless")),
        };
        tally.note(&format!("ratchet {name} {key}"), result);
    }
    if tally.failed == 0 {
        tally.note("ratchet", Ok(()));
    }
    tally.note("order of crates", order());
    tally.note("unsafe only in host and platform", forbids());
    Ok(tally)
}

fn count_all() -> Result<Numbers, String> {
    let mut numbers = Numbers::new();
    for name in ORDER {
        let mut sources = Vec::new();
        collect(&place::root().join(name), &mut sources)?;
        let mut texts = BTreeMap::new();
        for path in sources {
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            texts.insert(path, text);
        }
        let tests: Vec<PathBuf> = texts.iter().flat_map(|(path, text)| test_files(path, text)).collect();
        let mut counts = [0; KEYS.len()];
        for (_, text) in texts.iter().filter(|(path, _)| !tests.iter().any(|test| path.starts_with(test))) {
            for (at, value) in count(text).into_iter().enumerate() {
                let is_longest = KEYS[at].starts_with("longest");
                counts[at] = if is_longest { counts[at].max(value) } else { counts[at] + value };
            }
        }
        numbers.extend(KEYS.iter().zip(counts).map(|(key, value)| ((name.to_owned(), *key), value)));
    }
    Ok(numbers)
}

/// The files and folders of the modules that a file declares for tests only.
fn test_files(path: &Path, text: &str) -> Vec<PathBuf> {
    let is_front = path.file_name().is_some_and(|name| name == "mod.rs" || name == "lib.rs" || name == "main.rs");
    let folder = if is_front { path.with_file_name("") } else { path.with_extension("") };
    let masked = source::masked(text);
    let names = source::test_modules(&masked);
    names.into_iter().flat_map(|name| [folder.join(format!("{name}.rs")), folder.join(name)]).collect()
}

/// The numbers of one file, in the order of `KEYS`.
fn count(text: &str) -> [usize; KEYS.len()] {
    let code = source::without_tests(&source::masked(text));
    let unsafe_blocks = code.match_indices("unsafe").filter(|(at, _)| code[at + 6..].trim_start().starts_with('{'));
    let statics = code.lines().map(str::trim_start).map(|l| l.strip_prefix("pub ").unwrap_or(l));
    [
        code.matches(".unwrap()").count() + code.matches(".expect(").count(),
        source::words(&code, "as") - aliases(&code),
        unsafe_blocks.count(),
        statics.filter(|l| l.starts_with("static ") || l.starts_with("pub(crate) static ")).count(),
        text.lines().count(),
        source::longest_function(&code),
    ]
}

/// Uses of `as` that are no casts: imports under another name, and `<T as Trait>`.
fn aliases(code: &str) -> usize {
    let imports = code.split(';').filter(|s| s.trim_start().trim_start_matches("pub ").starts_with("use "));
    let in_imports: usize = imports.map(|s| source::words(s, "as")).sum();
    let qualified = code.match_indices('<').filter(|(at, _)| {
        let head: Vec<&str> = code[at + 1..].split_whitespace().take(2).collect();
        matches!(head[..], [name, "as"] if !name.contains(['>', '(', ';', '=']))
    });
    in_imports + qualified.count()
}

/// All Rust files of a crate but its tests.
fn collect(directory: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let list = fs::read_dir(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    for path in list.filter_map(Result::ok).map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "tests" | "target" | "examples" | "benches") {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "rs") && name != "tests.rs" && name != "build.rs" {
            found.push(path);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Numbers, String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut numbers = Numbers::new();
    for line in text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, key, value] = fields[..] else { return Err(format!("ratchet.txt: {line}")) };
        let key = KEYS.iter().find(|k| **k == key).ok_or(format!("ratchet.txt: {line}"))?;
        let value = value.parse().map_err(|_| format!("ratchet.txt: {line}"))?;
        numbers.insert((name.to_owned(), key), value);
    }
    Ok(numbers)
}

fn write(file: &Path, now: &Numbers, limits: &Numbers) -> Result<(), String> {
    let mut text = String::from("# Numbers that may only fall. `cargo xtask check --bless` writes lower ones.\n");
    for name in ORDER {
        for key in KEYS {
            let at = (name.to_owned(), key);
            let value = now.get(&at).copied().unwrap_or(0);
            let value = limits.get(&at).map_or(value, |limit| value.min(*limit));
            text.push_str(&format!("{name} {key} {value}\n"));
        }
    }
    fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))
}

/// Each manifest names only crates that come before its own.
fn order() -> Result<(), String> {
    for (at, name) in ORDER.iter().enumerate() {
        let manifest = place::root().join(name).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(|e| format!("{}: {e}", manifest.display()))?;
        for used in dependencies(&text) {
            if ORDER[at..].contains(&used) {
                return Err(format!("{name} uses {used}, which does not come before it"));
            }
        }
    }
    Ok(())
}

/// The names below `[dependencies]` and its kin, tests' excepted.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.contains("dev-");
        } else if inside && !line.starts_with('#') {
            names.extend(line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty()));
        }
    }
    names
}

/// Every other crate forbids unsafe code.
fn forbids() -> Result<(), String> {
    for name in ORDER.iter().filter(|name| !UNSAFE.contains(name)) {
        let source = place::root().join(name).join("src");
        let front = ["lib.rs", "main.rs"].iter().map(|f| source.join(f)).filter(|p| p.exists());
        for path in front {
            let text = fs::read_to_string(&path).map_err(|e| e.to_string())?;
            if !text.contains("#![forbid(unsafe_code)]") {
                return Err(format!("{} does not forbid it", path.display()));
            }
        }
    }
    Ok(())
}
