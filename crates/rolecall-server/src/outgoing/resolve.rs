//! Names of hosts are looked up, a few at once.
//!
//! A look-up cannot be ended, and lasts as long as the system asks its name servers, whoever waits for it. So a name is
//! looked up once for all who ask for it, and names whose name servers are slow leave places to those of others.

use std::{
    collections::HashMap,
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, watch};

/// The most names that are looked up at once.
pub(super) const MAX_LOOK_UPS: usize = 8;
/// Of these, the ones that were not looked up quickly the last time.
const NOT_KNOWN: usize = 6;
/// Of these, the ones that were looked up slowly the last time.
const SLOW: usize = 3;
/// A look-up that takes longer is slow.
const QUICK: Duration = Duration::from_secs(2);
/// The time for which addresses are kept: from the moment at which a request is planned to that at which it is made.
const KEEP_FOUND: Duration = Duration::from_secs(2);
/// The time for which a failure is kept.
const KEEP_FAILED: Duration = Duration::from_secs(5);
/// The most names of which is known how long they took.
const MAX_KNOWN: usize = 1000;

/// Looks a name up, and waits for the answer. The port of the addresses does not count.
type LookUp = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// The addresses of a name, or the kind of error and its text.
type Answer = Result<Vec<SocketAddr>, (io::ErrorKind, String)>;

/// Looks names up on threads of their own: neither the work of others nor the end of the process waits for a name server
/// that does not answer.
#[derive(Clone)]
pub(super) struct Resolver {
    shared: Arc<Shared>,
    look_up: LookUp,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Told of each place that becomes free.
    freed: Notify,
}

#[derive(Default)]
struct State {
    running: HashMap<String, Running>,
    /// What was found a moment ago.
    kept: HashMap<String, (Answer, Instant)>,
    /// How the last look-up went.
    known: HashMap<String, Speed>,
}

struct Running {
    speed: Speed,
    answer: watch::Receiver<Option<Answer>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Speed {
    Quick,
    #[default]
    NotKnown,
    Slow,
}

/// An answer that is there, or comes.
enum Finding {
    Kept(Answer),
    Running(watch::Receiver<Option<Answer>>),
}

impl State {
    fn forget_old(&mut self, now: Instant) {
        self.kept.retain(|_, (answer, at)| {
            let keep = if answer.is_ok() {
                KEEP_FOUND
            } else {
                KEEP_FAILED
            };
            now.saturating_duration_since(*at) < keep
        });
    }

    /// Returns true if there is a place for a name that was looked up at this speed the last time.
    fn has_place(&self, speed: Speed) -> bool {
        let count = |least: fn(Speed) -> bool| {
            let running = self.running.values();
            running.filter(|one| least(one.speed)).count()
        };
        let all = self.running.len() < MAX_LOOK_UPS;
        let not_known = || count(|speed| speed != Speed::Quick) < NOT_KNOWN;
        let slow = || count(|speed| speed == Speed::Slow) < SLOW;
        match speed {
            Speed::Quick => all,
            Speed::NotKnown => all && not_known(),
            Speed::Slow => all && not_known() && slow(),
        }
    }

    fn note(&mut self, name: &str, speed: Speed) {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(name) {
            self.known.clear();
        }
        self.known.insert(name.to_owned(), speed);
    }
}

impl Resolver {
    fn new(look_up: LookUp) -> Self {
        Self {
            shared: Arc::default(),
            look_up,
        }
    }

    pub(super) fn of_system() -> Self {
        Self::new(|name| Ok((name, 0).to_socket_addrs()?.collect()))
    }

    /// Begins to look a name up, or joins who does. Returns false if there is no place for it: then whoever asks does
    /// something else first.
    pub(super) fn prepare(&self, name: &str) -> io::Result<bool> {
        Ok(self.begin(name)?.is_some())
    }

    /// Returns the addresses of a name. Waits for a place.
    pub(super) async fn resolve(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let answer = loop {
            let freed = self.shared.freed.notified();
            tokio::pin!(freed);
            // from here on, so that no place becomes free unnoticed
            freed.as_mut().enable();
            match self.begin(name)? {
                Some(Finding::Kept(answer)) => break answer,
                Some(Finding::Running(mut answer)) => {
                    let answer = answer.wait_for(Option::is_some).await;
                    let answer = answer.map_err(io::Error::other)?.clone();
                    break answer.unwrap_or_else(|| Ok(Vec::new()));
                }
                None => freed.await,
            }
        };
        let mut found = answer.map_err(|(kind, text)| io::Error::new(kind, text))?;
        for address in &mut found {
            address.set_port(port);
        }
        Ok(found)
    }

    fn begin(&self, name: &str) -> io::Result<Option<Finding>> {
        let now = Instant::now();
        let mut state = self.shared.state();
        state.forget_old(now);
        if let Some((answer, _)) = state.kept.get(name) {
            return Ok(Some(Finding::Kept(answer.clone())));
        }
        if let Some(running) = state.running.get(name) {
            return Ok(Some(Finding::Running(running.answer.clone())));
        }
        let speed = state.known.get(name).copied().unwrap_or_default();
        if !state.has_place(speed) {
            return Ok(None);
        }
        let (found, answer) = watch::channel(None);
        let (shared, look_up, owned) = (Arc::clone(&self.shared), self.look_up, name.to_owned());
        std::thread::Builder::new()
            .name("look-up".to_owned())
            .spawn(move || {
                let found_now = look_up(&owned);
                let found_now = found_now.map_err(|error| (error.kind(), error.to_string()));
                shared.end(&owned, now, &found_now);
                // nobody may wait any more
                let _ = found.send(Some(found_now));
            })?;
        let running = Running {
            speed,
            answer: answer.clone(),
        };
        state.running.insert(name.to_owned(), running);
        Ok(Some(Finding::Running(answer)))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an answer, and gives the place back.
    fn end(&self, name: &str, begun: Instant, answer: &Answer) {
        let now = Instant::now();
        let is_quick = now.saturating_duration_since(begun) <= QUICK;
        let mut state = self.state();
        state.running.remove(name);
        state.note(name, if is_quick { Speed::Quick } else { Speed::Slow });
        state.kept.insert(name.to_owned(), (answer.clone(), now));
        drop(state);
        self.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Condvar,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    fn address() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 0))
    }

