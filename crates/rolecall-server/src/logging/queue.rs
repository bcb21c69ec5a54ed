//! Lines that a thread of their own writes: a reader of the log that stops reading, such as a full pipe or a stopped
//! terminal, then stops no request and no signal.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::fmt::MakeWriter;

/// The pause between two attempts to flush a queue that is full.
const PAUSE: Duration = Duration::from_millis(5);

enum Message {
    Line(Box<[u8]>),
    /// Wants an answer once everything before it is written.
    Flush(SyncSender<()>),
}

/// The number of lines for which there was no room.
#[derive(Default)]
struct Lost {
    total: AtomicU64,
    unreported: AtomicU64,
}

/// Takes lines without ever waiting. Clones share the queue.
#[derive(Clone)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    lost: Arc<Lost>,
}

impl Queue {
    /// Starts the thread that writes to `target`. At most `capacity` lines wait; more are lost. `report` logs how many
    /// were, once there is room again.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub(super) fn start(
        target: impl Write + Send + 'static,
        capacity: usize,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(capacity);
        let lost = Arc::new(Lost::default());
        let noted = Arc::clone(&lost);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || write_lines(&receiver, target, &noted, report))?;
        Ok(Self { sender, lost })
    }

    /// Returns the number of lines that were lost since the start.
    pub(super) fn lost(&self) -> u64 {
        self.lost.total.load(Ordering::Relaxed)
    }

    /// Waits until the lines so far are written, but no longer than `limit`. Returns false if they are not.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let (done, is_done) = mpsc::sync_channel(1);
        let mut message = Message::Flush(done);
        loop {
            message = match self.sender.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if Instant::now() < end => back,
                Err(_) => return false,
            };
            thread::sleep(PAUSE);
        }
        let left = end.saturating_duration_since(Instant::now());
        is_done.recv_timeout(left).is_ok()
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(Message::Line(line.into())).is_err() {
            self.lost.total.fetch_add(1, Ordering::Relaxed);
            self.lost.unreported.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Writes until the last sender is gone. Errors of `target` are ignored: there is no other place to log them.
fn write_lines(
    receiver: &Receiver<Message>,
    mut target: impl Write,
    lost: &Lost,
    report: impl Fn(u64),
) {
    while let Ok(first) = receiver.recv() {
        let mut next = Some(first);
        let mut flushes = Vec::new();
        while let Some(message) = next {
            match message {
                Message::Line(line) => {
                    let _ = target.write_all(&line);
                }
                Message::Flush(done) => flushes.push(done),
            }
            next = receiver.try_recv().ok();
            if next.is_none() {
                let unreported = lost.unreported.swap(0, Ordering::Relaxed);
                if unreported > 0 {
                    // it comes back as a line
                    report(unreported);
                    next = receiver.try_recv().ok();
                }
            }
        }
        let _ = target.flush();
        for done in flushes {
            let _ = done.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A pipe whose reader waits for permission before it reads the next line.
    #[derive(Clone)]
    struct Pipe {
        permits: Arc<Mutex<Receiver<()>>>,
        read: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Pipe {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // an error means that everything may be read from now on
            let _ = self.permits.lock().unwrap().recv();
            self.read.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn y166_lines_beyond_a_full_queue_are_counted_and_stop_nobody() {
        let (permit, permits) = mpsc::channel();
        let pipe = Pipe {
            permits: Arc::new(Mutex::new(permits)),
            read: Arc::default(),
        };
        let (reports, reported) = mpsc::channel();
        let report = move |lines| reports.send(lines).unwrap();
        let mut queue = Queue::start(pipe.clone(), 4, report).unwrap();
        for number in 0..100 {
            // nobody reads, and no line waits for that
            queue
                .write_all(format!("line {number}\n").as_bytes())
                .unwrap();
        }
        assert!(!queue.flush(Duration::ZERO));
        let lost = queue.lost();
        // four wait, and the thread may hold a fifth
        assert!((95..=96).contains(&lost), "{lost}");
        drop(permit);
        assert_eq!(reported.recv().unwrap(), lost);
        assert!(queue.flush(Duration::from_mins(1)));
        queue.write_all(b"after\n").unwrap();
        assert!(queue.flush(Duration::from_mins(1)));
        let read = String::from_utf8(pipe.read.lock().unwrap().clone()).unwrap();
        assert_eq!(read.lines().count() as u64, 100 - lost + 1);
        assert!(read.starts_with("line 0\n") && read.ends_with("\nafter\n"));
        assert_eq!(queue.lost(), lost);
    }
}
