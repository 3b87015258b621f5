//! What the host does to files while a sandbox uses them.

use super::{PATIENCE, Place};
use crate::process::{self, End};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Instant;

/// Ends what a command of a [`Shell`] prints.
const MARK: &str = "-- done --\n";

/// A shell in a sandbox that is told line by line what to do; what each line prints ends with a mark.
struct Shell {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Shell {
    fn start(here: &Place, options: &[&str]) -> Result<Self, String> {
        let mut command = process::command(&here.line(options, &["sh"]))?;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
        let stdin = child.stdin.take().ok_or("no stdin")?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        Ok(Self { child, stdin, stdout })
    }

    /// What a command prints, errors included.
    fn says(&mut self, command: &str) -> Result<String, String> {
        writeln!(self.stdin, "{{ {command}; }} 2>&1; echo; echo {}", MARK.trim_end()).map_err(|e| e.to_string())?;
        let mut text = String::new();
        while !text.ends_with(MARK) {
            if self.stdout.read_line(&mut text).map_err(|e| e.to_string())? == 0 {
                return Err(format!("the sandbox ended at {command:?}: {text:?}"));
            }
        }
        // With the empty line in front of it: what a command prints need not end with a line's end.
        text.truncate(text.len() - MARK.len() - 1);
        Ok(text)
    }

    fn expect(&mut self, command: &str, want: &str) -> Result<(), String> {
        let got = self.says(command)?;
        if got == want { Ok(()) } else { Err(format!("{command:?} says {got:?}, want {want:?}")) }
    }

    fn end(self) -> Result<(), String> {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        match process::wait(&mut child, Instant::now() + PATIENCE)? {
            End::Code(0) => Ok(()),
            end => Err(format!("the shell ended with {end:?}")),
        }
    }
}

/// Whatever the sandbox looked up in a bind mount before, it sees what the host does there since.
pub(super) fn binds(here: &Place) -> Result<(), String> {
    let shared = here.scratch.join("changing");
    // Of an earlier run.
    let _ = fs::remove_dir_all(&shared);
    let text = |error: std::io::Error| error.to_string();
    fs::create_dir_all(shared.join("d")).map_err(text)?;
    fs::write(shared.join("d/f"), "one\n").map_err(text)?;
    let mut shell = Shell::start(here, &["--bind", &format!("{}:/mnt", shared.display())])?;
    for _ in 0..2 {
        shell.expect("cat /mnt/d/f; stat -c '%s %a' /mnt/d/f; ls /mnt/d", "one\n4 644\nf\n")?;
        shell.expect("test -e /mnt/d/new || echo absent", "absent\n")?;
    }
    fs::write(shared.join("d/f"), "longer\n").map_err(text)?;
    fs::set_permissions(shared.join("d/f"), fs::Permissions::from_mode(0o600)).map_err(text)?;
    fs::write(shared.join("d/new"), "new\n").map_err(text)?;
    shell.expect("cat /mnt/d/f /mnt/d/new; stat -c '%s %a' /mnt/d/f; ls /mnt/d", "longer\nnew\n7 600\nf\nnew\n")?;
    fs::rename(shared.join("d/new"), shared.join("d/f")).map_err(text)?;
    shell.expect("cat /mnt/d/f; stat -c %s /mnt/d/f; ls /mnt/d", "new\n4\nf\n")?;
    fs::rename(shared.join("d"), shared.join("e")).map_err(text)?;
    shell.expect("test -e /mnt/d/f || echo gone; cat /mnt/e/f", "gone\nnew\n")?;
    std::os::unix::fs::symlink("e/f", shared.join("link")).map_err(text)?;
    shell.expect("cat /mnt/link; readlink /mnt/link", "new\ne/f\n")?;
    fs::remove_file(shared.join("link")).map_err(text)?;
    std::os::unix::fs::symlink("e", shared.join("link")).map_err(text)?;
    shell.expect("cat /mnt/link/f; readlink /mnt/link", "new\ne\n")?;
    fs::remove_dir_all(shared.join("e")).map_err(text)?;
    shell.expect("test -e /mnt/link/f || echo gone; ls /mnt", "gone\nlink\n")?;
    shell.end()
}

/// What the host does to the image below a running sandbox shows or does not; files that shrink, vanish or become
/// something else do no more harm than that. The sandbox's own changes always show.
pub(super) fn image(here: &Place) -> Result<(), String> {
    let image = here.scratch.join("image");
    // Of an earlier run.
    let _ = fs::remove_dir_all(&image);
    let text = |error: std::io::Error| error.to_string();
    fs::create_dir_all(image.join("d/sub")).map_err(text)?;
    fs::write(image.join("big"), vec![b'x'; 1 << 20]).map_err(text)?;
    for name in ["file", "d/a", "d/b", "d/sub/c"] {
        fs::write(image.join(name), format!("{name}\n")).map_err(text)?;
    }
    std::os::unix::fs::symlink("file", image.join("link")).map_err(text)?;
    let mut shell = Shell::start(here, &["--cwd", &image.to_string_lossy()])?;
    shell.expect("wc -c < big; cat file link d/a d/sub/c; ls d", "1048576\nfile\nfile\nd/a\nd/sub/c\na\nb\nsub\n")?;
    // Changes from inside: over the image, beside it, in place of it.
    shell.expect(
        "echo own > d/a; cat d/a; rm d/b; ls d; cat d/b || echo none",
        "own\na\nsub\ncat: d/b: No such file or directory\nnone\n",
    )?;
    shell.expect(
        "rm link; ln -s d/a link; cat link; mv file moved; cat moved; ls",
        "own\nfile\nbig\nd\nlink\nmoved\n",
    )?;
    shell.expect(
        "mkdir new; echo n > new/n; ls new; rm -r new; ls new || echo none",
        "n\nls: cannot access 'new': No such file or directory\nnone\n",
    )?;
    shell.expect(
        "for i in 1 2; do echo $i > temporary; cat temporary; rm temporary; test -e temporary || echo gone; done",
        "1\ngone\n2\ngone\n",
    )?;
    // Changes from outside.
    fs::write(image.join("big"), "small").map_err(text)?;
    shell.says("cat big; dd if=big of=copy bs=64k; tail -c 10 big; cp big copy; echo more >> big; wc -c big")?;
    fs::remove_file(image.join("big")).map_err(text)?;
    fs::create_dir(image.join("big")).map_err(text)?;
    fs::remove_dir_all(image.join("d")).map_err(text)?;
    fs::write(image.join("d"), "no directory").map_err(text)?;
    shell.says("cat big; ls -lR; cat d/sub/c; cd d/sub; ls; cd ../..; rm -r d; ls; find .")?;
    shell.expect("echo alive > new; cat new", "alive\n")?;
    shell.end()
}
