//! The first content of a stack: arguments, environment, auxiliary vector (`getauxval(3)`).

use crate::space::Layout;
use abi::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use zerocopy::IntoBytes;

/// Longest single argument with its end: `MAX_ARG_STRLEN`.
const STRING_MAX: usize = 128 * 1024;
/// Arguments and environment may always take this much.
const TOTAL_MIN: u64 = 128 * 1024;
/// Most that they may take: three quarters of the default stack limit.
const TOTAL_MAX: u64 = 6 << 20;

/// Words of the auxiliary vector that depend on the program.
pub(crate) struct AuxWords {
    pub(crate) phdr: u64,
    pub(crate) phnum: u16,
    pub(crate) base: u64,
    pub(crate) entry: u64,
    pub(crate) ids: [u32; 4],
    pub(crate) is_secure: bool,
    pub(crate) vdso: u64,
}

/// What a stack starts with.
pub(crate) struct Content<'a> {
    pub(crate) argv: &'a [Vec<u8>],
    pub(crate) envp: &'a [Vec<u8>],
    pub(crate) filename: &'a [u8],
    /// Soft `RLIMIT_STACK`.
    pub(crate) limit: u64,
}

/// The bytes from the stack pointer up, and where things are in them.
pub(crate) struct Built {
    pub(crate) pointer: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) layout: Layout,
}

/// Bytes of a given length from the host's random number generator.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The host's generator is seeded before the first sandbox starts.
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    bytes
}

impl Content<'_> {
    /// Lays it out below `top`. `E2BIG`.
    pub(crate) fn build(&self, top: u64, words: &AuxWords) -> Result<Built, Errno> {
        self.check_size()?;
        // Strings, from the top: a null word, the file name, environment, arguments.
        let strings = || self.argv.iter().chain(self.envp);
        let total: usize = strings().map(|s| s.len() + 1).sum::<usize>() + self.filename.len() + 1;
        let strings_start = top - 8 - total as u64;
        let mut text = Vec::with_capacity(total + 8);
        let mut pointers = Vec::with_capacity(self.argv.len() + self.envp.len());
        for string in strings() {
            pointers.push(strings_start + text.len() as u64);
            text.extend_from_slice(string);
            text.push(0);
        }
        let env_end = strings_start + text.len() as u64;
        let env_start = pointers.get(self.argv.len()).copied().unwrap_or(env_end);
        text.extend_from_slice(self.filename);
        text.extend_from_slice(&[0; 9]);
        // Platform name and random bytes below.
        let platform = (strings_start - 16) & !15;
        let random = platform - 16;
        let auxv = auxiliary_vector(words, env_end, platform, random);
        let word_count = 1 + self.argv.len() + 1 + self.envp.len() + 1 + auxv.len();
        let pointer = (random - 8 * word_count as u64) & !15;
        let mut stack: Vec<u64> = Vec::with_capacity(word_count);
        stack.push(self.argv.len() as u64);
        stack.extend_from_slice(&pointers[..self.argv.len()]);
        stack.push(0);
        stack.extend_from_slice(&pointers[self.argv.len()..]);
        stack.push(0);
        stack.extend_from_slice(&auxv);
        let mut bytes = stack.as_bytes().to_vec();
        bytes.resize((random - pointer) as usize, 0);
        bytes.extend_from_slice(&random_bytes::<16>());
        bytes.extend_from_slice(b"x86_64\0");
        bytes.resize((strings_start - pointer) as usize, 0);
        bytes.extend_from_slice(&text);
        let layout =
            Layout { arg_start: strings_start, arg_end: env_start, env_start, env_end, auxv, ..Layout::default() };
        Ok(Built { pointer, bytes, layout })
    }

    /// The limits of `execve(2)`, "Limits on size of arguments and environment".
    fn check_size(&self) -> Result<(), Errno> {
        let limit = (self.limit / 4).clamp(TOTAL_MIN, TOTAL_MAX);
        let mut total = 0u64;
        for string in self.argv.iter().chain(self.envp) {
            if string.len() + 1 > STRING_MAX {
                return Err(Errno::E2BIG);
            }
            total += string.len() as u64 + 1 + 8;
        }
        if total > limit { Err(Errno::E2BIG) } else { Ok(()) }
    }
}

fn auxiliary_vector(words: &AuxWords, filename: u64, platform: u64, random: u64) -> Vec<u64> {
    let (hwcap, hwcap2) = rustix::param::linux_hwcap();
    let [uid, euid, gid, egid] = words.ids.map(u64::from);
    let mut auxv = Vec::with_capacity(48);
    let mut push = |key: u64, value: u64| auxv.extend_from_slice(&[key, value]);
    if words.vdso != 0 {
        push(33, words.vdso); // AT_SYSINFO_EHDR
    }
    push(51, rustix::param::linux_minsigstksz() as u64); // AT_MINSIGSTKSZ
    push(16, hwcap as u64); // AT_HWCAP
    push(6, abi::mm::PAGE_SIZE); // AT_PAGESZ
    push(17, 100); // AT_CLKTCK
    push(3, words.phdr); // AT_PHDR
    push(4, 56); // AT_PHENT
    push(5, words.phnum.into()); // AT_PHNUM
    push(7, words.base); // AT_BASE
    push(8, 0); // AT_FLAGS
    push(9, words.entry); // AT_ENTRY
    push(11, uid); // AT_UID
    push(12, euid); // AT_EUID
    push(13, gid); // AT_GID
    push(14, egid); // AT_EGID
    push(23, words.is_secure.into()); // AT_SECURE
    push(25, random); // AT_RANDOM
    push(26, hwcap2 as u64); // AT_HWCAP2
    push(31, filename); // AT_EXECFN
    push(15, platform); // AT_PLATFORM
    push(27, 28); // AT_RSEQ_FEATURE_SIZE
    push(28, 32); // AT_RSEQ_ALIGN
    push(0, 0);
    auxv
}
