//! `linux.resources`, as far as the container sees them.

use oci_spec::runtime::{LinuxCpu, LinuxMemory, LinuxResources};
use sentry::Resources;

/// The period of a quota without one: microseconds.
const PERIOD: u64 = 100_000;

/// What the container sees of its limits.
pub(super) fn shown(resources: &LinuxResources) -> Resources {
    let positive = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).filter(|&value| value > 0);
    let cpu = resources.cpu().as_ref();
    let quota = positive(cpu.and_then(LinuxCpu::quota));
    let period = cpu.and_then(LinuxCpu::period).filter(|&period| period != 0).unwrap_or(PERIOD);
    Resources {
        memory: positive(resources.memory().as_ref().and_then(LinuxMemory::limit)),
        cpu: quota.map(|quota| (quota, period)),
        // Nonsense is refused by the host where it has control groups.
        cpus: cpu.and_then(|cpu| numbers(cpu.cpus().as_deref()?)).unwrap_or_default(),
    }
}

/// Numbers of a list as `0-2,5`; `None` for nonsense, and for numbers that no processor has.
fn numbers(list: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in list.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        if last >= 1024 {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        assert_eq!(numbers("0-2,5"), Some(vec![0, 1, 2, 5]));
        assert_eq!(numbers(""), Some(vec![]));
        for bad in ["x", "0-", "-", "0-5000", "1,2-y"] {
            assert_eq!(numbers(bad), None, "{bad}");
        }
    }

    #[test]
    fn limits() {
        let of = |text: &str| shown(&serde_json::from_str(text).unwrap());
        let all = of(r#"{"memory": {"limit": 4096}, "cpu": {"quota": 5000, "cpus": "1"}}"#);
        assert_eq!(all, Resources { memory: Some(4096), cpu: Some((5000, PERIOD)), cpus: vec![1] });
        assert_eq!(of(r#"{"memory": {"limit": -1}, "cpu": {"quota": -1, "period": 7}}"#), Resources::default());
    }
}
