//! Programs that filter system calls: whatever passes the checks runs to its end, and a result that is known
//! beforehand is the result.

use ::bpf::Program;
use abi::bpf::Instruction;
use abi::seccomp::{AUDIT_ARCH_X86_64, Data};
use zerocopy::FromBytes;

/// The target: the words of a call, then a program.
pub fn run(bytes: &[u8]) {
    let Ok((data, rest)) = Data::read_from_prefix(bytes) else { return };
    let program: Vec<Instruction> = rest
        .chunks_exact(size_of::<Instruction>())
        .filter_map(|chunk| Instruction::read_from_bytes(chunk).ok())
        .collect();
    let Ok(program) = Program::new(&program) else { return };
    let result = program.run(&data);
    if let Some(known) = program.run_known(data.nr as u32, data.arch) {
        assert_eq!(known, result, "known beforehand");
    }
}

/// Short programs with each kind of instruction.
pub fn seeds() -> Vec<Vec<u8>> {
    let call = [&39u32.to_le_bytes()[..], &AUDIT_ARCH_X86_64.to_le_bytes(), &[0x11; 56]].concat();
    let programs: [&[[u32; 4]]; 3] = [
        &[
            [0x20, 0, 0, 4],
            [0x15, 1, 0, AUDIT_ARCH_X86_64],
            [0x06, 0, 0, 0],
            [0x20, 0, 0, 0],
            [0x35, 0, 1, 100],
            [0x06, 0, 0, 1],
            [0x06, 0, 0, 2],
        ],
        &[
            [0x00, 0, 0, 7],
            [0x02, 0, 0, 3],
            [0x01, 0, 0, 9],
            [0x60, 0, 0, 3],
            [0x0c, 0, 0, 0],
            [0x6c, 0, 0, 0],
            [0x3c, 0, 0, 0],
            [0x16, 0, 0, 0],
        ],
        &[
            [0x20, 0, 0, 16],
            [0x07, 0, 0, 0],
            [0x03, 0, 0, 1],
            [0x87, 0, 0, 0],
            [0x84, 0, 0, 0],
            [0x45, 0, 1, 8],
            [0x05, 0, 0, 0],
            [0x16, 0, 0, 0],
        ],
    ];
    let encode = |[code, jt, jf, k]: &[u32; 4]| {
        [&(*code as u16).to_le_bytes()[..], &[*jt as u8, *jf as u8], &k.to_le_bytes()].concat()
    };
    programs.iter().map(|program| [call.clone(), program.iter().flat_map(encode).collect()].concat()).collect()
}
