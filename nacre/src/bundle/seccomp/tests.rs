use super::*;
use abi::seccomp::{AUDIT_ARCH_X86_64, Data, RET_ALLOW, RET_ERRNO, RET_KILL_THREAD, RET_TRAP};
use serde_json::{Value, json};

const EPERM: u32 = RET_ERRNO + 1;
const ENOSYS: u32 = RET_ERRNO + 38;

fn made(profile: Value) -> Result<Filter> {
    filter(&serde_json::from_value(profile).expect("a profile"))
}

fn verdict_of(filter: &Filter, name: &str, args: [u64; 6]) -> u32 {
    let nr = number(name).expect("a call") as i32;
    filter.setting().expect("a program").program.run(&Data { nr, arch: AUDIT_ARCH_X86_64, args, ..Data::default() })
}

#[test]
fn names_and_defaults() {
    let filter = made(json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [
            {"names": ["read", "no_such_call", "openat2", "futex_waitv"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["ptrace"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
            {"names": ["mount"], "action": "SCMP_ACT_TRAP"}
        ]
    }))
    .expect("a filter");
    let call = |name: &str| verdict_of(&filter, name, [0; 6]);
    assert_eq!(["read", "openat2"].map(call), [RET_ALLOW; 2]);
    assert_eq!(["write", "ptrace", "mount", "mseal"].map(call), [EPERM, ENOSYS, RET_TRAP, ENOSYS]);
    let other = |nr: u32, arch: u32| {
        filter.setting().expect("a program").program.run(&Data { nr: nr as i32, arch, ..Data::default() })
    };
    assert_eq!(other(0, 0x4000_0003), RET_KILL_THREAD, "another processor");
    assert_eq!(other(0x4000_0000, AUDIT_ARCH_X86_64), RET_KILL_THREAD, "x32 is not listed");
    assert_eq!(other(u32::MAX, AUDIT_ARCH_X86_64), ENOSYS);
    assert_eq!(filter.setting().expect("a program").program.run_known(0, AUDIT_ARCH_X86_64), Some(RET_ALLOW));
}

#[test]
fn newer_calls_are_left_to_a_permissive_profile() {
    let filter = made(json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]
    }))
    .expect("a filter");
    assert_eq!(verdict_of(&filter, "mkdir", [0; 6]), RET_ERRNO + 13);
    assert_eq!(verdict_of(&filter, "mseal", [0; 6]), RET_ALLOW);
}

#[test]
fn conditions() {
    type Holds = fn(u64) -> bool;
    const VALUE: u64 = 0x1_0000_0002;
    let cases: [(&str, Holds); 6] = [
        ("SCMP_CMP_EQ", |arg| arg == VALUE),
        ("SCMP_CMP_NE", |arg| arg != VALUE),
        ("SCMP_CMP_LT", |arg| arg < VALUE),
        ("SCMP_CMP_LE", |arg| arg <= VALUE),
        ("SCMP_CMP_GE", |arg| arg >= VALUE),
        ("SCMP_CMP_GT", |arg| arg > VALUE),
    ];
    let halves = [0, 1, 2, 3, u64::from(u32::MAX)];
    for (op, holds) in cases {
        let args = json!([{"index": 5, "value": VALUE, "op": op}]);
        let filter = made(json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "syscalls": [{"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": args}]
        }))
        .expect("a filter");
        for arg in halves.iter().flat_map(|high| halves.map(|low| high << 32 | low)) {
            let wanted = if holds(arg) { RET_ALLOW } else { EPERM };
            assert_eq!(verdict_of(&filter, "ioctl", [0, 0, 0, 0, 0, arg]), wanted, "{arg:#x} {op}");
        }
    }
}

#[test]
fn masks_and_several_conditions() {
    let filter = made(json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "syscalls": [
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 0x7e02_0000u64, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
            {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 22,
             "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}, {"index": 2, "value": 9, "op": "SCMP_CMP_EQ"}]},
            {"names": ["socket"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["personality"], "action": "SCMP_ACT_ALLOW",
             "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}
        ]
    }))
    .expect("a filter");
    let first = |name: &str, arg: u64| verdict_of(&filter, name, [arg, 0, 0, 0, 0, 0]);
    assert_eq!([first("clone", 0x11), first("clone", 0x1000_0011)], [RET_ALLOW, EPERM]);
    assert_eq!(verdict_of(&filter, "socket", [16, 0, 9, 0, 0, 0]), RET_ALLOW, "one without conditions comes first");
    assert_eq!([0, 8, 1].map(|arg| first("personality", arg)), [RET_ALLOW, RET_ALLOW, EPERM]);
}

#[test]
fn what_cannot_be() {
    let notify = json!({"defaultAction": "SCMP_ACT_NOTIFY"});
    assert!(made(notify).is_err());
    let index = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["read"], "action": "SCMP_ACT_TRAP",
                      "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]
    });
    assert!(made(index).is_err());
}

#[test]
fn long_profiles() {
    let args = |value: u64| json!([{"index": 1, "value": value, "op": "SCMP_CMP_EQ"}]);
    let profile = |count: u64| {
        let entries: Vec<Value> =
            (0..count).map(|n| json!({"names": ["ioctl"], "action": "SCMP_ACT_ALLOW", "args": args(n)})).collect();
        json!({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": entries})
    };
    let filter = made(profile(700)).expect("a filter");
    assert_eq!(verdict_of(&filter, "ioctl", [0, 699, 0, 0, 0, 0]), RET_ALLOW);
    assert_eq!(verdict_of(&filter, "futex", [0; 6]), ENOSYS);
    assert_eq!(verdict_of(&filter, "read", [0; 6]), EPERM);
    assert!(made(profile(900)).is_err(), "more than Linux takes");
}
