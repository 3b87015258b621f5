//! /proc/cpuinfo: `proc_cpuinfo(5)`, from the processor's own identification.

use kernel::sched::CpuSet;
use std::arch::x86_64::{__cpuid, __cpuid_count, CpuidResult};
use std::fmt::Write as _;

/// A register of a CPUID leaf.
#[derive(Clone, Copy)]
enum Register {
    Eax,
    Ebx,
    Ecx,
    Edx,
}

/// Names of the bits of one register; an empty name is a bit that Linux does not show.
struct Word {
    leaf: u32,
    sub: u32,
    register: Register,
    /// Bit and name.
    names: &'static [(u8, &'static str)],
}

const fn word(leaf: u32, sub: u32, register: Register, names: &'static [(u8, &'static str)]) -> Word {
    Word { leaf, sub, register, names }
}

/// The words before those that Linux makes up (`constant_tsc` and so on).
static FIRST: [Word; 2] = [
    word(
        1,
        0,
        Register::Edx,
        &[
            (0, "fpu"),
            (1, "vme"),
            (2, "de"),
            (3, "pse"),
            (4, "tsc"),
            (5, "msr"),
            (6, "pae"),
            (7, "mce"),
            (8, "cx8"),
            (9, "apic"),
            (11, "sep"),
            (12, "mtrr"),
            (13, "pge"),
            (14, "mca"),
            (15, "cmov"),
            (16, "pat"),
            (17, "pse36"),
            (18, "pn"),
            (19, "clflush"),
            (21, "dts"),
            (22, "acpi"),
            (23, "mmx"),
            (24, "fxsr"),
            (25, "sse"),
            (26, "sse2"),
            (27, "ss"),
            (28, "ht"),
            (29, "tm"),
            (30, "ia64"),
            (31, "pbe"),
        ],
    ),
    word(
        0x8000_0001,
        0,
        Register::Edx,
        &[
            (11, "syscall"),
            (19, "mp"),
            (20, "nx"),
            (22, "mmxext"),
            (25, "fxsr_opt"),
            (26, "pdpe1gb"),
            (27, "rdtscp"),
            (29, "lm"),
            (30, "3dnowext"),
            (31, "3dnow"),
        ],
    ),
];