    fn never() -> ! {
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn y303_a_name_server_that_does_not_answer_takes_few_threads_and_holds_up_no_end() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        fn hanging(_: &str) -> io::Result<Vec<SocketAddr>> {
            ASKED.fetch_add(1, Ordering::SeqCst);
            never()
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let resolver = Resolver::new(hanging);
        let waiting: Vec<_> = (0..20 * MAX_LOOK_UPS)
            .map(|number| {
                let resolver = resolver.clone();
                let name = format!("hangs-{number}.example");
                runtime.spawn(async move { resolver.resolve(&name, 443).await })
            })
            .collect();
        while ASKED.load(Ordering::SeqCst) < NOT_KNOWN {
            std::thread::yield_now();
        }
        // whoever gave up waiting has not ended the look-up, so that its place is still taken
        for waits in &waiting {
            waits.abort();
        }
        let late = runtime.spawn(async move { resolver.resolve("late.example", 443).await });
        // other work that needs a thread is done
        runtime.block_on(async { tokio::task::spawn_blocking(|| ()).await.unwrap() });
        assert!(!late.is_finished());
        drop(runtime);
        assert_eq!(ASKED.load(Ordering::SeqCst), NOT_KNOWN);
    }

    #[tokio::test]
    async fn y381_a_name_is_looked_up_once_for_all_who_ask_and_a_failure_is_kept() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        static MAY_END: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());
        fn slow(_: &str) -> io::Result<Vec<SocketAddr>> {
            ASKED.fetch_add(1, Ordering::SeqCst);
            let may_end = MAY_END.0.lock().unwrap();
            drop(MAY_END.1.wait_while(may_end, |may_end| !*may_end).unwrap());
            Err(io::Error::new(io::ErrorKind::NotFound, "no such name"))
        }
        let resolver = Resolver::new(slow);
        for _ in 0..50 {
            assert!(resolver.prepare("gone.example").unwrap());
        }
        let asking: Vec<_> = (0..50)
            .map(|_| {
                let resolver = resolver.clone();
                tokio::spawn(async move { resolver.resolve("gone.example", 443).await })
            })
            .collect();
        *MAY_END.0.lock().unwrap() = true;
        MAY_END.1.notify_all();
        for asks in asking {
            let error = asks.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
            assert_eq!(error.to_string(), "no such name");
        }
        // and whoever asks next is answered by what was found
        assert!(resolver.resolve("gone.example", 443).await.is_err());
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn y381_names_that_hang_leave_places_to_those_that_are_answered() {
        #[expect(clippy::unnecessary_wraps, reason = "look-ups can fail")]
        fn by_name(name: &str) -> io::Result<Vec<SocketAddr>> {
            if name.starts_with("hangs") {
                never();
            }
            Ok(vec![address()])
        }
        let resolver = Resolver::new(by_name);
        let found = resolver.resolve("good.example", 8443).await.unwrap();
        assert_eq!(found, [SocketAddr::from(([192, 0, 2, 1], 8443))]);
        resolver.shared.state().kept.clear();
        let hanging = (0..20).map(|number| format!("hangs-{number}.example"));
        let begun: Vec<bool> = hanging
            .map(|name| resolver.prepare(&name).unwrap())
            .collect();
        assert_eq!(begun.iter().filter(|begun| **begun).count(), NOT_KNOWN);
        // one that nobody knows waits, and one that is known does not
        assert!(!resolver.prepare("new.example").unwrap());
        assert_eq!(resolver.resolve("good.example", 1).await.unwrap().len(), 1);
        assert!(resolver.prepare("hangs-0.example").unwrap(), "it is joined");
    }

    #[test]
    fn y381_slow_names_have_fewer_places_than_new_ones() {
        fn hanging(_: &str) -> io::Result<Vec<SocketAddr>> {
            never()
        }
        let resolver = Resolver::new(hanging);
        let begin = |name: &str, speed: Speed| {
            resolver.shared.state().note(name, speed);
            resolver.prepare(name).unwrap()
        };
        for number in 0..SLOW {
            assert!(begin(&format!("slow-{number}"), Speed::Slow));
        }
        assert!(!begin("slow", Speed::Slow));
        for number in SLOW..NOT_KNOWN {
            assert!(resolver.prepare(&format!("new-{number}")).unwrap());
        }
        assert!(!resolver.prepare("new").unwrap());
        for number in NOT_KNOWN..MAX_LOOK_UPS {
            assert!(begin(&format!("quick-{number}"), Speed::Quick));
        }
        assert!(!begin("quick", Speed::Quick));
    }

    #[test]
    fn y381_what_is_known_of_names_has_a_limit() {
        let mut state = State::default();
        for number in 0..3 * MAX_KNOWN {
            state.note(&format!("{number}.example"), Speed::Slow);
            assert!(state.known.len() <= MAX_KNOWN);
        }
    }
}
