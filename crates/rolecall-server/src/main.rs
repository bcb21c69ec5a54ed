//! The program `rolecall`: server and command line.

fn main() -> std::process::ExitCode {
    rolecall_server::cli::run()
}
