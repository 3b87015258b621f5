//! Formats.

use super::sysctl::parse_ints;
use super::sysctl_table::TABLE;
use abi::Errno;

#[test]
fn numbers_of_sysctls() {
    assert_eq!(parse_ints(b"1", b"0\n", 0, 1), Ok(b"0".to_vec()));
    assert_eq!(parse_ints(b"1", b"2", 0, 1), Err(Errno::EINVAL));
    assert_eq!(parse_ints(b"1", b"", 0, 1), Err(Errno::EINVAL));
    assert_eq!(parse_ints(b"1", b"x", 0, 1), Err(Errno::EINVAL));
    assert_eq!(parse_ints(b"32768\t60999", b"1024 2000", 1, 65535), Ok(b"1024\t2000".to_vec()));
    // What is not given stays.
    assert_eq!(parse_ints(b"4\t4\t1\t7", b"3", 0, 10), Ok(b"3\t4\t1\t7".to_vec()));
}

#[test]
fn sysctls_of_a_directory_stand_together() {
    let mut seen: Vec<&str> = Vec::new();
    let mut last = "";
    for entry in TABLE {
        let (dir, _) = entry.path.rsplit_once('/').expect("a path");
        let top = dir.split('/').next().expect("a name");
        if top != last {
            assert!(!seen.contains(&top), "{}", entry.path);
            seen.push(top);
            last = top;
        }
        assert_eq!(TABLE.iter().filter(|other| other.path == entry.path).count(), 1, "{}", entry.path);
    }
}
