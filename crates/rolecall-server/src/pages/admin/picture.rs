//! The hierarchy of roles as a picture: seniors at the left, juniors at the right, an edge for each inheritance.
//!
//! Each role stands in a column right of all its seniors. An edge that passes a column has a row of its own there, so
//! that it crosses no box. Pure: the same policy gives the same picture.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use rolecall_core::{Policy, RoleName};

/// The most roles in a picture: more are not readable.
pub(crate) const MAX_ROLES: usize = 100;
/// The most edges in a picture.
pub(crate) const MAX_EDGES: usize = 300;
/// The most characters of a name in its box; the whole name is the title of the box.
const MAX_LABEL: usize = 20;

/// The measures of the picture, in pixels.
const BOX_WIDTH: u32 = 168;
const BOX_HEIGHT: u32 = 32;
const ROW: u32 = BOX_HEIGHT + 12;
const COLUMN: u32 = BOX_WIDTH + 64;
const MARGIN: u32 = 12;

/// A picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) boxes: Vec<RoleBox>,
    pub(crate) edges: Vec<Edge>,
}

/// The box of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleBox {
    pub(crate) role: RoleName,
    pub(crate) label: String,
    pub(crate) x: u32,
    pub(crate) y: u32,
}

impl RoleBox {
    pub(crate) const WIDTH: u32 = BOX_WIDTH;
    pub(crate) const HEIGHT: u32 = BOX_HEIGHT;
}

/// An inheritance, as the `d` of a path from box to box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) senior: RoleName,
    pub(crate) junior: RoleName,
    pub(crate) path: String,
}

/// What stands in a row of a column: a role, or the edge between two roles that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place<'p> {
    Role(&'p RoleName),
    Passing(&'p RoleName, &'p RoleName),
}

/// The roles of a picture, with those that each inherits directly.
type Juniors<'p> = BTreeMap<&'p RoleName, Vec<&'p RoleName>>;

impl Picture {
    /// Draws the roles of `shown` that the policy has; `None` if they or their edges are too many to be read.
    pub(crate) fn of(policy: &Policy, shown: &BTreeSet<RoleName>) -> Option<Self> {
        let known = policy.roles().filter(|(role, _)| shown.contains(*role));
        let juniors: Juniors<'_> = known
            .map(|(role, rules)| {
                let drawn = rules
                    .juniors
                    .iter()
                    .filter(|junior| shown.contains(*junior));
                (role, drawn.collect())
            })
            .collect();
        let edges: usize = juniors.values().map(Vec::len).sum();
        if juniors.len() > MAX_ROLES || edges > MAX_EDGES {
            return None;
        }
        let depths = depths(&juniors);
        let mut columns = columns(&juniors, &depths);
        untangle(&mut columns, &links(&juniors, &depths));
        Some(draw(&juniors, &depths, &columns))
    }
}

/// Returns the column of each role: one more than that of its rightmost senior. A policy has no circles.
fn depths<'p>(juniors: &Juniors<'p>) -> BTreeMap<&'p RoleName, usize> {
    let mut depths: BTreeMap<&RoleName, usize> = juniors.keys().map(|role| (*role, 0)).collect();
    // no path is longer than there are roles
    for _ in 0..juniors.len() {
        let mut moved = false;
        for (senior, below) in juniors {
            let next = depths.get(senior).map_or(0, |depth| depth + 1);
            for junior in below {
                if let Some(depth) = depths.get_mut(junior).filter(|depth| **depth < next) {
                    *depth = next;
                    moved = true;
                }
            }
        }
        if !moved {
            break;
        }
    }
    depths
}

/// Returns what stands in each column, in the order of the names; roles without any inheritance stand last.
fn columns<'p>(
    juniors: &Juniors<'p>,
    depths: &BTreeMap<&'p RoleName, usize>,
) -> Vec<Vec<Place<'p>>> {
    let count = depths.values().max().map_or(0, |depth| depth + 1);
    let mut columns = vec![Vec::new(); count];
    let inherited: BTreeSet<&RoleName> = juniors.values().flatten().copied().collect();
    let is_alone =
        |role: &RoleName, below: &Vec<&RoleName>| below.is_empty() && !inherited.contains(role);
    let mut alone = Vec::new();
    for (role, below) in juniors {
        let depth = depths.get(role).copied().unwrap_or_default();
        if is_alone(role, below) {
            alone.push(Place::Role(role));
        } else if let Some(column) = columns.get_mut(depth) {
            column.push(Place::Role(role));
        }
        for junior in below {
            let end = depths.get(junior).copied().unwrap_or_default();
            for column in columns.iter_mut().take(end).skip(depth + 1) {
                column.push(Place::Passing(role, junior));
            }
        }
    }
    spread(&mut columns, alone);
    columns
}

