//! What the machine has, and what others use of it: `/proc`, as Linux tells it.

use std::{fs, time::Duration};

use super::plan::Machine;

/// Ticks a second in `/proc`: `USER_HZ`, 100 on every Linux that Parapet runs on.
const TICKS: f64 = 100.0;

/// Watches the machine for `span`, in which this process does nothing.
pub(super) fn survey(span: Duration) -> Machine {
    let before = busy_of_all();
    std::thread::sleep(span);
    let busy = (busy_of_all() - before).max(0.0) / span.as_secs_f64().max(1e-3);
    let cores = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    Machine { cores, others: busy.min(cores), free_bytes: free_bytes() }
}

/// Processor time of this process with all its threads, in seconds; in steps of 10 ms. `proc(5)`.
pub(super) fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name in parentheses, and may hold anything.
    let fields = stat.rfind(')').map(|end| stat[end + 1..].split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
    fields.iter().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// Resident memory of this process that is no file's, in bytes.
pub(super) fn own_bytes() -> f64 {
    kib("/proc/self/status", "RssAnon:") * 1024.0
}

/// Memory that can still be had: what the machine has, and what the container may have. In bytes.
fn free_bytes() -> f64 {
    let machine = kib("/proc/meminfo", "MemAvailable:") * 1024.0;
    let number = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<f64>().ok());
    match (number("/sys/fs/cgroup/memory.max"), number("/sys/fs/cgroup/memory.current")) {
        (Some(most), Some(now)) => machine.min((most - now).max(0.0)),
        _ => machine,
    }
}

/// Seconds that all processors together were busy since the machine started.
fn busy_of_all() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers: Vec<f64> =
        stat.lines().next().unwrap_or_default().split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, then idle and the wait for disks, interrupts, soft interrupts, and what the host took for others.
    [0, 1, 2, 5, 6, 7].iter().filter_map(|index| numbers.get(*index)).sum::<f64>() / TICKS
}

fn kib(file: &str, key: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_tells_of_itself() {
        let machine = survey(Duration::from_millis(50));
        assert!(machine.cores >= 1.0 && machine.others <= machine.cores && machine.free_bytes > 1e6, "{machine:?}");
        assert!(own_bytes() > 1e5);
    }

    #[test]
    fn work_shows_as_processor_time() {
        let before = cpu_seconds();
        let mut sum = 0_u64;
        while cpu_seconds() < before + 0.03 {
            sum = std::hint::black_box((0..100_000_u64).fold(sum, u64::wrapping_add));
        }
        assert!(cpu_seconds() > before);
    }
}
