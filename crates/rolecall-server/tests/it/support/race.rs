//! Two requests that race, again and again, ever closer.

use std::sync::Arc;

use rolecall_server::EmbeddedBuilder;
use tokio::sync::Barrier;

use super::{Answer, Ask, CHEAP, Database, Node, TestApp};

/// How often each race is run.
pub(crate) const ROUNDS: usize = 200;
/// How much later the one that won begins in the next round, at most: so many turns of the scheduler.
const LARGEST_STEP: i64 = 1 << 13;

/// Who of two came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    One,
    Two,
}

/// Makes four tests of each function that takes a [`Race`]: two connections of one node and two nodes, on
/// SQLite and on PostgreSQL.
macro_rules! races {
    ($($name:ident),+ $(,)?) => { $(
        mod $name {
            use $crate::support::{Database, Race};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_one_node() {
                super::$name(Race::new(Database::sqlite(), 1).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_two_nodes() {
                super::$name(Race::new(Database::sqlite(), 2).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres_one_node() {
                if let Some(db) = Database::postgres().await {
                    super::$name(Race::new(db, 1).await).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres_two_nodes() {
                if let Some(db) = Database::postgres().await {
                    super::$name(Race::new(db, 2).await).await;
                }
            }
        }
    )+ };
}
pub(crate) use races;

/// Nothing slow to hash, and no session that ends because many others were opened since.
fn busy(builder: EmbeddedBuilder) -> EmbeddedBuilder {
    builder.hashing(CHEAP).sessions_per_user(10_000)
}

/// A node, another one or the same, and how close the last rounds were.
///
/// Whoever won begins later the next time, so the two come ever closer, and both win in the end. A race
/// that always goes the same way tells nothing.
pub(crate) struct Race {
    app: TestApp,
    second: Option<Node>,
    /// So many turns does the first wait for the second; the other way round if negative.
    lead: i64,
    step: i64,
    last: Option<First>,
    won: [usize; 2],
    random: u64,
}

impl std::ops::Deref for Race {
    type Target = TestApp;

    fn deref(&self) -> &TestApp {
        &self.app
    }
}

impl Race {
    pub(crate) async fn new(db: Database, nodes: usize) -> Self {
        let app = TestApp::on(db, busy).await;
        let second = if nodes == 2 {
            Some(app.node(busy).await)
        } else {
            None
        };
        Self {
            app,
            second,
            lead: 0,
            step: 64,
            last: None,
            won: [0, 0],
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// The other node, or the same once more.
    pub(crate) fn other(&self) -> &Node {
        self.second.as_ref().unwrap_or(&self.app)
    }

    pub(crate) fn has_two_nodes(&self) -> bool {
        self.second.is_some()
    }

    /// The two nodes, in turns the one before the other.
    pub(crate) fn nodes(&self, round: usize) -> (&Node, &Node) {
        if round.is_multiple_of(2) {
            (&self.app, self.other())
        } else {
            (self.other(), &self.app)
        }
    }

    /// Sends both at once, on two threads.
    pub(crate) async fn run(&mut self, one: Ask, two: Ask) -> (Answer, Answer) {
        let jitter = self.random(self.step.max(16));
        let lead = self.lead + jitter - self.step.max(16) / 2;
        let start = Arc::new(Barrier::new(2));
        let racer = |ask: Ask, turns: i64| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                ask.send().await
            })
        };
        let (one, two) = (racer(one, lead), racer(two, -lead));
        (one.await.unwrap(), two.await.unwrap())
    }

    /// Notes who came first.
    pub(crate) fn won_by(&mut self, first: First) {
        let again = self.last.replace(first) == Some(first);
        self.step = if again {
            (self.step * 2).min(LARGEST_STEP)
        } else {
            (self.step / 4).max(4)
        };
        match first {
            First::One => {
                self.won[0] += 1;
                self.lead += self.step;
            }
            First::Two => {
                self.won[1] += 1;
                self.lead -= self.step;
            }
        }
    }

    /// Fails if one of the two never came first: then nothing was tested.
    pub(crate) fn was_a_race(&self) {
        let [one, two] = self.won;
        println!("won {one} to {two}");
        assert!(one.min(two) * 20 >= one + two, "{one} to {two}");
    }

    /// Xorshift: the same in every run.
    fn random(&mut self, below: i64) -> i64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        i64::try_from(self.random >> 1).unwrap() % below
    }
}
