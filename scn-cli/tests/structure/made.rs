//! Tests of the checks, on small crates whose correct result is obvious.

use crate::arrows::{Arrows, arrows};
use crate::cycles::{cycles, heights};
use crate::modules::Crate;
use crate::{floors, lengths};

fn made(files: &[(&str, &str)]) -> (Crate, Arrows) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let read = Crate::read(folder.path());
    let arrows = arrows(&read);
    (read, arrows)
}

#[test]
fn cycle_through_a_re_export() {
    let (read, arrows) = made(&[
        ("lib.rs", "mod a; mod b; pub use a::A;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use crate::A; pub struct B(Option<Box<A>>);"),
    ]);
    let expected = "a cycle of 2 files:\n    a.rs -> b.rs: B\n    b.rs -> a.rs: A\n";
    assert_eq!(cycles(&read, &arrows), expected);
}

#[test]
fn cycle_of_a_module_and_its_child() {
    let (read, arrows) = made(&[
        ("lib.rs", "pub mod a;"),
        (
            "a.rs",
            "mod b; pub struct Size; pub fn grow() { b::grow() }",
        ),
        ("a/b.rs", "pub(super) fn grow(_: super::Size) {}"),
    ]);
    let expected = "a cycle of 2 files:\n    a.rs -> a/b.rs: grow\n    a/b.rs -> a.rs: Size\n";
    assert_eq!(cycles(&read, &arrows), expected);
}

#[test]
fn facade_is_in_no_cycle() {
    let (read, arrows) = made(&[
        ("lib.rs", "mod a; pub use a::{B, C};"),
        (
            "a.rs",
            "mod b; mod c; pub use b::*; pub(crate) use c::C as D; pub use c::C;",
        ),
        ("a/b.rs", "pub struct B;"),
        ("a/c.rs", "use super::B; pub struct C(B, crate::B);"),
    ]);
    assert_eq!(cycles(&read, &arrows), "");
    let drawn: Vec<_> = arrows
        .keys()
        .map(|(from, to)| (&*read.files[*from], &*read.files[*to]))
        .collect();
    assert_eq!(drawn, [("a/c.rs", "a/b.rs")]);
}