/// The words after them.
static REST: [Word; 12] = [
    word(
        1,
        0,
        Register::Ecx,
        &[
            (0, "pni"),
            (1, "pclmulqdq"),
            (2, "dtes64"),
            (3, "monitor"),
            (4, "ds_cpl"),
            (5, "vmx"),
            (6, "smx"),
            (7, "est"),
            (8, "tm2"),
            (9, "ssse3"),
            (10, "cid"),
            (11, "sdbg"),
            (12, "fma"),
            (13, "cx16"),
            (14, "xtpr"),
            (15, "pdcm"),
            (17, "pcid"),
            (18, "dca"),
            (19, "sse4_1"),
            (20, "sse4_2"),
            (21, "x2apic"),
            (22, "movbe"),
            (23, "popcnt"),
            (24, "tsc_deadline_timer"),
            (25, "aes"),
            (26, "xsave"),
            (28, "avx"),
            (29, "f16c"),
            (30, "rdrand"),
            (31, "hypervisor"),
        ],
    ),
    word(
        0x8000_0001,
        0,
        Register::Ecx,
        &[
            (0, "lahf_lm"),
            (1, "cmp_legacy"),
            (2, "svm"),
            (3, "extapic"),
            (4, "cr8_legacy"),
            (5, "abm"),
            (6, "sse4a"),
            (7, "misalignsse"),
            (8, "3dnowprefetch"),
            (9, "osvw"),
            (10, "ibs"),
            (11, "xop"),
            (12, "skinit"),
            (13, "wdt"),
            (15, "lwp"),
            (16, "fma4"),
            (17, "tce"),
            (19, "nodeid_msr"),
            (21, "tbm"),
            (22, "topoext"),
            (23, "perfctr_core"),
            (24, "perfctr_nb"),
            (26, "bpext"),
            (27, "ptsc"),
            (28, "perfctr_llc"),
            (29, "mwaitx"),
        ],
    ),
    word(
        7,
        0,
        Register::Ebx,
        &[
            (0, "fsgsbase"),
            (1, "tsc_adjust"),
            (2, "sgx"),
            (3, "bmi1"),
            (4, "hle"),
            (5, "avx2"),
            (7, "smep"),
            (8, "bmi2"),
            (9, "erms"),
            (10, "invpcid"),
            (11, "rtm"),
            (12, "cqm"),
            (14, "mpx"),
            (15, "rdt_a"),
            (16, "avx512f"),
            (17, "avx512dq"),
            (18, "rdseed"),
            (19, "adx"),
            (20, "smap"),
            (21, "avx512ifma"),
            (23, "clflushopt"),
            (24, "clwb"),
            (25, "intel_pt"),
            (26, "avx512pf"),
            (27, "avx512er"),
            (28, "avx512cd"),
            (29, "sha_ni"),
            (30, "avx512bw"),
            (31, "avx512vl"),
        ],
    ),
    word(0xd, 1, Register::Eax, &[(0, "xsaveopt"), (1, "xsavec"), (2, "xgetbv1"), (3, "xsaves")]),
    word(
        7,
        1,
        Register::Eax,
        &[
            (0, "sha512"),
            (1, "sm3"),
            (2, "sm4"),
            (4, "avx_vnni"),
            (5, "avx512_bf16"),
            (7, "cmpccxadd"),
            (21, "amx_fp16"),
            (23, "avx_ifma"),
            (26, "lam"),
        ],
    ),
    word(
        0x8000_0008,
        0,
        Register::Ebx,
        &[(0, "clzero"), (1, "irperf"), (2, "xsaveerptr"), (4, "rdpru"), (9, "wbnoinvd")],
    ),
    word(
        6,
        0,
        Register::Eax,
        &[
            (0, "dtherm"),
            (1, "ida"),
            (2, "arat"),
            (4, "pln"),
            (6, "pts"),
            (7, "hwp"),
            (8, "hwp_notify"),
            (9, "hwp_act_window"),
            (10, "hwp_epp"),
            (11, "hwp_pkg_req"),
        ],
    ),
    word(
        0x8000_000a,
        0,
        Register::Edx,
        &[(0, "npt"), (1, "lbrv"), (2, "svm_lock"), (3, "nrip_save"), (4, "tsc_scale"), (5, "vmcb_clean")],
    ),
    word(
        7,
        0,
        Register::Ecx,
        &[
            (1, "avx512vbmi"),
            (2, "umip"),
            (3, "pku"),
            (4, "ospke"),
            (5, "waitpkg"),
            (6, "avx512_vbmi2"),
            (8, "gfni"),
            (9, "vaes"),
            (10, "vpclmulqdq"),
            (11, "avx512_vnni"),
            (12, "avx512_bitalg"),
            (13, "tme"),
            (14, "avx512_vpopcntdq"),
            (16, "la57"),
            (22, "rdpid"),
            (24, "bus_lock_detect"),
            (25, "cldemote"),
            (27, "movdiri"),
            (28, "movdir64b"),
            (29, "enqcmd"),
        ],
    ),
    word(0x8000_0007, 0, Register::Ebx, &[(0, "overflow_recov"), (1, "succor"), (3, "smca")]),
    word(
        7,
        0,
        Register::Edx,
        &[
            (2, "avx512_4vnniw"),
            (3, "avx512_4fmaps"),
            (4, "fsrm"),
            (8, "avx512_vp2intersect"),
            (10, "md_clear"),
            (14, "serialize"),
            (16, "tsxldtrk"),
            (18, "pconfig"),
            (19, "arch_lbr"),
            (20, "ibt"),
            (22, "amx_bf16"),
            (23, "avx512_fp16"),
            (24, "amx_tile"),
            (25, "amx_int8"),
            (28, "flush_l1d"),
            (29, "arch_capabilities"),
        ],
    ),
    word(0x8000_001f, 0, Register::Eax, &[(0, "sme"), (1, "sev"), (3, "sev_es")]),
];

