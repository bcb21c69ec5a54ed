//! A check that threads can be started, before the runtime does: it would panic where the system refuses one.

use std::{io, sync::mpsc, thread};

/// The threads beside those of the runtime: for the database, passwords and the log.
const OTHERS: usize = 6;
/// Stacks of the check need no room.
const STACK: usize = 64 * 1024;

/// Starts as many threads as the runtime and its first work will, and ends them.
///
/// # Errors
///
/// A text that names the limit, if the system refuses one.
pub(super) fn check_limit() -> Result<(), String> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    check(workers + OTHERS, |stop| {
        let builder = thread::Builder::new().stack_size(STACK);
        // ends when the sender is dropped
        builder.spawn(move || {
            let _ = stop.recv();
        })
    })
}

fn check<T>(
    wanted: usize,
    start: impl Fn(mpsc::Receiver<()>) -> io::Result<T>,
) -> Result<(), String> {
    let mut started = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        let (sender, receiver) = mpsc::channel();
        match start(receiver) {
            Ok(thread) => started.push((sender, thread)),
            Err(error) => {
                let possible = started.len();
                return Err(format!(
                    "cannot start {wanted} threads, only {possible}: {error}; raise the limit on processes of this user{} (`ulimit -u`, \
                     `LimitNPROC=` and `TasksMax=` of systemd, `--pids-limit` of a container)",
                    limit().map_or_else(String::new, |limit| format!(", which is {limit}"))
                ));
            }
        }
    }
    Ok(())
}

/// Returns the limit on the processes and threads of this user, if there is one.
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nproc).current
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, sync::Mutex};

    use super::*;

    #[test]
    fn y272_a_refused_thread_is_an_error_that_names_the_limit() {
        for possible in 0..4_usize {
            let left = Cell::new(possible);
            let refused = check(4, |_| {
                let next = left.get().checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
                left.set(next);
                Ok(())
            });
            let refused = refused.unwrap_err();
            let start = format!("cannot start 4 threads, only {possible}: ");
            assert!(
                refused.starts_with(&start) && refused.contains("ulimit -u"),
                "{refused}"
            );
        }
        assert_eq!(check(4, |_| Ok(())), Ok(()));
    }

    #[test]
    fn the_threads_of_the_check_run_together_and_end() {
        let handles = Mutex::new(Vec::new());
        let done = check(3, |stop| {
            let spawned = thread::Builder::new().spawn(move || {
                let _ = stop.recv();
            })?;
            handles.lock().unwrap().push(spawned);
            Ok(())
        });
        assert_eq!(done, Ok(()));
        for handle in handles.into_inner().unwrap() {
            handle.join().unwrap();
        }
        assert_eq!(check_limit(), Ok(()));
    }
}
