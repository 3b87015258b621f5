//! What a profile says about one call.

use crate::error::{Result, bail};
use abi::bpf::{ABS, ALU, AND, Instruction, JEQ, JGE, JGT, JMP, K, LD, RET, W};
use abi::seccomp::Data;
use oci_spec::runtime::{LinuxSeccompArg, LinuxSeccompOperator};

/// Arguments of a call.
const ARGS: usize = 6;

/// A verdict, and when it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    verdict: u32,
    /// All must hold.
    conditions: Vec<LinuxSeccompArg>,
}

impl Rule {
    /// The rules of an entry. Conditions must all hold; but where two are about one argument each is a rule of its
    /// own, as runc has it.
    pub(super) fn of(verdict: u32, args: &[LinuxSeccompArg]) -> Result<Vec<Self>> {
        let mut seen = [false; ARGS];
        let mut is_repeated = false;
        for arg in args {
            let Some(seen) = seen.get_mut(arg.index()) else {
                bail!("linux.seccomp: calls have {ARGS} arguments, there is none with index {}", arg.index())
            };
            is_repeated |= std::mem::replace(seen, true);
        }
        Ok(if is_repeated {
            args.iter().map(|&arg| Self { verdict, conditions: vec![arg] }).collect()
        } else {
            vec![Self { verdict, conditions: args.to_vec() }]
        })
    }

    /// It depends on arguments.
    pub(super) const fn is_conditional(&self) -> bool {
        !self.conditions.is_empty()
    }

    /// Instructions that return the verdict, or go on behind themselves when a condition does not hold.
    pub(super) fn compile(&self) -> Vec<Instruction> {
        let mut code = Vec::new();
        let mut failures = Vec::new();
        for condition in &self.conditions {
            let start = code.len();
            for step in steps(condition) {
                match step {
                    Step::Plain(instruction) => code.push(instruction),
                    Step::Test { code: test, k, yes, no } => {
                        let at = code.len();
                        code.push(Instruction { code: JMP | test | K, jt: 0, jf: 0, k });
                        failures.push((at, start, yes, no));
                    }
                }
            }
            let end = code.len();
            // Where the condition holds the next one starts.
            for (at, _, yes, no) in failures.iter().filter(|&&(_, of, ..)| of == start) {
                let distance = |way: Way| if way == Way::Holds { (end - at - 1) as u8 } else { 0 };
                (code[*at].jt, code[*at].jf) = (distance(*yes), distance(*no));
            }
        }
        code.push(ret(self.verdict));
        for (at, _, yes, no) in failures {
            let distance = (code.len() - at - 1) as u8;
            if yes == Way::Fails {
                code[at].jt = distance;
            }
            if no == Way::Fails {
                code[at].jf = distance;
            }
        }
        code
    }
}

/// Returns a constant.
pub(super) const fn ret(k: u32) -> Instruction {
    Instruction { code: RET | K, jt: 0, jf: 0, k }
}

/// Where a test leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The next instruction.
    On,
    /// The condition holds.
    Holds,
    /// It does not.
    Fails,
}

enum Step {
    Plain(Instruction),
    Test { code: u16, k: u32, yes: Way, no: Way },
}

/// The high half of the argument is looked at first, the low one when that decides nothing.
fn steps(condition: &LinuxSeccompArg) -> Vec<Step> {
    use Way::{Fails, Holds, On};
    let offset = std::mem::offset_of!(Data, args) + 8 * condition.index();
    let load = |at: usize| Step::Plain(Instruction { code: LD | W | ABS, jt: 0, jf: 0, k: at as u32 });
    let mask = |k: u32| Step::Plain(Instruction { code: ALU | AND | K, jt: 0, jf: 0, k });
    let test = |code: u16, k: u32, yes: Way, no: Way| Step::Test { code, k, yes, no };
    let halves = |value: u64| ((value >> 32) as u32, value as u32);
    let (high, low) = halves(condition.value());
    let order = |last: u16, yes: Way, no: Way| {
        vec![
            load(offset + 4),
            test(JGT, high, yes, On),
            test(JEQ, high, On, no),
            load(offset),
            test(last, low, yes, no),
        ]
    };
    match condition.op() {
        LinuxSeccompOperator::ScmpCmpEq => {
            vec![load(offset + 4), test(JEQ, high, On, Fails), load(offset), test(JEQ, low, Holds, Fails)]
        }
        LinuxSeccompOperator::ScmpCmpNe => {
            vec![load(offset + 4), test(JEQ, high, On, Holds), load(offset), test(JEQ, low, Fails, Holds)]
        }
        LinuxSeccompOperator::ScmpCmpGt => order(JGT, Holds, Fails),
        LinuxSeccompOperator::ScmpCmpGe => order(JGE, Holds, Fails),
        LinuxSeccompOperator::ScmpCmpLe => order(JGT, Fails, Holds),
        LinuxSeccompOperator::ScmpCmpLt => order(JGE, Fails, Holds),
        LinuxSeccompOperator::ScmpCmpMaskedEq => {
            let (wanted_high, wanted_low) = halves(condition.value_two().unwrap_or(0));
            vec![
                load(offset + 4),
                mask(high),
                test(JEQ, wanted_high, On, Fails),
                load(offset),
                mask(low),
                test(JEQ, wanted_low, Holds, Fails),
            ]
        }
    }
}