/// What CPUID says, within the leaves that there are.
struct Cpuid {
    max_basic: u32,
    max_extended: u32,
}

impl Cpuid {
    fn new() -> Self {
        Self { max_basic: __cpuid(0).eax, max_extended: __cpuid(0x8000_0000).eax }
    }

    fn leaf(&self, leaf: u32, sub: u32) -> CpuidResult {
        let max = if leaf >= 0x8000_0000 { self.max_extended } else { self.max_basic };
        if leaf <= max { __cpuid_count(leaf, sub) } else { CpuidResult { eax: 0, ebx: 0, ecx: 0, edx: 0 } }
    }

    fn vendor(&self) -> String {
        let leaf = self.leaf(0, 0);
        text(&[leaf.ebx, leaf.edx, leaf.ecx])
    }

    fn model_name(&self) -> String {
        let words: Vec<u32> = (0x8000_0002..=0x8000_0004)
            .map(|leaf| self.leaf(leaf, 0))
            .flat_map(|leaf| [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx])
            .collect();
        text(&words).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Family, model and stepping.
    fn signature(&self) -> (u32, u32, u32) {
        let eax = self.leaf(1, 0).eax;
        let mut family = (eax >> 8) & 0xf;
        let mut model = (eax >> 4) & 0xf;
        if family == 0xf {
            family += (eax >> 20) & 0xff;
        }
        if family >= 6 {
            model += ((eax >> 16) & 0xf) << 4;
        }
        (family, model, eax & 0xf)
    }

    fn flags(&self, is_amd: bool) -> Vec<&'static str> {
        let mut flags = Vec::new();
        self.add_words(&FIRST, &mut flags);
        let invariant_tsc = self.leaf(0x8000_0007, 0).edx & (1 << 8) != 0;
        flags.extend(invariant_tsc.then_some("constant_tsc"));
        flags.extend(["rep_good", "nopl"]);
        flags.extend((self.leaf(0xb, 0).ebx != 0).then_some("xtopology"));
        flags.extend(invariant_tsc.then_some("nonstop_tsc"));
        flags.push("cpuid");
        flags.extend(is_amd.then_some("extd_apicid"));
        self.add_words(&REST, &mut flags);
        flags
    }

    fn add_words(&self, words: &[Word], flags: &mut Vec<&'static str>) {
        for word in words {
            let leaf = self.leaf(word.leaf, word.sub);
            let bits = match word.register {
                Register::Eax => leaf.eax,
                Register::Ebx => leaf.ebx,
                Register::Ecx => leaf.ecx,
                Register::Edx => leaf.edx,
            };
            flags.extend(word.names.iter().filter(|(bit, _)| bits & (1 << bit) != 0).map(|&(_, name)| name));
        }
    }

    /// Frequency in kHz: of the time stamp counter, or what the hypervisor or the processor says of itself.
    fn khz(&self) -> u32 {
        let hypervisor = self.leaf(1, 0).ecx & (1 << 31) != 0;
        if hypervisor && __cpuid(0x4000_0000).eax >= 0x4000_0010 {
            let khz = __cpuid(0x4000_0010).eax;
            if khz != 0 {
                return khz;
            }
        }
        let ratio = self.leaf(0x15, 0);
        if ratio.eax != 0 && ratio.ebx != 0 && ratio.ecx != 0 {
            let hz = u64::from(ratio.ecx) * u64::from(ratio.ebx) / u64::from(ratio.eax);
            return (hz / 1000) as u32;
        }
        let mhz = self.leaf(0x16, 0).eax & 0xffff;
        if mhz != 0 { mhz * 1000 } else { 2_000_000 }
    }

