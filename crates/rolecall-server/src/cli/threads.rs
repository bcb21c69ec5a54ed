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
    let start = |stop: mpsc::Receiver<()>| {
        let builder = thread::Builder::new().stack_size(STACK);
        // ends when the sender is dropped
        builder.spawn(move || {
            let _ = stop.recv();
        })
    };
    // the runtime may take their place only once they have ended
    check(workers + OTHERS, start, |started| {
        let _ = started.join();
    })
}

fn check<T>(
    wanted: usize,
    start: impl Fn(mpsc::Receiver<()>) -> io::Result<T>,
    end: impl Fn(T),
) -> Result<(), String> {
    let mut started = Vec::with_capacity(wanted);
    let mut refused = None;
    while started.len() < wanted && refused.is_none() {
        let (sender, receiver) = mpsc::channel();
        match start(receiver) {
            Ok(thread) => started.push((sender, thread)),
            Err(error) => refused = Some(error),
        }
    }
    let possible = started.len();
    for (sender, thread) in started {
        drop(sender);
        end(thread);
    }
    let Some(error) = refused else { return Ok(()) };
    Err(format!(
        "cannot start {wanted} threads, only {possible}: {error}; raise the limit on processes of this user{} (`ulimit -u`, \
         `LimitNPROC=` and `TasksMax=` of systemd, `--pids-limit` of a container)",
        limit().map_or_else(String::new, |limit| format!(", which is {limit}"))
    ))
}

/// Returns the limit on the processes and threads of this user, if there is one.
fn limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nproc).current
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[test]
    fn y272_a_refused_thread_is_an_error_that_names_the_limit() {
        for possible in 0..4_usize {
            let (left, ended) = (Cell::new(possible), Cell::new(0));
            let start = |_: mpsc::Receiver<()>| -> io::Result<()> {
                let next = left.get().checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
                left.set(next);
                Ok(())
            };
            let refused = check(4, start, |()| ended.set(ended.get() + 1));
            let refused = refused.unwrap_err();
            let text = format!("cannot start 4 threads, only {possible}: ");
            assert!(
                refused.starts_with(&text) && refused.contains("ulimit -u"),
                "{refused}"
            );
            assert_eq!(ended.get(), possible);
        }
        assert_eq!(check(4, |_| Ok(()), |()| ()), Ok(()));
    }

    #[test]
    fn the_threads_of_the_check_run_together_and_end_before_it_does() {
        let running = Arc::new(Mutex::new((0, 0)));
        let start = |stop: mpsc::Receiver<()>| {
            let mut counts = running.lock().unwrap();
            counts.0 += 1;
            counts.1 = counts.0.max(counts.1);
            drop(counts);
            let running = Arc::clone(&running);
            thread::Builder::new().spawn(move || {
                let _ = stop.recv();
                running.lock().unwrap().0 -= 1;
            })
        };
        assert_eq!(check(3, start, |one| one.join().unwrap()), Ok(()));
        assert_eq!(*running.lock().unwrap(), (0, 3));
        assert_eq!(check_limit(), Ok(()));
    }
}
