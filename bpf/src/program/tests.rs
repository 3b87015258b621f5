use super::*;
use abi::bpf::{
    A, ABS, ADD, ALU, DIV, JA, JEQ, JMP, K, LD, LDX, LEN, LSH, MAX_INSTRUCTIONS, MEM, MISC, NEG, RET, ST, TAX, W, X,
};

const fn op(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

const fn ret(k: u32) -> Instruction {
    op(RET | K, 0, 0, k)
}

fn accepts(program: &[Instruction]) -> bool {
    match Program::new(program) {
        Ok(_) => true,
        Err(errno) => {
            assert_eq!(errno, Errno::EINVAL);
            false
        }
    }
}

fn result(program: &[Instruction], data: &Data) -> u32 {
    Program::new(program).expect("a good program").run(data)
}

#[test]
fn lengths() {
    assert!(!accepts(&[]));
    assert!(accepts(&vec![ret(0); MAX_INSTRUCTIONS]));
    assert!(!accepts(&vec![ret(0); MAX_INSTRUCTIONS + 1]));
    assert!(!accepts(&[op(LD | W | ABS, 0, 0, 0)]), "must end with a return");
}

#[test]
fn places_in_the_data() {
    for (k, is_good) in [(0, true), (60, true), (64, false), (2, false), (u32::MAX - 3, false)] {
        assert_eq!(accepts(&[op(LD | W | ABS, 0, 0, k), ret(0)]), is_good, "{k}");
    }
    assert!(!accepts(&[op(LDX | W | ABS, 0, 0, 0), ret(0)]));
    assert!(!accepts(&[op(LD | 0x10 | ABS, 0, 0, 0), ret(0)]), "bytes are not read");
    let data = Data { nr: 1, arch: 2, instruction_pointer: 4 << 32 | 3, args: [6 << 32 | 5, 0, 0, 0, 0, 8 << 32 | 7] };
    for (k, value) in [(0, 1), (4, 2), (8, 3), (12, 4), (16, 5), (20, 6), (56, 7), (60, 8)] {
        assert_eq!(result(&[op(LD | W | ABS, 0, 0, k), op(RET | A, 0, 0, 0)], &data), value);
    }
    assert_eq!(result(&[op(LD | W | LEN, 0, 0, 0), op(RET | A, 0, 0, 0)], &data), 64);
}

#[test]
fn jumps_stay_inside() {
    assert!(accepts(&[op(JMP | JA, 0, 0, 0), ret(0)]));
    assert!(!accepts(&[op(JMP | JA, 0, 0, 1), ret(0)]));
    assert!(!accepts(&[op(JMP | JA, 0, 0, u32::MAX), ret(0)]));
    assert!(!accepts(&[op(JMP | JA | X, 0, 0, 0), ret(0)]));
    assert!(!accepts(&[op(JMP | JEQ | K, 1, 0, 0), ret(0)]));
    assert!(!accepts(&[op(JMP | JEQ | K, 0, 1, 0), ret(0)]));
    assert_eq!(result(&[op(JMP | JEQ | K, 1, 0, 0), ret(1), ret(2)], &Data::default()), 2);
}

#[test]
fn constants_that_cannot_be() {
    assert!(!accepts(&[op(ALU | DIV | K, 0, 0, 0), ret(0)]));
    assert!(!accepts(&[op(ALU | LSH | K, 0, 0, 32), ret(0)]));
    assert!(accepts(&[op(ALU | LSH | K, 0, 0, 31), ret(0)]));
    assert!(!accepts(&[op(ALU | NEG | X, 0, 0, 0), ret(0)]));
    assert!(!accepts(&[op(ALU | 0x90 | K, 0, 0, 1), ret(0)]), "no remainders");
    assert!(!accepts(&[op(0x100 | RET, 0, 0, 0), ret(0)]));
}

#[test]
fn memory_is_written_first() {
    let (store, load) = (op(ST, 0, 0, 3), op(LD | MEM, 0, 0, 3));
    assert!(accepts(&[store, load, ret(0)]));
    assert!(!accepts(&[load, ret(0)]));
    assert!(!accepts(&[op(ST, 0, 0, 16), ret(0)]));
    // Only one of two ways writes.
    assert!(!accepts(&[op(JMP | JEQ | K, 1, 0, 0), store, load, ret(0)]));
    // What nothing reaches may read.
    assert!(accepts(&[op(JMP | JA, 0, 0, 1), load, ret(0)]));
    // A return is no barrier to the check.
    assert!(!accepts(&[ret(0), load, ret(0)]));
}

#[test]
fn arithmetic_of_32_bits() {
    let value = |ops: &[Instruction]| {
        let mut program = ops.to_vec();
        program.push(op(RET | A, 0, 0, 0));
        result(&program, &Data::default())
    };
    assert_eq!(value(&[op(ALU | ADD | K, 0, 0, 5), op(ALU | NEG, 0, 0, 0)]), 5u32.wrapping_neg());
    let shift = [op(LD, 0, 0, 33), op(MISC | TAX, 0, 0, 0), op(LD, 0, 0, 1), op(ALU | LSH | X, 0, 0, 0)];
    assert_eq!(value(&shift), 2, "five bits of the distance count");
    assert_eq!(value(&[op(LD, 0, 0, 7), op(ALU | DIV | X, 0, 0, 0)]), 0, "a division by zero ends with 0");
}

#[test]
fn known_results() {
    let by_argument = [
        op(LD | W | ABS, 0, 0, 0),
        op(JMP | JEQ | K, 0, 1, 39),
        ret(1),
        op(LD | W | ABS, 0, 0, 16),
        op(JMP | JEQ | K, 0, 1, 5),
        ret(2),
        ret(3),
    ];
    let program = Program::new(&by_argument).expect("a good program");
    assert_eq!(program.run_known(39, 7), Some(1));
    assert_eq!(program.run_known(40, 7), None);
    let quotient = [op(LD | W | ABS, 0, 0, 16), op(MISC | TAX, 0, 0, 0), op(ALU | DIV | X, 0, 0, 0), ret(4)];
    assert_eq!(Program::new(&quotient).expect("a good program").run_known(0, 0), None, "it may divide by zero");
}

#[test]
fn entered_where_the_number_leads() {
    let mut code = vec![op(LD | W | ABS, 0, 0, 0)];
    for nr in 0..40 {
        let next = [op(JMP | JEQ | K, 0, 2, nr), op(LD | W | ABS, 0, 0, 16), op(RET | A, 0, 0, 0)];
        if nr % 2 == 0 {
            code.extend(next);
        } else {
            code.extend([op(JMP | JEQ | K, 0, 1, nr), ret(nr)]);
        }
    }
    code.push(ret(99));
    let program = Program::new(&code).expect("a good program");
    for round in 0..2u32 {
        for (nr, result) in
            [(0, 7 + round), (1, 1), (38, 7 + round), (39, 39), (40, 99), (511, 99), (512, 99), (-1, 99)]
        {
            let args = [(7 + round).into(), 0, 0, 0, 0, 0];
            assert_eq!(program.run(&Data { nr, arch: AUDIT_ARCH_X86_64, args, ..Data::default() }), result, "{nr}");
        }
    }
    // Registers that the way there has set are not forgotten.
    let mut code = vec![op(LDX, 0, 0, 5), op(LD | W | ABS, 0, 0, 16), op(ALU | ADD | X, 0, 0, 0), op(RET | A, 0, 0, 0)];
    code.extend(vec![ret(0); 40]);
    let program = Program::new(&code).expect("a good program");
    let data = Data { arch: AUDIT_ARCH_X86_64, args: [2, 0, 0, 0, 0, 0], ..Data::default() };
    assert_eq!([program.run(&data), program.run(&data)], [7, 7]);
}