    /// Size in KiB of the last cache that Linux counts: level 3 or, on AMD, level 2.
    fn cache_kib(&self, is_amd: bool) -> u32 {
        if is_amd {
            return self.leaf(0x8000_0006, 0).ecx >> 16;
        }
        (0..8)
            .map(|sub| self.leaf(4, sub))
            .take_while(|cache| cache.eax & 0x1f != 0)
            .map(|cache| {
                let (ways, parts, line) =
                    ((cache.ebx >> 22) + 1, ((cache.ebx >> 12) & 0x3ff) + 1, (cache.ebx & 0xfff) + 1);
                let bytes = u64::from(ways) * u64::from(parts) * u64::from(line) * (u64::from(cache.ecx) + 1);
                (bytes / 1024) as u32
            })
            .last()
            .unwrap_or(0)
    }
}

/// Registers as the text that they hold.
fn text(words: &[u32]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).filter(|&byte| byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The file for some processors.
pub(super) fn cpuinfo(cpus: &CpuSet) -> Vec<u8> {
    let cpuid = Cpuid::new();
    let vendor = cpuid.vendor();
    let is_amd = matches!(vendor.as_str(), "AuthenticAMD" | "HygonGenuine");
    let (family, model, stepping) = cpuid.signature();
    let model_name = cpuid.model_name();
    let flags = cpuid.flags(is_amd).join(" ");
    let khz = cpuid.khz();
    let cache = cpuid.cache_kib(is_amd);
    let line = (cpuid.leaf(1, 0).ebx >> 8 & 0xff) * 8;
    let sizes = cpuid.leaf(0x8000_0008, 0).eax;
    // Twice the frequency in MHz, with two digits.
    let bogo = khz / 5;
    let mut out = String::new();
    let count = cpus.len();
    for cpu in cpus.iter() {
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "processor\t: {cpu}\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n\
             model name\t: {model_name}\nstepping\t: {stepping}\nmicrocode\t: 0x1\n\
             cpu MHz\t\t: {}.{:03}\ncache size\t: {cache} KB\nphysical id\t: 0\nsiblings\t: {count}\n\
             core id\t\t: {cpu}\ncpu cores\t: {count}\napicid\t\t: {cpu}\ninitial apicid\t: {cpu}\n\
             fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: {}\nwp\t\t: yes\nflags\t\t: {flags}\n\
             bugs\t\t:\nbogomips\t: {}.{:02}\n",
            khz / 1000,
            khz % 1000,
            cpuid.max_basic,
            bogo / 100,
            bogo % 100,
        );
        if is_amd {
            let tlb = cpuid.leaf(0x8000_0006, 0);
            let _ = writeln!(out, "TLB size\t: {} 4K pages", (tlb.ebx >> 16 & 0xfff) + (tlb.ebx & 0xfff));
        }
        let _ = write!(
            out,
            "clflush size\t: {line}\ncache_alignment\t: {line}\n\
             address sizes\t: {} bits physical, {} bits virtual\npower management:\n\n",
            sizes & 0xff,
            sizes >> 8 & 0xff,
        );
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every flag that the host's kernel shows and that comes from CPUID is shown, in the same order.
    #[test]
    fn is_like_the_hosts() {
        let Ok(host) = std::fs::read_to_string("/proc/cpuinfo") else { return };
        let ours = String::from_utf8(cpuinfo(&CpuSet::of(0..2))).expect("text");
        let line = |text: &str, key: &str| text.lines().find(|line| line.starts_with(key)).map(str::to_owned);
        for key in ["vendor_id", "cpu family", "model\t", "model name", "stepping", "cache size", "clflush size"] {
            assert_eq!(line(&ours, key), line(&host, key), "{key}");
        }
        let (ours, host) = (line(&ours, "flags").expect("flags"), line(&host, "flags").expect("flags"));
        let common: Vec<&str> = host.split(' ').filter(|flag| ours.split(' ').any(|our| our == *flag)).collect();
        let in_order: Vec<&str> = ours.split(' ').filter(|flag| common.contains(flag)).collect();
        assert_eq!(common, in_order);
    }
}
