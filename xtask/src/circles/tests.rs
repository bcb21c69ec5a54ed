use std::path::Path;

use super::*;

#[test]
fn no_files_of_a_crate_import_each_other_in_a_circle() {
    let workspace = Workspace::find();
    let found = in_workspace(&workspace).unwrap();
    assert!(found.contains_key("rolecall-core"));
    for (name, circles) in found {
        let shown: String = circles
            .iter()
            .map(|circle| circle.show(&workspace.path("")))
            .collect();
        assert!(circles.is_empty(), "{name} has a {shown}");
    }
}

/// The circles of a crate with these files, as they are printed.
fn circles(files: &[(&str, &str)]) -> String {
    let read = |wanted: &Path| {
        let file = files.iter().find(|(name, _)| Path::new(name) == wanted);
        file.map(|(_, text)| (*text).to_owned())
    };
    let circles = in_crate(Path::new("lib.rs"), &read).unwrap();
    circles
        .iter()
        .map(|circle| circle.show(Path::new("")))
        .collect()
}

#[test]
fn two_files_that_import_each_other_are_named_with_what_they_import() {
    let shown = circles(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        (
            "a.rs",
            "use crate::b::{Left, inner::{self, Right}}; pub struct A;",
        ),
        (
            "b.rs",
            "use super::a::A; pub struct Left; pub mod inner { pub struct Right; }",
        ),
        ("c.rs", "use crate::a::A;"),
    ]);
    let expected = "circle of 2 files:\n  a.rs -> b.rs: Left, Right\n  b.rs -> a.rs: A\n";
    assert_eq!(shown, expected);
}

#[test]
fn a_circle_through_three_files_and_paths_in_the_code_is_found() {
    let shown = circles(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "fn f() { let x: crate::b::B = todo!(); }"),
        (
            "b.rs",
            "use crate::c; pub struct B; fn g() { on!(pool, c::h::<u8>()) }",
        ),
        ("c.rs", "fn h<T>() { super::a::f() }"),
    ]);
    let expected = "circle of 3 files:\n  a.rs -> b.rs: B\n  b.rs -> c.rs: h\n  c.rs -> a.rs: f\n";
    assert_eq!(shown, expected);
}

#[test]
fn imports_in_one_direction_are_no_circle() {
    let shown = circles(&[
        ("lib.rs", "mod a; pub mod b; pub use b::B; pub use a::*;"),
        ("a.rs", "use crate::B; use std::fmt; pub struct A(B);"),
        (
            "b.rs",
            "//! As [`crate::a::A`].\n/// [`crate::a::A`]\npub struct B; const X: &str = \"crate::a::A\";",
        ),
    ]);
    assert_eq!(shown, "");
}

#[test]
fn a_parent_that_declares_and_shows_its_children_is_in_no_circle_with_them() {
    let shown = circles(&[
        ("lib.rs", "mod folder; mod user;"),
        (
            "folder/mod.rs",
            "mod file; mod other; pub use file::{Deep, Name}; pub(crate) use self::other::*;",
        ),
        (
            "folder/file.rs",
            "use super::Other; pub struct Name; pub struct Deep;",
        ),
        ("folder/other.rs", "pub struct Other;"),
        (
            "user.rs",
            "use crate::folder::{self, Name}; fn f() { folder::Deep }",
        ),
    ]);
    assert_eq!(shown, "");
}

#[test]
fn a_parent_that_uses_what_it_shows_is_in_a_circle_with_a_child_that_uses_it() {
    let shown = circles(&[
        ("lib.rs", "mod folder;"),
        (
            "folder.rs",
            "mod file; pub use file::Name; pub struct Own(Name);",
        ),
        (
            "folder/file.rs",
            "pub struct Name; impl Name { fn f(_: super::Own) {} }",
        ),
    ]);
    let expected = "circle of 2 files:\n  folder/file.rs -> folder.rs: Own\n  folder.rs -> folder/file.rs: Name\n";
    assert_eq!(shown, expected);
}

#[test]
fn an_import_through_a_reexport_leads_to_the_file_that_defines_the_name() {
    let shown = circles(&[
        ("lib.rs", "mod folder; mod user;"),
        ("folder/mod.rs", "mod file; pub use file::Name as Shown;"),
        ("folder/file.rs", "use crate::user::User; pub struct Name;"),
        ("user.rs", "use crate::folder::Shown; pub struct User;"),
    ]);
    let expected = "circle of 2 files:\n  folder/file.rs -> user.rs: User\n  user.rs -> folder/file.rs: Shown\n";
    assert_eq!(shown, expected);
}

#[test]
fn a_module_may_have_the_name_of_what_it_defines() {
    let shown = circles(&[
        ("lib.rs", "mod error; mod user; pub use error::error;"),
        ("error.rs", "use crate::user::User; pub fn error() {}"),
        ("user.rs", "pub struct User; fn f() { crate::error() }"),
    ]);
    assert!(shown.contains("user.rs -> error.rs: error"), "{shown}");
}

#[test]
fn names_that_come_with_a_glob_are_followed() {
    let shown = circles(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use super::b::*; pub struct A(B);"),
        ("b.rs", "use crate::a; pub struct B; fn f(_: &a::A) {}"),
    ]);
    assert_eq!(
        shown,
        "circle of 2 files:\n  a.rs -> b.rs: B\n  b.rs -> a.rs: A\n"
    );
}

#[test]
fn two_circles_are_shown_apart() {
    let shown = circles(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; use crate::c::C; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
        ("c.rs", "use crate::d::D; pub struct C;"),
        ("d.rs", "use crate::c::C; pub struct D;"),
    ]);
    assert_eq!(shown.matches("circle of 2 files").count(), 2, "{shown}");
    assert!(!shown.contains("a.rs -> c.rs"), "{shown}");
}

#[test]
fn test_only_code_does_not_count() {
    let shown = circles(&[
        (
            "lib.rs",
            "mod a; mod b; #[cfg(test)] mod helpers; mod tests;",
        ),
        ("a.rs", "use crate::b::B; pub struct A;"),
        (
            "b.rs",
            "#[cfg(test)] use crate::{a::A}; pub struct B;
             #[cfg(all(test, unix))] fn f<T, U>(_: crate::a::A) {}
             struct S { #[cfg(test)] x: crate::a::A, y: u8 }
             #[cfg(test)] mod tests { use crate::a::A; }",
        ),
        ("helpers.rs", "use crate::b::B;"),
    ]);
    assert_eq!(shown, "");
}

#[test]
fn code_after_test_only_code_counts() {
    let shown = circles(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        (
            "b.rs",
            "#[cfg(test)] const N: [u8; 2] = { [1, 2] }; #[cfg(any(test, unix))] use crate::a::A; pub struct B;",
        ),
    ]);
    assert!(shown.contains("b.rs -> a.rs: A"), "{shown}");
}

#[test]
fn the_file_of_a_module_may_be_named_by_an_attribute() {
    let shown = circles(&[
        ("lib.rs", "mod a; #[path = \"elsewhere/it.rs\"] mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("elsewhere/it.rs", "use crate::a::A; pub struct B;"),
    ]);
    assert!(shown.contains("elsewhere/it.rs -> a.rs: A"), "{shown}");
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let read = |file: &Path| (file == Path::new("lib.rs")).then(|| "mod a;".to_owned());
    let error = in_crate(Path::new("lib.rs"), &read)
        .unwrap_err()
        .to_string();
    assert_eq!(error, "cannot read `a/mod.rs`");
}
