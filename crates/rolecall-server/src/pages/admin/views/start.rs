//! The first page.

use minijinja::Value;
use serde::Serialize;

use super::{super::super::sample_values::TEXT, Time, value};
use crate::doctor::finding::PAGE_TEXTS;

/// The page: each part is empty for those who may not see it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Start {
    pub(crate) todo: Vec<Todo>,
    /// What is wrong with the server, with the way out.
    pub(crate) problems: Vec<Problem>,
    pub(crate) plot: Option<Plot>,
    pub(crate) keys: Vec<KeyAge>,
    pub(crate) changes: Vec<Recent>,
}

/// Something that needs doing.
#[derive(Debug, Serialize)]
pub(crate) struct Todo {
    /// The key of the text.
    pub(crate) key: &'static str,
    pub(crate) count: i64,
    /// The name in the text.
    pub(crate) name: String,
    /// The page where it is done; empty if there is none.
    pub(crate) href: String,
    pub(crate) at: Option<Time>,
}

/// A problem that `doctor` has found.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) is_fault: bool,
    pub(crate) check: &'static str,
    /// The problem and its solution in English.
    pub(crate) text: String,
    /// The key of the text in the language of the page; empty if there is none.
    pub(crate) key: &'static str,
    pub(crate) name: String,
    pub(crate) detail: String,
    pub(crate) count: i64,
}

/// Sign-ins and refusals of the last day, one bar of each for an hour.
#[derive(Debug, Serialize)]
pub(crate) struct Plot {
    pub(crate) signed_in: i64,
    pub(crate) refused: i64,
    pub(crate) bars: Vec<Bar>,
}

/// The bars of an hour, in the units of the picture.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Bar {
    pub(crate) x: i64,
    pub(crate) good: i64,
    pub(crate) good_y: i64,
    pub(crate) bad: i64,
    pub(crate) bad_y: i64,
    /// The hour in UTC; empty where none is written.
    pub(crate) label: String,
}

/// A signing key and its age.
#[derive(Debug, Serialize)]
pub(crate) struct KeyAge {
    pub(crate) kid: String,
    pub(crate) algorithm: String,
    pub(crate) days: i64,
}

/// One of the last changes.
#[derive(Debug, Serialize)]
pub(crate) struct Recent {
    pub(crate) action: String,
    /// The page of the entry.
    pub(crate) href: String,
    pub(crate) actor: String,
    pub(crate) at: Time,
}

/// The height of the highest bar.
const HIGHEST: i64 = 120;
/// The line on which the bars stand.
const GROUND: i64 = 136;
/// The hours of the picture.
pub(crate) const HOURS: usize = 24;

impl Plot {
    /// Draws the counts of sign-ins and refusals by hour, the oldest first; `last_hour` is that of the newest, in UTC.
    pub(crate) fn draw(counts: &[(i64, i64); HOURS], last_hour: i64) -> Self {
        let highest = counts.iter().map(|(good, bad)| *good.max(bad)).max();
        let highest = highest.unwrap_or_default().max(1);
        // what happened is seen, however little it is
        let height = |count: i64| {
            let scaled = count.saturating_mul(HIGHEST) / highest;
            if count > 0 { scaled.max(2) } else { 0 }
        };
        let bars = (0_i64..).zip(counts).map(|(place, (good, bad))| {
            let hour = (last_hour + place + 1).rem_euclid(24);
            let (good, bad) = (height(*good), height(*bad));
            Bar {
                x: place * 30 + 4,
                good,
                good_y: GROUND - good,
                bad,
                bad_y: GROUND - bad,
                label: if hour % 6 == 0 {
                    format!("{hour:02}:00")
                } else {
                    String::new()
                },
            }
        });
        Self {
            signed_in: counts.iter().map(|(good, _)| good).sum(),
            refused: counts.iter().map(|(_, bad)| bad).sum(),
            bars: bars.collect(),
        }
    }
}

/// The texts of what can need doing.
pub(crate) const TODO: [&str; 4] = [
    "admin-todo-requests",
    "admin-todo-expiring",
    "admin-todo-mails",
    "admin-todo-one-administrator",
];

/// Samples of the page.
pub(in super::super) fn samples() -> Vec<Value> {
    let todo = TODO.map(|key| Todo {
        key,
        count: 3,
        name: TEXT.to_owned(),
        href: "/admin/requests".to_owned(),
        at: Some(Time::sample()),
    });
    let mut counts = [(0, 0); HOURS];
    counts[3] = (7, 2);
    let full = Start {
        todo: todo.into_iter().collect(),
        problems: [""]
            .iter()
            .chain(PAGE_TEXTS)
            .map(|&key| Problem {
                is_fault: key.is_empty(),
                check: TEXT,
                text: TEXT.to_owned(),
                key,
                name: TEXT.to_owned(),
                detail: TEXT.to_owned(),
                count: 3,
            })
            .collect(),
        plot: Some(Plot::draw(&counts, 13)),
        keys: vec![KeyAge {
            kid: TEXT.to_owned(),
            algorithm: TEXT.to_owned(),
            days: 12,
        }],
        changes: vec![Recent {
            action: TEXT.to_owned(),
            href: "/admin/audit/7".to_owned(),
            actor: TEXT.to_owned(),
            at: Time::sample(),
        }],
    };
    [full, Start::default()].iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hours_end_with_the_present_one() {
        let plot = Plot::draw(&[(0, 0); HOURS], 13);
        let labels: Vec<&str> = plot.bars.iter().map(|bar| bar.label.as_str()).collect();
        // 14:00 of yesterday is the first, and 13:00 the last
        assert_eq!(
            (labels[4], labels[10], labels[16], labels[22]),
            ("18:00", "00:00", "06:00", "12:00")
        );
        assert_eq!(labels.iter().filter(|label| !label.is_empty()).count(), 4);
    }

    proptest! {
        #[test]
        fn bars_stay_in_the_picture_and_keep_their_order(counts in proptest::collection::vec((0_i64..1_000_000, 0_i64..1_000_000), HOURS)) {
            let mut fixed = [(0, 0); HOURS];
            fixed.copy_from_slice(&counts);
            let plot = Plot::draw(&fixed, 5);
            prop_assert_eq!(plot.signed_in, counts.iter().map(|one| one.0).sum::<i64>());
            for (bar, (good, bad)) in plot.bars.iter().zip(&counts) {
                prop_assert!(bar.good <= HIGHEST && bar.bad <= HIGHEST && bar.good_y >= 0 && bar.bad_y >= 0);
                prop_assert!(bar.x >= 0 && bar.x + 22 <= 720);
                prop_assert_eq!(bar.good == 0, *good == 0);
                prop_assert_eq!(bar.bad == 0, *bad == 0);
                prop_assert!(good < bad || bar.good >= bar.bad);
            }
        }
    }
}