/// Adds the roles without any inheritance below the shortest columns.
fn spread<'p>(columns: &mut [Vec<Place<'p>>], alone: Vec<Place<'p>>) {
    for place in alone {
        if let Some(shortest) = columns.iter_mut().min_by_key(|column| column.len()) {
            shortest.push(place);
        }
    }
}

/// Returns the pairs of places in neighbouring columns that an edge joins, the left one first.
fn links<'p>(
    juniors: &Juniors<'p>,
    depths: &BTreeMap<&'p RoleName, usize>,
) -> Vec<(Place<'p>, Place<'p>)> {
    let mut links = Vec::new();
    for (senior, below) in juniors {
        for junior in below {
            if is_long(depths, senior, junior) {
                let passing = Place::Passing(senior, junior);
                links.push((Place::Role(senior), passing));
                links.push((passing, Place::Role(junior)));
            } else {
                links.push((Place::Role(senior), Place::Role(junior)));
            }
        }
    }
    links
}

fn is_long(depths: &BTreeMap<&RoleName, usize>, senior: &RoleName, junior: &RoleName) -> bool {
    let depth = |role| depths.get(role).copied().unwrap_or_default();
    depth(junior) > depth(senior) + 1
}

/// The number of times that the columns are sorted from left to right and back.
const ROUNDS: usize = 8;

