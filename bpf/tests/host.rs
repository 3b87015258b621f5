//! The host kernel is the judge: random programs are loaded there, and random calls made under them; acceptance and
//! verdicts must be those of this crate. `BPF_SECONDS` and `BPF_SEED` change how long and where it starts.

use abi::bpf::{
    A, ABS, ADD, ALU, AND, DIV, IMM, Instruction, JA, JEQ, JGE, JGT, JMP, JSET, K, LD, LDX, LEN, LSH, MEM, MISC, MUL,
    NEG, OR, RET, RSH, ST, STX, SUB, TAX, TXA, W, X, XOR,
};
use abi::seccomp::{self, AUDIT_ARCH_X86_64, Data};
use bpf::Program;
use std::env;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

/// Calls that do nothing: getpid, getuid, getppid, gettid, sched_yield, and one that does not exist.
const CALLS: [u32; 6] = [39, 102, 110, 186, 24, 1000];
/// Constants that programs and arguments are made of.
const NUMBERS: [u32; 14] =
    [0, 1, 2, 31, 32, 39, 102, 1000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, AUDIT_ARCH_X86_64, 0xffff, 0x1234_5678];
const ALUS: [u16; 11] = [ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, XOR, 0x90];
const JUMPS: [u16; 4] = [JEQ, JGT, JGE, JSET];
const RESULTS: [u32; 9] = [
    seccomp::RET_KILL_PROCESS,
    seccomp::RET_KILL_THREAD,
    seccomp::RET_TRAP,
    seccomp::RET_ERRNO,
    seccomp::RET_USER_NOTIF,
    seccomp::RET_TRACE,
    seccomp::RET_LOG,
    seccomp::RET_ALLOW,
    0x1234_0000,
];

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end.max(1)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn number(&mut self) -> u32 {
        if self.one_in(3) { self.next() as u32 } else { self.choose(&NUMBERS) }
    }

    /// Mostly what ends in a verdict that can be told apart.
    fn result(&mut self) -> u32 {
        let action = if self.one_in(2) { seccomp::RET_TRAP } else { self.choose(&RESULTS) };
        action | self.next() as u32 & 0xffff
    }

    fn instruction(&mut self, left: usize) -> Instruction {
        let op = |code, k| Instruction { code, jt: 0, jf: 0, k };
        let side = if self.one_in(2) { X } else { K };
        let distance = |random: &mut Self| {
            let most = if random.one_in(40) { 300 } else { left.min(6) };
            random.below(most + 1) as u8
        };
        match self.below(20) {
            0..=3 => op(LD | W | ABS, 4 * self.below(16) as u32),
            4 => op(LD | IMM, self.number()),
            5 => op(LDX | IMM, self.number()),
            6 => op(self.choose(&[LD | MEM, LDX | MEM]), self.below(4) as u32),
            7 | 8 => op(self.choose(&[ST, STX]), self.below(4) as u32),
            9 => op(self.choose(&[MISC | TAX, MISC | TXA]), 0),
            10 => op(self.choose(&[LD | W | LEN, LDX | W | LEN]), self.number()),
            11..=14 => {
                let alu = self.choose(&ALUS);
                let side = if alu == NEG { K } else { side };
                let k =
                    if matches!(alu, LSH | RSH) && !self.one_in(30) { self.below(32) as u32 } else { self.number() };
                op(ALU | alu | side, k)
            }
            15 => op(JMP | JA, u32::from(distance(self))),
            16 => op(RET | K, self.result()),
            _ => Instruction {
                code: JMP | self.choose(&JUMPS) | side,
                jt: distance(self),
                jf: distance(self),
                k: self.number(),
            },
        }
    }

    fn program(&mut self) -> Vec<Instruction> {
        let len = if self.one_in(50) { self.below(4200) } else { 1 + self.below(24) };
        let mut program: Vec<_> = (0..len).map(|at| self.instruction(len - at)).collect();
        if self.one_in(3) {
            // Its memory is written first.
            let stores = (0..4).map(|k| Instruction { code: ST, jt: 0, jf: 0, k });
            program.splice(0..0, stores);
        }
        if self.one_in(2) {
            // The low bits of the accumulator come back as data of a trap.
            let op = |code, k| Instruction { code, jt: 0, jf: 0, k };
            let tail = [op(ALU | AND | K, 0xffff), op(ALU | OR | K, seccomp::RET_TRAP), op(RET | A, 0)];
            program.extend(tail);
        } else {
            program.push(Instruction { code: RET | K, jt: 0, jf: 0, k: self.result() });
        }
        if self.one_in(8) {
            self.spoil(&mut program);
        }
        program
    }

    /// Changes a bit or a field, so that a check of Linux may find it.
    fn spoil(&mut self, program: &mut Vec<Instruction>) {
        let at = self.below(program.len());
        let number = self.number();
        match self.below(5) {
            0 => program[at].code ^= 1 << self.below(16),
            1 => program[at].code = self.below(256) as u16,
            2 => program[at].k = number,
            3 => program.truncate(at),
            _ => program[at].jt = number as u8,
        }
    }

    fn call(&mut self, instruction_pointer: u64) -> Data {
        let mut args = [0; 6];
        for arg in &mut args {
            *arg = u64::from(self.number()) << 32 | u64::from(self.number());
        }
        Data { nr: self.choose(&CALLS) as i32, arch: AUDIT_ARCH_X86_64, instruction_pointer, args }
    }
}

