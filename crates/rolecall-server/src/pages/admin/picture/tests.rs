use proptest::prelude::*;
use rolecall_core::PolicyBuilder;

use super::*;

fn role(number: usize) -> RoleName {
    format!("role-{number:02}").parse().unwrap()
}

/// Returns a policy in which the first role of each pair inherits the second.
fn policy(roles: usize, pairs: &[(usize, usize)]) -> Policy {
    let mut builder = PolicyBuilder::default();
    for number in 0..roles {
        builder.role(role(number));
    }
    for (senior, junior) in pairs {
        builder.inherit(role(*senior), role(*junior));
    }
    builder.build().unwrap()
}

fn every_role(policy: &Policy) -> BTreeSet<RoleName> {
    policy.roles().map(|(role, _)| role.clone()).collect()
}

fn picture(policy: &Policy) -> Picture {
    Picture::of(policy, &every_role(policy)).unwrap()
}

/// Policies of up to 30 roles; edges lead to higher numbers, so that there are no circles.
fn any_policy() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
    (1..30_usize).prop_flat_map(|roles| {
        let pair = (0..roles, 0..roles).prop_map(|(one, other)| (one.min(other), one.max(other)));
        let pairs = proptest::collection::vec(pair, 0..60);
        (Just(roles), pairs).prop_map(|(roles, mut pairs)| {
            pairs.retain(|(one, other)| one != other);
            (roles, pairs)
        })
    })
}

/// Returns the numbers of a path.
fn points(path: &str) -> Vec<u32> {
    let numbers = path.split(|one: char| !one.is_ascii_digit());
    numbers.filter_map(|one| one.parse().ok()).collect()
}

/// Returns the horizontal lines of a path, as y, start and end.
fn lines_across(path: &str) -> Vec<(u32, u32, u32)> {
    let mut found = Vec::new();
    let (mut x, mut y) = (0, 0);
    let mut rest = path;
    while let Some(letter) = rest.chars().next() {
        let end = rest[1..]
            .find(['M', 'C', 'H'])
            .map_or(rest.len(), |at| at + 1);
        let numbers = points(&rest[1..end]);
        match letter {
            'M' => (x, y) = (numbers[0], numbers[1]),
            'C' => (x, y) = (numbers[4], numbers[5]),
            'H' => {
                found.push((y, x, numbers[0]));
                x = numbers[0];
            }
            other => panic!("{other} in {path}"),
        }
        rest = &rest[end..];
    }
    found
}