/// Sorts each column by where the neighbours of its places stand, so that few edges cross.
fn untangle<'p>(columns: &mut [Vec<Place<'p>>], links: &[(Place<'p>, Place<'p>)]) {
    let mut left: BTreeMap<Place<'_>, Vec<Place<'_>>> = BTreeMap::new();
    let mut right = left.clone();
    for (from, to) in links {
        right.entry(*from).or_default().push(*to);
        left.entry(*to).or_default().push(*from);
    }
    for round in 0..ROUNDS {
        let neighbours = if round % 2 == 0 { &left } else { &right };
        let rows: BTreeMap<Place<'_>, usize> =
            columns.iter().flat_map(|column| rows(column)).collect();
        for column in columns.iter_mut() {
            let mut sorted: Vec<(usize, Place<'_>)> = column
                .iter()
                .enumerate()
                .map(|(row, place)| (middle(neighbours.get(place), &rows, row), *place))
                .collect();
            // stable: what has no neighbours keeps its place among equals
            sorted.sort_by_key(|(middle, _)| *middle);
            *column = sorted.into_iter().map(|(_, place)| place).collect();
        }
    }
}

fn rows<'c, 'p>(column: &'c [Place<'p>]) -> impl Iterator<Item = (Place<'p>, usize)> + 'c {
    column.iter().enumerate().map(|(row, place)| (*place, row))
}

/// Returns the mean row of the neighbours, in hundredths of a row, or the own row without any.
fn middle(
    neighbours: Option<&Vec<Place<'_>>>,
    rows: &BTreeMap<Place<'_>, usize>,
    own: usize,
) -> usize {
    let found = neighbours.into_iter().flatten();
    let found: Vec<usize> = found.filter_map(|place| rows.get(place).copied()).collect();
    let sum: usize = found.iter().sum();
    (sum * 100).checked_div(found.len()).unwrap_or(own * 100)
}

fn draw<'p>(
    juniors: &Juniors<'p>,
    depths: &BTreeMap<&'p RoleName, usize>,
    columns: &[Vec<Place<'p>>],
) -> Picture {
    let tallest = columns.iter().map(Vec::len).max().unwrap_or_default();
    let mut corners: BTreeMap<(usize, Place<'_>), (u32, u32)> = BTreeMap::new();
    let mut picture = Picture {
        width: sized(columns.len(), COLUMN, COLUMN - BOX_WIDTH),
        height: sized(tallest, ROW, ROW - BOX_HEIGHT),
        ..Picture::default()
    };
    for (number, column) in columns.iter().enumerate() {
        // short columns stand in the middle
        let above = (pixels(tallest, ROW) - pixels(column.len(), ROW)) / 2;
        for (place, row) in rows(column) {
            let x = MARGIN + pixels(number, COLUMN);
            let y = MARGIN + above + pixels(row, ROW);
            corners.insert((number, place), (x, y));
            if let Place::Role(role) = place {
                picture.boxes.push(RoleBox {
                    role: role.clone(),
                    label: label(role),
                    x,
                    y,
                });
            }
        }
    }
    for (senior, below) in juniors {
        for junior in below {
            picture.edges.push(Edge {
                senior: (*senior).clone(),
                junior: (*junior).clone(),
                path: path(&corners, depths, senior, junior),
            });
        }
    }
    picture
}

/// Returns the path of an edge: a curve from column to column, and a straight line where it passes one.
fn path<'p>(
    corners: &BTreeMap<(usize, Place<'p>), (u32, u32)>,
    depths: &BTreeMap<&'p RoleName, usize>,
    senior: &'p RoleName,
    junior: &'p RoleName,
) -> String {
    let depth = |role| depths.get(role).copied().unwrap_or_default();
    let (start, end) = (depth(senior), depth(junior));
    let corner = |number, place| corners.get(&(number, place)).copied().unwrap_or_default();
    let (x, y) = corner(start, Place::Role(senior));
    let (mut x, mut y) = (x + BOX_WIDTH, y + BOX_HEIGHT / 2);
    let mut path = format!("M{x} {y}");
    for number in start + 1..=end {
        let place = if number == end {
            Place::Role(junior)
        } else {
            Place::Passing(senior, junior)
        };
        let (next_x, top) = corner(number, place);
        let next_y = top + BOX_HEIGHT / 2;
        let bend = u32::midpoint(x, next_x);
        let _ = write!(path, "C{bend} {y} {bend} {next_y} {next_x} {next_y}");
        (x, y) = (next_x, next_y);
        if number < end {
            x += BOX_WIDTH;
            let _ = write!(path, "H{x}");
        }
    }
    path
}

fn pixels(count: usize, each: u32) -> u32 {
    u32::try_from(count)
        .unwrap_or(u32::MAX)
        .saturating_mul(each)
}

/// Returns the size of so many columns or rows with a margin on both sides; `gap` does not follow the last.
fn sized(count: usize, each: u32, gap: u32) -> u32 {
    pixels(count, each).saturating_sub(gap) + 2 * MARGIN
}

fn label(role: &RoleName) -> String {
    let name = role.as_str();
    if name.chars().count() <= MAX_LABEL {
        return name.to_owned();
    }
    let mut label: String = name.chars().take(MAX_LABEL - 1).collect();
    label.push('…');
    label
}

/// A role in the hierarchy as a list, at a depth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) role: RoleName,
    pub(crate) depth: usize,
    /// True if the roles below it are listed where it stands first.
    pub(crate) is_repeated: bool,
}

/// Returns the hierarchy as lines, each role below each of its seniors. What a role inherits is listed once, so that the
/// list is hardly longer than there are edges.
pub(crate) fn lines(policy: &Policy, shown: &BTreeSet<RoleName>) -> Vec<Line> {
    let known = policy.roles().filter(|(role, _)| shown.contains(*role));
    let known: Vec<_> = known.collect();
    let inherited = known.iter().flat_map(|(_, rules)| &rules.juniors);
    let inherited: BTreeSet<&RoleName> = inherited.collect();
    let tops = known.iter().map(|(role, _)| *role);
    let tops = tops.filter(|role| !inherited.contains(role));
    let mut waiting: Vec<(&RoleName, usize)> = tops.map(|role| (role, 0)).collect();
    waiting.reverse();
    let (mut seen, mut lines) = (BTreeSet::new(), Vec::new());
    while let Some((role, depth)) = waiting.pop() {
        let rules = policy.role(role.as_str());
        let below = rules.into_iter().flat_map(|rules| &rules.juniors);
        let below: Vec<&RoleName> = below.filter(|junior| shown.contains(*junior)).collect();
        let is_new = seen.insert(role);
        lines.push(Line {
            role: role.clone(),
            depth,
            is_repeated: !is_new && !below.is_empty(),
        });
        if is_new {
            waiting.extend(below.into_iter().rev().map(|junior| (junior, depth + 1)));
        }
    }
    lines
}

#[cfg(test)]
mod tests;
