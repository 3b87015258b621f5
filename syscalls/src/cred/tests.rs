//! Tests of the rules, after `capabilities(7)` and the man pages of the calls.

use super::rules::{Ids, Kind, drop_bounding, set_all, set_ambient, set_caps, set_fs, set_id, set_keep_caps};
use super::rules::{set_real_effective, set_securebits};
use abi::Errno;
use vfs::{Capability, Credentials, UserNamespace};

fn root() -> Credentials {
    Credentials::root(UserNamespace::root())
}

fn user(id: u32) -> Credentials {
    set_all(&root(), Kind::User, [Some(id); 3]).expect("root may")
}

const fn ids(creds: &Credentials) -> [u32; 4] {
    let ids = Ids::of(creds, Kind::User);
    [ids.real, ids.effective, ids.saved, ids.fs]
}

#[test]
fn root_gives_up_its_rights() {
    let gone = set_id(&root(), Kind::User, 5).expect("root may");
    assert_eq!(ids(&gone), [5; 4]);
    assert_eq!((gone.permitted, gone.effective), (0, 0));
    assert_eq!(set_id(&gone, Kind::User, 0).err(), Some(Errno::EPERM));
    let kept = set_keep_caps(&root(), true).expect("not locked");
    let kept = set_id(&kept, Kind::User, 5).expect("root may");
    assert_eq!((kept.permitted, kept.effective), (Capability::ALL, 0));
}

#[test]
fn effective_id_comes_and_goes() {
    let aside = set_all(&root(), Kind::User, [None, Some(5), None]).expect("root may");
    assert_eq!((ids(&aside), aside.effective, aside.permitted), ([0, 5, 0, 5], 0, Capability::ALL));
    let back = set_all(&aside, Kind::User, [None, Some(0), None]).expect("its real id");
    assert_eq!(back.effective, Capability::ALL);
}

#[test]
fn without_rights_only_own_ids() {
    let mixed = Credentials { uid: 1, euid: 2, suid: 3, fsuid: 2, ..user(1) };
    assert_eq!(set_id(&mixed, Kind::User, 3).map(|c| ids(&c)), Ok([1, 3, 3, 3]));
    assert_eq!(set_id(&mixed, Kind::User, 2).err(), Some(Errno::EPERM));
    assert_eq!(set_real_effective(&mixed, Kind::User, Some(2), Some(1)).map(|c| ids(&c)), Ok([2, 1, 1, 1]));
    assert_eq!(set_real_effective(&mixed, Kind::User, Some(3), None).err(), Some(Errno::EPERM));
    assert_eq!(set_real_effective(&mixed, Kind::User, None, Some(1)).map(|c| ids(&c)), Ok([1, 1, 3, 1]));
    assert_eq!(set_all(&mixed, Kind::User, [Some(3), Some(1), Some(2)]).map(|c| ids(&c)), Ok([3, 1, 2, 1]));
    assert_eq!(set_all(&mixed, Kind::User, [None, Some(9), None]).err(), Some(Errno::EPERM));
    assert!(set_fs(&mixed, Kind::User, 9).is_none());
    assert_eq!(set_fs(&mixed, Kind::User, 3).map(|c| c.fsuid), Some(3));
}

#[test]
fn file_system_id_takes_its_capabilities_along() {
    let aside = set_fs(&root(), Kind::User, 5).expect("root may");
    assert!(!aside.has(Capability::DacOverride) && aside.has(Capability::Kill));
    assert!(set_fs(&aside, Kind::User, 0).expect("its real id").has(Capability::DacOverride));
}

#[test]
fn capability_sets() {
    let kill = Capability::Kill.bit();
    let some = set_caps(&root(), kill, kill, kill).expect("fewer");
    assert_eq!((some.effective, some.permitted, some.inheritable), (kill, kill, kill));
    assert_eq!(set_caps(&some, 0, kill | 1, 0).err(), Some(Errno::EPERM));
    assert_eq!(set_caps(&some, kill, 0, 0).err(), Some(Errno::EPERM));
    let raised = set_ambient(&some, kill, true).expect("permitted and inheritable");
    assert_eq!(set_caps(&raised, kill, kill, 0).map(|c| c.ambient), Ok(0));
    assert_eq!(set_ambient(&some, 1, true).err(), Some(Errno::EPERM));
    assert_eq!(drop_bounding(&some, 1).err(), Some(Errno::EPERM));
    assert_eq!(drop_bounding(&root(), 1).map(|c| c.bounding), Ok(Capability::ALL & !1));
}

#[test]
fn secure_bits_lock() {
    let locked = set_securebits(&root(), 0b11).expect("root may");
    assert_eq!(set_securebits(&locked, 0b10).err(), Some(Errno::EPERM));
    assert_eq!(set_securebits(&locked, 0b01).err(), Some(Errno::EPERM));
    assert_eq!(set_securebits(&root(), 1 << 20).err(), Some(Errno::EPERM));
    assert!(set_securebits(&locked, 0b1111).is_ok());
}
