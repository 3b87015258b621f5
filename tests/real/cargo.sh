# cargo builds, tests and runs a small crate without dependencies.
# needs: cargo gcc
# limit: 300
set -eu
export CARGO_NET_OFFLINE=true
cargo -q new --vcs none pearl
cd pearl
cat > src/main.rs << 'RS'
use std::{collections::HashMap, process::Command, sync::mpsc, thread};
fn main() {
    let (send, receive) = mpsc::channel();
    for n in 0..8u64 { let send = send.clone(); thread::spawn(move || send.send((0..=n * 1000).sum::<u64>()).unwrap()); }
    drop(send);
    println!("sum {}", receive.iter().sum::<u64>());
    let words: HashMap<usize, usize> = "to be or not to be".split(' ').fold(HashMap::new(), |mut m, w| { *m.entry(w.len()).or_default() += 1; m });
    println!("words {:?}", words.get(&2));
    println!("child {:?}", Command::new("sh").args(["-c", "exit 3"]).status().unwrap().code());
    println!("panic {}", std::panic::catch_unwind(|| panic!()).is_err());
}
#[test]
fn adds() { assert_eq!(1 + 1, 2); }
RS
cargo -q run 2> /dev/null
cargo -q run --release 2> /dev/null | head -1
cargo -q test 2> /dev/null | grep -c 'test result: ok. 1 passed'
