//! Two requests that race repeatedly, ever closer to each other.

use std::sync::Arc;

use rolecall_server::EmbeddedBuilder;
use tokio::sync::Barrier;

use super::{Database, Node, RequestBuilder, Response, TestApp};

/// The rounds of each race.
pub(crate) const ROUNDS: usize = 200;
/// The longest head start that the loser of a round gets in the next one, in turns of the scheduler.
const LARGEST_STEP: i64 = 1 << 13;

/// The request that came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    One,
    Two,
}

/// Makes four tests of each function that takes a [`Race`]: on one node and on two nodes, on SQLite and on
/// PostgreSQL.
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

/// No session ends because of newer ones.
fn configure(builder: EmbeddedBuilder) -> EmbeddedBuilder {
    builder.sessions_per_user(10_000)
}

/// A race between two nodes, or between two requests to one node.
///
/// The winner of a round starts later in the next one, so that the two come closer and closer and both win some
/// rounds. A race that always goes the same way tests nothing.
pub(crate) struct Race {
    app: TestApp,
    second: Option<Node>,
    /// The turns that the first request waits for the second; if negative, the second waits.
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
        let app = TestApp::configured(db, configure).await;
        let second = if nodes == 2 {
            Some(app.node(configure).await)
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

    /// The second node, or the same one if there is only one.
    pub(crate) fn other_node(&self) -> &Node {
        self.second.as_ref().unwrap_or(&self.app)
    }

    pub(crate) fn has_two_nodes(&self) -> bool {
        self.second.is_some()
    }

    /// Both nodes, in an order that alternates with the rounds.
    pub(crate) fn nodes(&self, round: usize) -> (&Node, &Node) {
        if round.is_multiple_of(2) {
            (&self.app, self.other_node())
        } else {
            (self.other_node(), &self.app)
        }
    }

    /// Sends both requests at once, on two threads.
    pub(crate) async fn run(
        &mut self,
        one: RequestBuilder,
        two: RequestBuilder,
    ) -> (Response, Response) {
        let jitter = self.random(self.step.max(16));
        let lead = self.lead + jitter - self.step.max(16) / 2;
        let start = Arc::new(Barrier::new(2));
        let racer = |request: RequestBuilder, turns: i64| {
            let start = Arc::clone(&start);
            tokio::spawn(async move {
                start.wait().await;
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                request.send().await
            })
        };
        let (one, two) = (racer(one, lead), racer(two, -lead));
        (one.await.unwrap(), two.await.unwrap())
    }

    /// Records which request came first.
    pub(crate) fn record_winner(&mut self, first: First) {
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

    /// Fails if one of the two hardly ever came first: then nothing was tested.
    pub(crate) fn assert_both_won(&self) {
        let [one, two] = self.won;
        println!("won {one} to {two}");
        assert!(one.min(two) * 20 >= one + two, "{one} to {two}");
    }

    /// Xorshift: the same numbers in every run.
    fn random(&mut self, below: i64) -> i64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        i64::try_from(self.random >> 1).unwrap() % below
    }
}