/// The program that asks the host kernel.
struct Host {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
    instruction_pointer: u64,
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Returned(i64),
    Trapped(i64),
    Killed,
}

impl Host {
    fn start() -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host.c");
        let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host");
        let gcc = Command::new("gcc").args(["-O1", "-Wall", "-o"]).args([&binary, &source]).status().expect("gcc runs");
        assert!(gcc.success());
        let mut child =
            Command::new(binary).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let (to, mut from) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut address = [0; 8];
        from.read_exact(&mut address).expect("an address");
        Self { child, to, from, instruction_pointer: u64::from_ne_bytes(address) }
    }

    fn number<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes).expect("an answer");
        bytes
    }

    fn ask(&mut self, program: &[Instruction], calls: &[Data]) -> Result<Vec<Outcome>, i32> {
        let mut record = (program.len() as u32).to_ne_bytes().to_vec();
        record.extend_from_slice(program.as_bytes());
        record.extend_from_slice(&(calls.len() as u32).to_ne_bytes());
        for call in calls {
            record.extend_from_slice(&(call.nr as u64).to_ne_bytes());
            record.extend_from_slice(call.args.as_bytes());
        }
        self.to.write_all(&record).expect("it reads");
        match i32::from_ne_bytes(self.number()) {
            0 => {}
            errno => return Err(errno),
        }
        let outcomes = calls.iter().map(|_| match i32::from_ne_bytes(self.number()) {
            0 => Outcome::Returned(i64::from_ne_bytes(self.number())),
            1 => Outcome::Trapped(i64::from_ne_bytes(self.number())),
            _ => {
                let _: [u8; 8] = self.number();
                Outcome::Killed
            }
        });
        Ok(outcomes.collect())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It is done with or has failed; either way it is to go.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the outcome is that of a result. The harmless calls return something that is no error, but for the one
/// that does not exist.
fn fits(result: u32, nr: i32, outcome: Outcome) -> bool {
    const ENOSYS: i64 = -38;
    let data = i64::from(result & seccomp::RET_DATA);
    match (result & seccomp::RET_ACTION_FULL, outcome) {
        (seccomp::RET_ALLOW | seccomp::RET_LOG, Outcome::Returned(value)) => (value == ENOSYS) == (nr == 1000),
        (seccomp::RET_TRACE | seccomp::RET_USER_NOTIF, Outcome::Returned(value)) => value == ENOSYS,
        (seccomp::RET_ERRNO, Outcome::Returned(value)) => value == -data.min(4095),
        (seccomp::RET_TRAP, Outcome::Trapped(value)) => value == data,
        (
            seccomp::RET_TRAP
            | seccomp::RET_ERRNO
            | seccomp::RET_TRACE
            | seccomp::RET_USER_NOTIF
            | seccomp::RET_ALLOW
            | seccomp::RET_LOG,
            _,
        ) => false,
        (_, outcome) => outcome == Outcome::Killed,
    }
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn as_the_host_kernel_says() {
    let mut host = Host::start();
    let mut random = Random(setting("BPF_SEED", 0x9e37_79b9_7f4a_7c15) | 1);
    let time = Duration::from_secs(setting("BPF_SECONDS", 3));
    let (mut accepted, mut refused, mut known, start) = (0, 0, 0, Instant::now());
    while start.elapsed() < time {
        let program = random.program();
        let calls: Vec<Data> = (0..8).map(|_| random.call(host.instruction_pointer)).collect();
        match (Program::new(&program), host.ask(&program, &calls)) {
            (Ok(ours), Ok(outcomes)) => {
                accepted += 1;
                for (call, outcome) in calls.iter().zip(outcomes) {
                    let result = ours.run(call);
                    assert!(fits(result, call.nr, outcome), "{result:#x}, {outcome:?}: {call:x?} {program:x?}");
                    if let Some(all) = ours.run_known(call.nr as u32, call.arch) {
                        known += 1;
                        assert_eq!(all, result, "{call:x?} {program:x?}");
                    }
                }
            }
            (Err(errno), Err(host)) => {
                refused += 1;
                assert_eq!(i32::from(errno.0), host, "{program:x?}");
            }
            (ours, host) => panic!("{ours:?}, {host:?}: {program:x?}"),
        }
    }
    println!("{accepted} programs accepted, {refused} refused, {known} results known beforehand");
    assert!(accepted > 100 && refused > 100 && known > 100, "{accepted} {refused} {known}");
}
