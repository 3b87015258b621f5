//! execve(2) in a process of several threads: the others end, the caller takes the first thread's place.

use crate::signal::{GroupStop, ThreadStop};
use crate::task::CurrentTask;
use crate::tree::{State, ThreadNode};
use abi::Errno;
use abi::poll::Events;
use sync::Woken;

impl CurrentTask {
    /// Ends the other threads of the process and takes over its id. `EAGAIN`: the process is ending, or another
    /// thread came first.
    pub(crate) fn dethread(&mut self) -> Result<(), Errno> {
        self.end_others()?;
        let group = self.group().clone();
        let word = self.task().word().clone();
        let registration = group.thread_events.add(Events::IN, word.clone());
        let result = loop {
            word.arm();
            if self.is_alone() {
                break Ok(());
            }
            if word.sleep_killable(None) == Woken::Interrupted {
                break Err(Errno::EAGAIN);
            }
        };
        group.thread_events.remove(registration);
        if result.is_ok() {
            self.take_leadership();
        }
        group.signals.lock().exec = None;
        result
    }

    fn end_others(&self) -> Result<(), Errno> {
        let serial = self.task().serial();
        let mut signals = self.group().signals.lock();
        if signals.ending.is_some() || signals.exec.is_some() {
            return Err(Errno::EAGAIN);
        }
        signals.exec = Some(serial);
        signals.stop = GroupStop::Running;
        for (&other, thread) in &mut signals.threads {
            thread.stop = ThreadStop::Running;
            if other != serial {
                thread.is_exec_victim = true;
                thread.task.end_sleeps();
            }
        }
        Ok(())
    }

    /// No other thread is left but a first one that is dead. Others that are dead may wait for their tracers.
    fn is_alone(&self) -> bool {
        let tree = self.kernel().tree();
        let Some(node) = tree.node_of(self.group()) else { return true };
        let serial = self.task().serial();
        let is_dead_leader = |thread: &ThreadNode| thread.state == State::Zombie && thread.task.is_leader();
        node.threads.iter().all(|thread| thread.task.serial() == serial || is_dead_leader(thread))
    }

    fn take_leadership(&self) {
        let mut tree = self.kernel().tree();
        let task = self.task();
        let id = self.group().pid().root();
        let Some(node) = tree.node_mut(id) else { return };
        node.has_execed = true;
        let leader = node
            .threads
            .iter()
            .map(|t| &t.task)
            .find(|other| other.serial() != task.serial() && other.pid().root() == id)
            .cloned();
        if let Some(leader) = leader {
            self.group().add_thread_usage(&leader.usage());
            let tracer = tree.tracer_of(&leader).and_then(|tracer| tree.node(tracer.group));
            let tracer = tracer.map(|tracer| tracer.group.clone());
            tree.take_over(task, &leader);
            if let Some(node) = tree.node_of_mut(self.group()) {
                node.exit_signal = abi::signal::SIGCHLD;
            }
            // Who traced the first thread waits for it in vain.
            if let Some(tracer) = tracer {
                tracer.child_events.notify(Events::IN);
            }
        }
    }
}
