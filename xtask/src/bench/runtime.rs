//! Where programs run: natively, in Nacre, in another runtime.

use super::{Plan, bundle};
use crate::{place, process, real};
use std::path::Path;
use std::process::Command;

/// Where programs run.
pub(super) struct Runtime {
    /// Its name in tables.
    pub(super) name: String,
    /// How it takes a command line.
    pub(super) way: Way,
}

/// How a runtime takes a command line.
pub(super) enum Way {
    /// Behind these words.
    Prefix(Vec<String>),
    /// In a bundle: these words, then `run --bundle DIR ID`.
    Bundle(Vec<String>),
}

/// Native, Nacre, and whatever they are compared with.
pub(super) fn all(nacre: &Path, against: Option<&str>, against_oci: Option<&str>) -> Result<Vec<Runtime>, String> {
    let nacre = [&nacre.to_string_lossy(), "do", "--"].map(str::to_owned).to_vec();
    let runtime = |name: &str, way| Runtime { name: name.to_owned(), way };
    let mut list = vec![runtime("native", Way::Prefix(Vec::new())), runtime("nacre", Way::Prefix(nacre))];
    for (words, way) in [(against, Way::Prefix as fn(_) -> _), (against_oci, Way::Bundle)] {
        let Some(words) = words else { continue };
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let program = words.first().ok_or("--against: no command")?;
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = if list.iter().any(|other| other.name == name) { format!("{name}-oci") } else { name };
        list.push(Runtime { name, way: way(words) });
    }
    Ok(list)
}

impl Runtime {
    /// Programs run on the host itself.
    pub(super) fn is_native(&self) -> bool {
        matches!(&self.way, Way::Prefix(words) if words.is_empty())
    }

    /// The words that run a command line here, pinned to one processor or not.
    pub(super) fn line(&self, words: &[String], pinned: bool, plan: &Plan) -> Result<Vec<String>, String> {
        let whole = match &self.way {
            Way::Prefix(prefix) => [prefix.as_slice(), words].concat(),
            Way::Bundle(runtime) => {
                let (directory, id) = bundle::of_host(words, &variables(plan)?, &plan.scratch)?;
                let run = ["run", "--bundle", &directory, &id].map(str::to_owned);
                [runtime.as_slice(), &run].concat()
            }
        };
        Ok(process::pinned(whole, pinned))
    }

    /// The same as a command.
    pub(super) fn command(&self, words: &[String], pinned: bool, plan: &Plan) -> Result<Command, String> {
        let mut command = process::command(&self.line(words, pinned, plan)?)?;
        command.envs(variables(plan)?).current_dir("/");
        Ok(command)
    }
}

/// What scripts find in their environment.
fn variables(plan: &Plan) -> Result<[(&'static str, String); 2], String> {
    let real = place::absolute(&real::real_root())?;
    Ok([("TIMED", plan.timed.to_string_lossy().into_owned()), ("REAL", real.to_string_lossy().into_owned())])
}
