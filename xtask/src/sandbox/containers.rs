//! Containers by single commands: paused and resumed.

use super::{Place, bundle, descendants, expect};
use crate::process::{Done, End};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A container that is removed in the end, whatever happens. Its `/mnt` is a directory of the host.
struct Container<'a> {
    here: &'a Place,
    root: String,
    id: String,
    mnt: PathBuf,
}

impl<'a> Container<'a> {
    /// Creates and starts one that runs a script.
    fn start(here: &'a Place, name: &str, script: &str) -> Result<Self, String> {
        let mnt = here.scratch.join("mnt");
        // Left by an earlier check, or not there.
        let _ = fs::remove_dir_all(&mnt);
        fs::create_dir_all(&mnt).map_err(|e| e.to_string())?;
        let bundle = bundle(here, &["sh", "-c", script])?;
        let file = Path::new(&bundle).join("config.json");
        let config = fs::read_to_string(&file).map_err(|e| e.to_string())?;
        let bind =
            format!(r#""mounts": [{{"destination": "/mnt", "source": "{}", "options": ["bind"]}},"#, mnt.display());
        fs::write(&file, config.replace(r#""mounts": ["#, &bind)).map_err(|e| e.to_string())?;
        let root = here.scratch.join("state").to_string_lossy().into_owned();
        let container = Self { here, root, id: format!("{name}-{}", std::process::id()), mnt };
        container.must(&["create", "--bundle", &bundle])?;
        container.must(&["start"])?;
        Ok(container)
    }

    /// A subcommand with its options, for this container.
    fn call(&self, words: &[&str], rest: &[&str]) -> Result<Done, String> {
        self.here.call(&[&["--root", &self.root], words, &[&self.id], rest].concat())
    }

    fn must(&self, words: &[&str]) -> Result<Done, String> {
        let done = self.call(words, &[])?;
        if done.end == End::Code(0) { Ok(done) } else { Err(format!("{words:?}: {:?}\n{}", done.end, done.tail(5))) }
    }

    /// It fails and says why.
    fn must_fail(&self, words: &[&str], why: &str) -> Result<(), String> {
        let done = self.call(words, &[])?;
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.end != End::Code(0) && text.contains(why) { Ok(()) } else { Err(format!("{words:?} says {text:?}")) }
    }

    fn status(&self) -> Result<String, String> {
        let state = self.must(&["state"])?;
        let text = String::from_utf8_lossy(&state.stdout).into_owned();
        let status = text.split(r#""status": ""#).nth(1).and_then(|rest| rest.split('"').next());
        status.map(str::to_owned).ok_or(text)
    }

    fn must_be(&self, want: &str) -> Result<(), String> {
        match self.status()? {
            status if status == want => Ok(()),
            status => Err(format!("it is {status}, want {want}")),
        }
    }

    fn must_become(&self, want: &str) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && self.must_be(want).is_err() {
            sleep(Duration::from_millis(20));
        }
        self.must_be(want)
    }

    /// Length of a file in its `/mnt`.
    fn len(&self, name: &str) -> u64 {
        fs::metadata(self.mnt.join(name)).map_or(0, |data| data.len())
    }

    /// Waits until a file in its `/mnt` is longer than that.
    fn await_more(&self, name: &str, len: u64) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.len(name) <= len {
            if Instant::now() > deadline {
                return Err(format!("{name} does not grow beyond {len} bytes"));
            }
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        // What fails here shows as something left behind.
        let _ = self.call(&["delete", "--force"], &[]);
    }
}

/// Processor time of all processes below this one, in clock ticks.
fn ticks() -> u64 {
    let used = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let words: Vec<&str> = text.rsplit(')').next()?.split_whitespace().collect();
        Some(words.get(11)?.parse::<u64>().ok()? + words.get(12)?.parse::<u64>().ok()?)
    };
    descendants(std::process::id()).into_iter().filter_map(used).sum()
}

/// A paused container stands still whatever its programs do, and goes on as if nothing had been.
pub(super) fn pause(here: &Place) -> Result<(), String> {
    let script = "trap 'echo term >> /mnt/term' TERM
        while :; do :; done &
        (sleep 0.6; echo up > /mnt/late) &
        while :; do echo x >> /mnt/count; sleep 0.01; done";
    let container = Container::start(here, "pause", script)?;
    container.await_more("count", 10)?;
    container.must(&["pause"])?;
    container.must_be("paused")?;
    let list = container.here.call(&["--root", &container.root, "list"])?;
    if !String::from_utf8_lossy(&list.stdout).contains("paused") {
        return Err(format!("the list does not say it\n{}", list.tail(5)));
    }
    container.must_fail(&["pause"], "not running")?;
    container.must_fail(&["delete"], "paused")?;
    // A signal waits.
    expect(&container.call(&["kill"], &["TERM"])?, End::Code(0), "")?;
    let (count, before) = (container.len("count"), ticks());
    sleep(Duration::from_secs(1));
    let used = ticks() - before;
    if container.len("count") != count || container.len("late") + container.len("term") != 0 {
        return Err("it goes on while it is paused".to_owned());
    }
    if used > 1 {
        return Err(format!("paused, it uses {used} ticks in a second"));
    }
    container.must(&["resume"])?;
    container.must_be("running")?;
    container.must_fail(&["resume"], "not paused")?;
    container.await_more("count", count)?;
    container.await_more("late", 0)?;
    container.await_more("term", 0)?;
    // SIGKILL does not wait.
    container.must(&["pause"])?;
    expect(&container.call(&["kill"], &["KILL"])?, End::Code(0), "")?;
    container.must_become("stopped")?;
    container.must_fail(&["pause"], "not running")?;
    container.must_fail(&["resume"], "not paused")?;
    drop(container);
    // Nor does removal.
    let container = Container::start(here, "pause", "while :; do :; done")?;
    container.must(&["pause"])?;
    container.must(&["delete", "--force"])?;
    container.must_fail(&["state"], "no container")
}

/// Paused before it is started, a container can be started only after it was resumed; as runc has it.
pub(super) fn pause_created(here: &Place) -> Result<(), String> {
    let bundle = bundle(here, &["true"])?;
    let root = here.scratch.join("state").to_string_lossy().into_owned();
    let id = format!("early-{}", std::process::id());
    let container = Container { here, root, id, mnt: here.scratch.join("mnt") };
    container.must(&["create", "--bundle", &bundle])?;
    container.must(&["pause"])?;
    container.must_fail(&["start"], "paused")?;
    container.must(&["resume"])?;
    container.must_be("created")?;
    container.must(&["start"])?;
    container.must_become("stopped")
}
