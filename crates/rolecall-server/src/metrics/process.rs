//! Memory, CPU time and open files of this process, under the usual names of Prometheus.

use std::fs;

use super::text::{Kind, Text, seconds};

/// Microseconds in a clock tick of `/proc`: always 100 ticks a second, whatever the kernel's own tick is.
const MICROS_PER_TICK: u64 = 10_000;

/// The values that could be read from `/proc`; none on systems without it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Process {
    resident_bytes: Option<u64>,
    cpu_micros: Option<u64>,
    open_files: Option<usize>,
    max_files: Option<u64>,
}

impl Process {
    pub(super) fn read() -> Self {
        let file = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).ok();
        Self {
            resident_bytes: file("status").as_deref().and_then(resident_bytes),
            cpu_micros: file("stat").as_deref().and_then(cpu_micros),
            // reading the folder opens it too
            open_files: fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| files.count().saturating_sub(1)),
            max_files: file("limits").as_deref().and_then(max_files),
        }
    }

    pub(super) fn write(&self, text: &mut Text) {
        if let Some(bytes) = self.resident_bytes {
            let name = "process_resident_memory_bytes";
            text.gauge(name, "Resident memory size in bytes.", bytes);
        }
        if let Some(micros) = self.cpu_micros {
            let help = "Total user and system CPU time spent in seconds.";
            text.begin("process_cpu_seconds_total", Kind::Counter, help)
                .sample(&[], seconds(micros));
        }
        if let Some(files) = self.open_files {
            let help = "Number of open file descriptors.";
            text.gauge("process_open_fds", help, files);
        }
        if let Some(files) = self.max_files {
            let help = "Maximum number of open file descriptors.";
            text.gauge("process_max_fds", help, files);
        }
    }
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Reads user and system time, fields 14 and 15 of `/proc/self/stat`. They are counted from the end of the process
/// name, which can contain spaces and parentheses.
fn cpu_micros(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    user.checked_add(system)?.checked_mul(MICROS_PER_TICK)
}

/// Reads the soft limit; `None` if it is unlimited.
fn max_files(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 9 0 5 6 7";
        assert_eq!(cpu_micros(stat), Some(2_000_000));
        assert_eq!(cpu_micros("nonsense"), None);
    }

    #[test]
    fn memory_and_file_limits_are_read_or_absent() {
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t   24 kB\n"), Some(24_576));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
        let limits = "Limit   Soft   Hard\nMax open files            1024     4096    files\n";
        assert_eq!(max_files(limits), Some(1024));
        assert_eq!(
            max_files("Max open files   unlimited   unlimited   files"),
            None
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_values_of_this_process_are_plausible() {
        let process = Process::read();
        assert!(
            process
                .resident_bytes
                .is_some_and(|bytes| bytes > 1_000_000)
        );
        assert!(process.open_files.is_some_and(|files| files >= 3));
    }
}
