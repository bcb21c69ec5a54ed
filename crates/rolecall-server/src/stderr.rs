//! Standard error. `eprintln!` panics if it cannot be written, as on a full disk or after its reader has ended.

use std::{
    fmt,
    io::{self, Write},
};

/// Writes a line to standard error, if it can be written.
pub(crate) fn print_line(line: impl fmt::Display) {
    write_line(&mut io::stderr().lock(), line);
}

fn write_line(out: &mut impl Write, line: impl fmt::Display) {
    // nobody is left to tell
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn y548_a_full_disk_behind_standard_error_stops_nothing() {
        let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        write_line(&mut full, "a line");
        let mut out = Vec::new();
        write_line(&mut out, format_args!("{} line", "another"));
        assert_eq!(out, b"another line\n");
    }
}
