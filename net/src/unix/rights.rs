//! Descriptors under way in messages (`SCM_RIGHTS`), and the collection of those that nobody can reach.
//!
//! A unix socket in a message in its own receive queue, or a ring of such, keeps itself alive. The
//! registry is the graph of it: sockets under way are its nodes, "lies in the queue of" its edges. A
//! socket is alive when somebody holds it outside messages, or when it lies in the queue of a live one.
//! A message is in the graph from before it enters a queue until after its files were given out, so at
//! any moment a file has at least as many owners as places in the graph; equally many means that nobody
//! else holds it.

use super::endpoint::Endpoint;
use crate::socket::Socket;
use abi::Errno;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use sync::{Mutex, Rank};
use vfs::{Caller, Capability, OpenFile};

/// Most descriptors under way in a sandbox, whoever sent them.
const IN_FLIGHT_MAX: usize = 1 << 18;
/// Sockets under way up to which garbage is searched for at every chance.
const EAGER: usize = 64;
/// `RLIMIT_NOFILE`.
const RLIMIT_NOFILE: u32 = 7;

/// A socket's place in the graph.
#[derive(Debug)]
pub(crate) struct Node {
    id: u64,
    /// While a connection waits to be accepted: the listener that it will come from, else 0.
    pub(crate) listener: AtomicU64,
}

impl Node {
    /// The node through which it is reached: its listener's until it is accepted.
    fn reached_by(&self) -> u64 {
        match self.listener.load(SeqCst) {
            0 => self.id,
            listener => listener,
        }
    }

    pub(crate) const fn id(&self) -> u64 {
        self.id
    }
}

struct Vertex {
    file: Weak<OpenFile>,
    /// Where it lies: the receivers of the messages, and how often with each.
    places: HashMap<u64, (Arc<Node>, usize)>,
    /// How often it lies anywhere.
    count: usize,
}

#[derive(Default)]
struct Graph {
    vertices: HashMap<u64, Vertex>,
    /// Descriptors under way by user.
    users: HashMap<u32, usize>,
    total: usize,
    /// Sockets closed or sent since the last search for garbage.
    events: usize,
}

/// All descriptors under way in a sandbox.
pub(crate) struct Registry {
    next_node: AtomicU64,
    graph: Mutex<Graph>,
    /// Unix sockets under way: nothing to collect while there are none.
    sockets: AtomicUsize,
    /// Files to be dropped, and whether somebody is at it: dropping a file may drop messages with more
    /// files, which must not nest.
    grave: Mutex<(Vec<Arc<OpenFile>>, bool)>,
}

/// The files of one message in, or on its way to, a receiver's queue.
pub(crate) struct Rights {
    files: Vec<Arc<OpenFile>>,
    receiver: Arc<Node>,
    user: u32,
    registry: Arc<Registry>,
}

/// The unix socket that a file is.
fn endpoint(file: &OpenFile) -> Option<&Endpoint> {
    file.downcast::<Socket>()?.endpoint()
}