/// Returns what `user.rs`, with the contents `text`, needs of other files: "file: names", one per
/// line.
fn needs(text: &str) -> String {
    let root = "macro_rules! root { () => {} } mod user; mod shapes; mod paints; mod facade;
        pub use facade::*;";
    let shapes = "pub struct Disc; pub fn area() {} pub enum Kind { Flat }
        #[macro_export] macro_rules! disc { () => {} }";
    let paints = "pub trait Paint {} pub const RED: u8 = 0; make!(BLUE);";
    let facade = "pub use crate::shapes::Disc; pub(crate) use super::paints as colours;
        use crate::shapes::area;";
    let (read, arrows) = made(&[
        ("lib.rs", root),
        ("user.rs", text),
        ("user/inner.rs", "fn f() { super::super::shapes::area() }"),
        ("shapes.rs", shapes),
        ("paints.rs", paints),
        ("facade.rs", facade),
    ]);
    let of_user = arrows
        .iter()
        .filter(|((from, _), _)| read.files[*from] == "user.rs");
    let lines = of_user.map(|((_, to), names)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{}: {}", read.files[*to], names.join(" "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_way_to_name_something_draws_an_arrow() {
    let to_disc = [
        "use crate::Disc;",
        "use super::facade::Disc as Round;",
        "use crate::{shapes::{self, Disc}, facade};",
        "use super::*; struct S<T>(T, Disc);",
        "use crate::shapes as s; fn f() -> Option<s::Disc> { None }",
        "fn f() { use crate::shapes; let d = shapes::Disc; }",
        "fn f(_: &[crate::facade::Disc]) {}",
        "mod inline { fn f(_: super::super::shapes::Disc) {} }",
        "impl From<u8> for crate::Disc { fn from(_: u8) -> Self { todo!() } }",
        r#"fn f() { println!("{}", [1, g(crate::shapes::Disc)]) }"#,
        "macro_rules! m { () => { $crate::facade::Disc } }",
        r#"#[error("{}", crate::Disc)] struct E;"#,
        r#"struct S { #[serde(with = "crate::Disc")] f: u8 }"#,
        // This is also compiled without `test`.
        "#[cfg(any(test, unix))] fn f(_: crate::Disc) {}",
    ];
    for text in to_disc {
        assert_eq!(needs(text), "shapes.rs: Disc", "{text}");
    }
    let to_others = [
        (
            "use crate::shapes::Kind; fn f() { Kind::Flat; }",
            "shapes.rs: Kind",
        ),
        ("fn f() { crate::disc!() }", "shapes.rs: disc"),
        ("root!();", "lib.rs: root"),
        (
            "fn f<T: crate::facade::colours::Paint>() {}",
            "paints.rs: Paint",
        ),
        (
            "fn f() { match 0 { crate::paints::RED => {} } }",
            "paints.rs: RED",
        ),
        // The name is defined by a macro, of which only the call is visible.
        ("use crate::colours::BLUE;", "paints.rs: BLUE"),
        (
            "use crate::{paints::RED, shapes::area, Disc};",
            "shapes.rs: Disc area\npaints.rs: RED",
        ),
    ];
    for (text, expected) in to_others {
        assert_eq!(needs(text), expected, "{text}");
    }
}

#[test]
fn code_that_needs_nothing_draws_no_arrow() {
    let texts = [
        "pub use crate::shapes::Disc;",
        "pub(in crate::user) use super::shapes::*;",
        "use crate::shapes;",
        r#"use super::*; fn f(d: u8) { d.area(); println!("{}", d.area) }"#,
        "/// [`crate::Disc`]\nstruct S;",
        "use other::Disc; fn f(_: Disc, _: other::shapes::Disc) {}",
        "#[cfg(test)] mod tests { use crate::Disc; }",
        "#[cfg(all(test, unix))] fn f(_: crate::Disc) {}",
        "struct S; impl S { #[cfg(test)] fn f(_: crate::Disc) {} }",
        // A private import of a module is visible only to its children.
        "use crate::facade::*; fn f() { area() }",
        // The needs of a child belong to the child.
        "mod inner;",
    ];
    for text in texts {
        assert_eq!(needs(text), "", "{text}");
    }
}

const TOWER: [(&str, &str); 5] = [
    ("lib.rs", "mod base; mod top; mod walls; pub use top::Top;"),
    ("base.rs", "pub struct Base;"),
    ("walls.rs", "mod door; pub struct Walls(crate::base::Base);"),
    ("walls/door.rs", "pub struct Door;"),
    ("top.rs", "use crate::walls::Walls; pub struct Top(Walls);"),
];

#[test]
fn heights_are_longest_paths_down() {
    let (read, arrows) = made(&TOWER);
    let mut heights: Vec<_> = read
        .files
        .iter()
        .map(|file| &**file)
        .zip(heights(&read, &arrows))
        .collect();
    heights.sort_unstable();
    let expected = [
        ("base.rs", 1),
        ("lib.rs", 1),
        ("top.rs", 3),
        ("walls.rs", 2),
        ("walls/door.rs", 1),
    ];
    assert_eq!(heights, expected);
}

#[test]
fn files_are_checked_against_the_list_of_floors() {
    let (read, arrows) = made(&TOWER);
    let wrong = |list: &str| {
        let other = "### other\n\n1. `x.rs` - x\n\n";
        let text = format!("{other}### tower\n\nIn words.\n\n{list}\n## More\n\n9. `y.rs`\n");
        floors::differences(&read, &arrows, &floors::listed(&text, "tower"))
    };
    let right = [
        "1. `base.rs` - what `top.rs` is for\n2. `walls/` - walls\n3. `top.rs`, `lib.rs` - all",
        "1. `base.rs`,\n   `walls/door.rs`: what\n   `door.rs` is\n2. `walls/`, `lib.rs`\n3. `top.rs`",
    ];
    for list in right {
        assert_eq!(wrong(list), "", "{list}");
    }
    let upward = "1. `base.rs`\n2. `top.rs`\n3. `walls/`, `lib.rs`";
    let not_right = [
        (
            "1. `base.rs`\n2. `walls/`\n3. `lib.rs`",
            "top.rs is on no floor",
        ),
        (
            "1. `base.rs`\n2. `walls.rs`\n3. `top.rs`, `lib.rs`",
            "walls/door.rs is on no floor",
        ),
        (
            "1. `base.rs`\n2. `walls/`\n3. `lib.rs`, `top.rs`\n4. `top.rs`",
            "top.rs is on floor 3 and on floor 4",
        ),
        (
            "1. `base.rs`\n2. `walls/`\n3. `lib.rs`, `top.rs`, `roof/`",
            "there is no roof/",
        ),
        (
            upward,
            "top.rs (floor 2) needs walls.rs (floor 3) for Walls",
        ),
    ];
    for (list, expected) in not_right {
        let text = wrong(list);
        assert_eq!(text.lines().next().map(str::trim), Some(expected), "{list}");
    }
    let text = wrong(upward);
    assert!(
        text.contains("\n    2. `walls.rs`\n    3. `top.rs`\n"),
        "{text}"
    );
}

#[test]
fn lengths_have_two_bounds() {
    let wrong = |lengths: &[usize]| {
        let files: Vec<_> = lengths
            .iter()
            .map(|lines| (*lines, format!("{lines}.rs")))
            .collect();
        lengths::judge("src", &files)
    };
    assert_eq!(wrong(&[10, 200, 400]), "");
    assert_eq!(
        wrong(&[10, 201, 400]),
        "    src: the median file has 201 lines\n"
    );
    let mut ten = [100; 10];
    ten[9] = 401;
    assert_eq!(wrong(&ten), "");
    assert_eq!(
        wrong(&ten[1..]),
        "    src: 1 of 9 files are longer than 400 lines: 401.rs (401)\n"
    );
}
