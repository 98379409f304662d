//! What the engine makes of faults: every record once, or a message that names the page; never a green run with fewer records.

use engine_tests::{Expected, Group, root, table};

/// Makes a test of each group of faults, and one that none is forgotten.
macro_rules! groups {
    ($($test:ident: $name:literal)*) => {
        $(
            #[test]
            fn $test() {
                Group::check($name);
            }
        )*

        #[test]
        fn no_group_is_forgotten() {
            let all: Vec<&str> = Group::all().iter().map(|group| group.name).collect();
            assert_eq!(all, [$($name),*]);
        }
    };
}

groups! {
    connections: "Connections"
    lengths: "Lengths and chunks"
    heads: "Heads"
    statuses: "Statuses"
    waits: "Waiting"
    redirects: "Redirects"
    pages: "Pages"
    packed: "Packed bodies"
    bodies: "Bodies"
    writes: "Writes"
}

/// The page says before its tables what they mean, by hand.
const MARK: &str = "<!-- written by `UPDATE=1 cargo test -p engine-tests --test faults` -->\n";

#[test]
fn the_table_of_the_documentation_is_current() {
    let page = root().join("docs/faults.md");
    let text = std::fs::read_to_string(&page).unwrap_or_default();
    let (before, _) = text.split_once(MARK).unwrap_or((&text, ""));
    if let Err(difference) = Expected::at(page).check(&format!("{before}{MARK}{}", table(&Group::all()))) {
        panic!("{difference}");
    }
}