impl Registry {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            next_node: AtomicU64::new(1),
            graph: Mutex::new(Rank::Leaf, Graph::default()),
            sockets: AtomicUsize::new(0),
            grave: Mutex::new(Rank::Leaf, (Vec::new(), false)),
        })
    }

    /// A place in the graph for a new socket.
    pub(crate) fn node(&self) -> Arc<Node> {
        Arc::new(Node { id: self.next_node.fetch_add(1, SeqCst), listener: AtomicU64::new(0) })
    }

    /// Takes files into a message for `receiver`. `ETOOMANYREFS` when the sender has more under way than
    /// it may have open.
    pub(crate) fn attach(
        self: &Arc<Self>,
        caller: &Caller,
        files: Vec<Arc<OpenFile>>,
        receiver: &Arc<Node>,
    ) -> Result<Rights, Errno> {
        let user = caller.creds.uid;
        let may_exceed =
            caller.creds.has_in_root(Capability::SysResource) || caller.creds.has_in_root(Capability::SysAdmin);
        let limit = caller.process.limit(RLIMIT_NOFILE);
        let nodes: Vec<_> = files.iter().map(|file| endpoint(file).map(|endpoint| endpoint.node.id())).collect();
        {
            let mut graph = self.graph.lock();
            let mine = graph.users.get(&user).copied().unwrap_or(0);
            if graph.total + files.len() > IN_FLIGHT_MAX || (mine as u64 > limit && !may_exceed) {
                return Err(Errno::ETOOMANYREFS);
            }
            graph.total += files.len();
            *graph.users.entry(user).or_default() += files.len();
            for (file, node) in files.iter().zip(nodes) {
                let Some(node) = node else { continue };
                let vertex = graph.vertices.entry(node).or_insert_with(|| Vertex {
                    file: Arc::downgrade(file),
                    places: HashMap::new(),
                    count: 0,
                });
                vertex.count += 1;
                vertex.places.entry(receiver.id).or_insert_with(|| (receiver.clone(), 0)).1 += 1;
                self.sockets.fetch_add(1, SeqCst);
            }
        }
        Ok(Rights { files, receiver: receiver.clone(), user, registry: self.clone() })
    }

    fn detach(&self, rights: &Rights) {
        let nodes: Vec<_> = rights.files.iter().map(|file| endpoint(file).map(|endpoint| endpoint.node.id())).collect();
        let mut graph = self.graph.lock();
        graph.total -= rights.files.len();
        if let Some(count) = graph.users.get_mut(&rights.user) {
            *count -= rights.files.len();
            if *count == 0 {
                graph.users.remove(&rights.user);
            }
        }
        for node in nodes.into_iter().flatten() {
            let Some(vertex) = graph.vertices.get_mut(&node) else { continue };
            let Some(place) = vertex.places.get_mut(&rights.receiver.id) else { continue };
            place.1 -= 1;
            if place.1 == 0 {
                vertex.places.remove(&rights.receiver.id);
            }
            vertex.count -= 1;
            if vertex.count == 0 {
                graph.vertices.remove(&node);
            }
            self.sockets.fetch_sub(1, SeqCst);
        }
    }

    /// Drops files without nesting, however deep messages lie in each other.
    fn bury(&self, files: Vec<Arc<OpenFile>>) {
        {
            let mut grave = self.grave.lock();
            grave.0.extend(files);
            if std::mem::replace(&mut grave.1, true) {
                return;
            }
        }
        loop {
            let next = {
                let mut grave = self.grave.lock();
                let next = grave.0.pop();
                grave.1 = next.is_some();
                next
            };
            if next.is_none() {
                return;
            }
        }
    }

    /// Frees the sockets that only unreachable messages hold: `unix(7)`, "garbage collection". Called when a
    /// unix socket is closed and when one is sent; costs nothing while none is under way.
    pub(crate) fn collect(&self) {
        if self.sockets.load(SeqCst) == 0 {
            return;
        }
        let garbage = {
            let mut graph = self.graph.lock();
            graph.events += 1;
            // A search costs as much as the graph is large: each of its sockets pays for a part.
            if graph.vertices.len() > EAGER && graph.events < graph.vertices.len() {
                return;
            }
            graph.events = 0;
            garbage(&graph)
        };
        for endpoint in garbage.iter().filter_map(|file| endpoint(file)) {
            endpoint.purge();
        }
        self.bury(garbage);
    }

    /// Descriptors under way.
    #[cfg(test)]
    pub(crate) fn total(&self) -> usize {
        self.graph.lock().total
    }
}

/// The files that cannot be reached.
fn garbage(graph: &Graph) -> Vec<Arc<OpenFile>> {
    // A ring needs a socket under way in the queue of a socket under way.
    let in_flight = |node: &Node| graph.vertices.contains_key(&node.reached_by());
    if !graph.vertices.values().any(|vertex| vertex.places.values().any(|(node, _)| in_flight(node))) {
        return Vec::new();
    }
    let mut holds: HashMap<u64, Vec<u64>> = HashMap::new();
    let mut alive = HashSet::new();
    let mut work = Vec::new();
    for (&id, vertex) in &graph.vertices {
        let is_held = vertex.file.strong_count() > vertex.count;
        if is_held || vertex.places.values().any(|(node, _)| !in_flight(node)) {
            alive.insert(id);
            work.push(id);
        }
        for (node, _) in vertex.places.values() {
            holds.entry(node.reached_by()).or_default().push(id);
        }
    }
    while let Some(id) = work.pop() {
        for &held in holds.get(&id).into_iter().flatten() {
            if alive.insert(held) {
                work.push(held);
            }
        }
    }
    let dead = graph.vertices.iter().filter(|(id, _)| !alive.contains(id));
    dead.filter_map(|(_, vertex)| vertex.file.upgrade()).collect()
}

impl Rights {
    /// The files, which stay under way: for `MSG_PEEK`.
    pub(crate) fn peek(&self) -> Vec<Arc<OpenFile>> {
        self.files.clone()
    }

    /// The files, received.
    pub(crate) fn receive(mut self) -> Vec<Arc<OpenFile>> {
        // They leave the graph while `self` still counts as an owner beside the result.
        let files = self.files.clone();
        self.registry.detach(&self);
        self.files.clear();
        files
    }
}

impl Drop for Rights {
    fn drop(&mut self) {
        if !self.files.is_empty() {
            self.registry.detach(self);
            self.registry.bury(std::mem::take(&mut self.files));
        }
    }
}
