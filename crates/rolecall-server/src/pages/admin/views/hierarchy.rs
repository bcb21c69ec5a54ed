//! The hierarchy of roles, as a picture and as a list.

use minijinja::Value;
use serde::Serialize;

use super::super::{
    super::sample_values::TEXT,
    picture::{Line, Picture, RoleBox},
};

/// The page.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Hierarchy {
    /// The role whose seniors and juniors are shown; empty for all roles.
    pub(crate) role: String,
    pub(crate) is_unknown: bool,
    /// The number of the shown roles.
    pub(crate) count: usize,
    /// Nothing if there is nothing to draw, or too much to read.
    pub(crate) picture: Option<Drawing>,
    pub(crate) list: Vec<Item>,
    /// The number of lines that are not listed.
    pub(crate) more: usize,
}

/// The picture.
#[derive(Debug, Serialize)]
pub(crate) struct Drawing {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) boxes: Vec<Drawn>,
    pub(crate) paths: Vec<String>,
}

/// A box of the picture.
#[derive(Debug, Serialize)]
pub(crate) struct Drawn {
    pub(crate) role: String,
    pub(crate) label: String,
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) text_x: u32,
    pub(crate) text_y: u32,
    pub(crate) is_chosen: bool,
}

/// A line of the list, with the lists that open before it and close behind it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Item {
    pub(crate) role: String,
    pub(crate) is_repeated: bool,
    /// A list begins with it.
    pub(crate) opens: bool,
    /// The number of lists that end behind it.
    pub(crate) closes: usize,
}

impl Drawing {
    /// Describes a picture in which `chosen` stands out.
    pub(crate) fn of(picture: Picture, chosen: &str) -> Self {
        let boxes = picture.boxes.into_iter().map(|one| Drawn {
            is_chosen: one.role.as_str() == chosen,
            role: one.role.to_string(),
            label: one.label,
            x: one.x,
            y: one.y,
            width: RoleBox::WIDTH,
            height: RoleBox::HEIGHT,
            text_x: one.x + 12,
            text_y: one.y + RoleBox::HEIGHT / 2,
        });
        Self {
            width: picture.width,
            height: picture.height,
            boxes: boxes.collect(),
            paths: picture.edges.into_iter().map(|edge| edge.path).collect(),
        }
    }
}

/// Nests lines: each is an item of a list, and those below it a list inside it.
pub(crate) fn nest(lines: &[Line]) -> Vec<Item> {
    let depths = lines.iter().map(|line| Some(line.depth));
    let before = std::iter::once(None).chain(depths.clone());
    let after = depths.skip(1).chain(std::iter::once(Some(0)));
    let items = lines
        .iter()
        .zip(before.zip(after))
        .map(|(line, (before, after))| Item {
            role: line.role.to_string(),
            is_repeated: line.is_repeated,
            opens: before.is_some_and(|before| line.depth > before),
            closes: line.depth.saturating_sub(after.unwrap_or_default()),
        });
    items.collect()
}

/// Samples of the page.
pub(in super::super) fn samples() -> Vec<Value> {
    let drawn = |is_chosen| Drawn {
        role: TEXT.to_owned(),
        label: TEXT.to_owned(),
        x: 12,
        y: 12,
        width: 184,
        height: 32,
        text_x: 24,
        text_y: 28,
        is_chosen,
    };
    let item = |opens, closes| Item {
        role: TEXT.to_owned(),
        is_repeated: opens,
        opens,
        closes,
    };
    let full = Hierarchy {
        role: TEXT.to_owned(),
        is_unknown: true,
        count: 2,
        picture: Some(Drawing {
            width: 300,
            height: 300,
            boxes: vec![drawn(true), drawn(false)],
            paths: vec!["M0 0H12".to_owned()],
        }),
        list: vec![item(false, 0), item(true, 1)],
        more: 3,
    };
    let crowded = Hierarchy {
        count: 1000,
        list: vec![item(false, 0)],
        ..Hierarchy::default()
    };
    [full, crowded, Hierarchy::default()]
        .iter()
        .map(super::value)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_closed_as_often_as_they_are_opened() {
        let line = |depth| Line {
            role: "x".parse().unwrap(),
            depth,
            is_repeated: false,
        };
        for depths in [
            vec![0, 1, 2, 1, 2, 3, 0, 1],
            vec![0],
            vec![0, 1, 2, 3],
            vec![0, 0, 1, 0],
        ] {
            let lines: Vec<Line> = depths.iter().map(|depth| line(*depth)).collect();
            let items = nest(&lines);
            let mut depth = 0;
            for (item, line) in items.iter().zip(&lines) {
                depth += usize::from(item.opens);
                assert_eq!(depth, line.depth, "{depths:?}");
                depth -= item.closes;
            }
            assert_eq!(depth, 0, "{depths:?}");
        }
    }
}
