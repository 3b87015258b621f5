use super::*;
use vfs::UserNamespace;

fn ids(tree: &mut Tree, namespace: &Arc<PidNamespace>, wanted: &[i32]) -> Result<Vec<i32>, Errno> {
    let pid = tree.new_pid(namespace, wanted)?;
    Ok(namespace.path().iter().map(|ns| pid.within(ns)).collect())
}

#[test]
fn ids_of_nested_namespaces() {
    let user = UserNamespace::root();
    let root = PidNamespace::root(1, user.clone());
    let inner = root.child(2, user).expect("not deep");
    let mut tree = Tree::default();
    assert_eq!(ids(&mut tree, &root, &[]), Ok(vec![1]));
    // A namespace begins with its init.
    assert_eq!(ids(&mut tree, &inner, &[7]), Err(Errno::EINVAL));
    assert_eq!(ids(&mut tree, &inner, &[]), Ok(vec![2, 1]));
    assert_eq!(ids(&mut tree, &inner, &[7, 100]), Ok(vec![100, 7]));
    assert_eq!(ids(&mut tree, &inner, &[7]), Err(Errno::EEXIST));
    assert_eq!(ids(&mut tree, &inner, &[]), Ok(vec![3, 2]));
    assert_eq!(tree.ids_in(&inner).len(), 3);
    inner.close();
    assert_eq!(ids(&mut tree, &inner, &[]), Err(Errno::ENOMEM));
    assert_eq!(ids(&mut tree, &root, &[]), Ok(vec![4]));
}

#[test]
fn ids_are_used_again_only_after_a_round() {
    let root = PidNamespace::root(1, UserNamespace::root());
    let mut tree = Tree::default();
    let first = tree.new_pid(&root, &[]).expect("room");
    let second = tree.new_pid(&root, &[]).expect("room");
    tree.forget_pid(&second);
    assert_eq!(ids(&mut tree, &root, &[]), Ok(vec![3]));
    assert_eq!(ids(&mut tree, &root, &[second.root()]), Ok(vec![2]));
    assert_eq!(first.root(), 1);
    tree.tables.get_mut(&1).expect("the root's").last = PID_MAX - 1;
    assert_eq!(ids(&mut tree, &root, &[]), Ok(vec![RESERVED_PIDS]));
}
