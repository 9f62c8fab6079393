//! Which of our crates may depend on which: the table "Rooms" of ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use crate::house::{self, Dependency, Package};

/// What a row of the table allows.
enum Allowed {
    /// These crates and no other.
    Only(BTreeSet<String>),
    /// `as needed`: functions meet in the evidence store, and know Lambda and AWS behind a feature only.
    Function,
    /// `everything but lambda and aws`.
    CommandLine,
}

/// Crates that tests of any room may use: other people's APIs as servers, and the ports over files.
const FOR_TESTS: [&str; 2] = ["clyra-standins", "clyra-embedded"];

#[test]
fn crates_depend_on_what_their_room_allows() {
    let rooms = rooms();
    let complaints: Vec<String> = house::packages()
        .iter()
        .filter(|package| package.name != "clyra-tests")
        .flat_map(|package| match row(&rooms, package) {
            Some(allowed) => package.dependencies.iter().filter_map(|edge| complaint(package, edge, allowed)).collect(),
            None => vec![format!(
                "{}: ARCHITECTURE.md, \"Rooms\", has no row for it. Add one that says what it is and what is absent.",
                package.folder
            )],
        })
        .collect();
    house::settle(&complaints);
}

#[test]
fn rooms_that_are_drawn_exist() {
    let folders: Vec<String> = house::packages().into_iter().map(|package| package.folder).collect();
    let drawn = |room: &str| match room.strip_suffix("/*") {
        Some(floor) => folders.iter().any(|folder| folder.starts_with(floor)),
        None => folders.iter().any(|folder| folder == room),
    };
    let complaints: Vec<String> = rooms()
        .into_keys()
        .filter(|room| !drawn(room))
        .map(|room| format!("ARCHITECTURE.md draws {room}, which is no package. Remove its row or build it."))
        .collect();
    house::settle(&complaints);
}

fn complaint(package: &Package, edge: &Dependency, allowed: &Allowed) -> Option<String> {
    let name = edge.name.as_str();
    if !name.starts_with("clyra-") || name == package.name || (edge.dev && FOR_TESTS.contains(&name)) {
        return None;
    }
    let is_function = name.starts_with("clyra-fn-");
    let is_cloud = matches!(name, "clyra-lambda" | "clyra-aws");
    let (fine, instead) = match allowed {
        Allowed::Only(names) => (
            names.contains(name),
            "Move what is needed to where both may see it, or change the table and say why in the same commit.",
        ),
        Allowed::Function if is_cloud => (edge.optional, "Make it optional, behind the feature `lambda`."),
        Allowed::Function => (
            !is_function && !FOR_TESTS.contains(&name),
            "A function is a library over ports: functions meet in the evidence store, and main names the adapters.",
        ),
        Allowed::CommandLine => (
            name != "clyra-lambda" && (name != "clyra-aws" || edge.optional),
            "The command line's default build carries neither Lambda nor AWS.",
        ),
    };
    (!fine).then(|| format!("{} depends on {name}. {instead}", package.folder))
}

fn row<'rooms>(rooms: &'rooms BTreeMap<String, Allowed>, package: &Package) -> Option<&'rooms Allowed> {
    let floor = package.folder.split_once('/').map(|(floor, _)| format!("{floor}/*"));
    rooms.get(&package.folder).or_else(|| rooms.get(&floor?))
}

fn rooms() -> BTreeMap<String, Allowed> {
    let page = house::text("ARCHITECTURE.md").expect("ARCHITECTURE.md is text");
    let table = page.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    let rooms: BTreeMap<String, Allowed> = rows.map(read_row).collect();
    assert!(!rooms.is_empty(), "ARCHITECTURE.md has no table that begins with `| room |`");
    rooms
}

fn read_row(line: &str) -> (String, Allowed) {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [room, _, targets] = cells[..] else { panic!("ARCHITECTURE.md, \"Rooms\": {line:?} has not three cells") };
    let allowed = match targets {
        "nothing" => Allowed::Only(BTreeSet::new()),
        "as needed" => Allowed::Function,
        "everything but lambda and aws" => Allowed::CommandLine,
        names => Allowed::Only(names.split(',').map(|name| format!("clyra-{}", name.trim())).collect()),
    };
    (room.to_owned(), allowed)
}
