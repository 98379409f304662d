//! A server with one fault at a time, and what the engine makes of each.

mod act;
mod case;
mod cases;
mod fault_server;
mod pack;
mod reply;
mod shop;
mod table;
mod trial;

pub use table::table;

/// A group of faults.
pub struct Group {
    /// What they are about.
    pub name: &'static str,
    cases: Vec<case::Case>,
}

impl Group {
    /// Returns all groups, in the order of the documentation.
    pub fn all() -> Vec<Self> {
        cases::all()
    }

    /// Runs the engine against each fault of a group.
    pub fn check(name: &str) {
        let group = Self::all().into_iter().find(|group| group.name == name).expect("there is a group of this name");
        trial::run_all(&group.cases);
    }
}
