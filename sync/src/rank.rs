//! The one order of locks.

/// Place of a lock in the order: a thread that holds a lock takes only locks of higher rank.
///
/// Checked at run time in debug builds. Add a lock where it belongs, with what it protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rank {
    /// Sandbox control: containers, start, stop.
    Control,
    /// State of an open file: its offset.
    Offset,
    /// A mount namespace's tree of mounts.
    Mounts,
    /// Moves of directories within one filesystem, as the vfs sees them.
    Moves,
    /// Names of a directory as the vfs keeps them; parent before child.
    Names,
    /// An object of an overlay, while it is copied up.
    CopyUp,
    /// The names of an overlay: which layer an object is in, and where.
    Layers,
    /// Renames across directories of one filesystem.
    Rename,
    /// Contents of a directory inode; parent before child.
    Directory,
    /// Children of a dentry.
    Dentry,
    /// Writers of a file in memory, one after the other, while bytes come from guest memory.
    Writers,
    /// Epoll instances (an instance inside another one is checked for depth, not by rank).
    Epoll,
    /// A pipe: held while bytes go to or come from guest memory.
    Pipe,
    /// What a timer that sends signals is set to; clocks of processes are read under it.
    Setting,
    /// The process tree: parents, groups, sessions, exit states.
    Tree,
    /// Pending signals, masks and stops of a process and its threads.
    Signals,
    /// A table of signal handlers.
    Handlers,
    /// Bytes of a stream socket under way in one direction; user memory is copied under it.
    Stream,
    /// Buckets of the futex table; words are read under it.
    Futex,
    /// The mappings of an address space.
    Mappings,
    /// Pages and size of a file in memory.
    FileData,
    /// A terminal.
    Tty,
    /// A socket.
    Socket,
    /// Tables of a network stack: ports, abstract names.
    Stack,
    /// A table of IPC objects.
    Ipc,
    /// A pipe, an eventfd, or another small file with a buffer.
    Buffer,
    /// Attachments of an inode: locks, FIFO, watches.
    Inode,
    /// A descriptor table.
    FdTable,
    /// Root, working directory and umask of a process.
    FsContext,
    /// What a task lets others see.
    Task,
    /// The platform's first process, while it forks.
    Platform,
    /// One guest address space on the host: descriptor passing, slots.
    Space,
    /// Timers that are armed (not held while one fires).
    Timers,
    /// Entries of a wait queue.
    WaitQueue,
    /// Leaf: nothing but the name cache is taken under it.
    Leaf,
    /// Links between cached names: taken when the last user of a name goes, under whatever lock.
    Cache,
}