proptest! {
    #[test]
    fn no_boxes_overlap_and_all_are_inside((roles, pairs) in any_policy()) {
        let drawn = picture(&policy(roles, &pairs));
        prop_assert_eq!(drawn.boxes.len(), roles);
        for (number, one) in drawn.boxes.iter().enumerate() {
            prop_assert!(one.x + RoleBox::WIDTH <= drawn.width && one.y + RoleBox::HEIGHT <= drawn.height);
            for other in &drawn.boxes[number + 1..] {
                let apart = one.x + RoleBox::WIDTH < other.x || other.x + RoleBox::WIDTH < one.x
                    || one.y + RoleBox::HEIGHT < other.y || other.y + RoleBox::HEIGHT < one.y;
                prop_assert!(apart, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn every_edge_leads_from_box_to_box_and_crosses_none((roles, pairs) in any_policy()) {
        let policy = policy(roles, &pairs);
        let drawn = picture(&policy);
        let expected: BTreeSet<(RoleName, RoleName)> =
            pairs.iter().map(|(one, other)| (role(*one), role(*other))).collect();
        let edges: Vec<_> = drawn.edges.iter().map(|edge| (edge.senior.clone(), edge.junior.clone())).collect();
        prop_assert_eq!(edges.len(), expected.len());
        prop_assert_eq!(edges.into_iter().collect::<BTreeSet<_>>(), expected);
        let find = |role: &RoleName| drawn.boxes.iter().find(|one| one.role == *role).unwrap();
        for edge in &drawn.edges {
            let (from, to) = (find(&edge.senior), find(&edge.junior));
            // a junior stands right of its senior
            prop_assert!(from.x + RoleBox::WIDTH < to.x);
            let points = points(&edge.path);
            prop_assert_eq!(&points[..2], &[from.x + RoleBox::WIDTH, from.y + RoleBox::HEIGHT / 2]);
            prop_assert_eq!(&points[points.len() - 2..], &[to.x, to.y + RoleBox::HEIGHT / 2]);
            for (y, start, end) in lines_across(&edge.path) {
                for one in &drawn.boxes {
                    let beside = end <= one.x || one.x + RoleBox::WIDTH <= start
                        || y < one.y || one.y + RoleBox::HEIGHT < y;
                    prop_assert!(beside, "{} through {one:?}", edge.path);
                }
            }
        }
    }

    #[test]
    fn the_picture_depends_on_the_policy_alone((roles, mut pairs) in any_policy()) {
        let drawn = picture(&policy(roles, &pairs));
        pairs.reverse();
        prop_assert_eq!(drawn, picture(&policy(roles, &pairs)));
    }

    #[test]
    fn the_list_has_every_role_and_every_inheritance((roles, pairs) in any_policy()) {
        let policy = policy(roles, &pairs);
        let listed = lines(&policy, &every_role(&policy));
        let mut above: Vec<RoleName> = Vec::new();
        let (mut names, mut found) = (BTreeSet::new(), BTreeSet::new());
        for line in &listed {
            prop_assert!(line.depth <= above.len());
            above.truncate(line.depth);
            found.extend(above.last().map(|senior| (senior.clone(), line.role.clone())));
            names.insert(line.role.clone());
            above.push(line.role.clone());
        }
        prop_assert_eq!(names.len(), roles);
        let expected: BTreeSet<(RoleName, RoleName)> =
            pairs.iter().map(|(one, other)| (role(*one), role(*other))).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(listed.len() <= roles + pairs.len());
    }
}

#[test]
fn a_chain_stands_in_one_row() {
    let drawn = picture(&policy(4, &[(0, 1), (1, 2), (2, 3)]));
    let heights: BTreeSet<u32> = drawn.boxes.iter().map(|one| one.y).collect();
    assert_eq!(heights.len(), 1);
    assert_eq!(drawn.height, RoleBox::HEIGHT + 2 * MARGIN);
}

#[test]
fn an_edge_beside_a_chain_has_a_row_of_its_own() {
    let drawn = picture(&policy(3, &[(0, 1), (1, 2), (0, 2)]));
    assert_eq!(drawn.height, 2 * ROW - 12 + 2 * MARGIN);
    let long = drawn
        .edges
        .iter()
        .find(|edge| edge.junior == role(2) && edge.senior == role(0));
    assert_eq!(lines_across(&long.unwrap().path).len(), 1);
}

#[test]
fn only_the_shown_roles_are_drawn() {
    let policy = policy(4, &[(0, 1), (1, 2)]);
    let shown = BTreeSet::from([role(0), role(1)]);
    let drawn = Picture::of(&policy, &shown).unwrap();
    assert_eq!((drawn.boxes.len(), drawn.edges.len()), (2, 1));
    assert_eq!(lines(&policy, &shown).len(), 2);
    let none = Picture::of(&policy, &BTreeSet::new()).unwrap();
    assert!(none.boxes.is_empty());
}

#[test]
fn too_many_roles_or_edges_are_not_drawn() {
    let many = policy(MAX_ROLES, &[]);
    assert!(Picture::of(&many, &every_role(&many)).is_some());
    let more = policy(MAX_ROLES + 1, &[]);
    assert_eq!(Picture::of(&more, &every_role(&more)), None);
    let pairs: Vec<(usize, usize)> = (0..26)
        .flat_map(|one| (one + 1..26).map(move |other| (one, other)))
        .collect();
    assert!(pairs.len() > MAX_EDGES);
    let dense = policy(26, &pairs);
    assert_eq!(Picture::of(&dense, &every_role(&dense)), None);
}

#[test]
fn a_long_name_is_cut_in_its_box_and_whole_in_its_role() {
    let long: RoleName = "a".repeat(64).parse().unwrap();
    let mut builder = PolicyBuilder::default();
    builder.role(long.clone());
    let drawn = picture(&builder.build().unwrap());
    assert_eq!(drawn.boxes[0].label.chars().count(), MAX_LABEL);
    assert!(drawn.boxes[0].label.ends_with('…'));
    assert_eq!(drawn.boxes[0].role, long);
}

#[test]
fn fifty_roles_fit_a_screen() {
    // five departments of ten roles: a head, three leads, six members
    let mut pairs = Vec::new();
    for department in 0..5 {
        let first = department * 10;
        for lead in 1..=3 {
            pairs.push((first, first + lead));
            pairs.push((first + lead, first + 2 + 2 * lead));
            pairs.push((first + lead, first + 3 + 2 * lead));
        }
    }
    let drawn = picture(&policy(50, &pairs));
    assert!(
        drawn.width <= 1000 && drawn.height <= 1500,
        "{} x {}",
        drawn.width,
        drawn.height
    );
}
