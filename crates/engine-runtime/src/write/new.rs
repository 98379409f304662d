//! Writing for an item that is tried again: what was appended in an earlier attempt is there already.

use engine_plan::Target;
use engine_spec::WriteMode;
use url::Url;

use super::Writer;
use crate::appended::{Appended, Place};
use crate::item::Item;
use crate::sink::SinkKind;
use crate::site::Site;

impl Writer {
    /// Tells whether records would be there twice if they were written again.
    pub(super) fn adds(&self, first: Option<&Item>) -> bool {
        let key = self.step.key(self.read_of(first));
        matches!(&self.step.target, Target::Write(write) if write.mode(key) != WriteMode::Upsert)
    }

    /// Returns which of some items go to a place and were not appended there in an earlier attempt.
    pub(super) fn not_appended(
        &self,
        site: &Site,
        appended: Option<&Appended>,
        name: &str,
        mut members: Vec<usize>,
        items: &[Item],
    ) -> Vec<usize> {
        if let Some(appended) = appended {
            let place = self.place(site, name);
            members.retain(|at| items.get(*at).is_some_and(|item| !appended.take(&place, item.current.text())));
        }
        members
    }

    /// Takes note of items that were appended to a place.
    pub(super) fn appended(
        &self,
        site: &Site,
        appended: Option<&Appended>,
        name: &str,
        members: &[usize],
        items: &[Item],
    ) {
        let Some(appended) = appended else { return };
        let place = self.place(site, name);
        for item in members.iter().filter_map(|at| items.get(*at)) {
            appended.add(&place, item.current.text());
        }
    }

    /// Returns the file or the database of a place, without who may log in there.
    fn base_of(&self, name: &str) -> String {
        match self.spec.as_ref().map(|spec| &spec.kind) {
            Some(SinkKind::Postgres { url, schema }) => {
                let schema = schema.as_deref().unwrap_or_default();
                match Url::parse(url.expose()) {
                    Ok(url) => format!(
                        "{}:{}{} {schema}",
                        url.host_str().unwrap_or_default(),
                        url.port().unwrap_or_default(),
                        url.path()
                    ),
                    Err(_) => format!("{} {schema}", url.expose()),
                }
            }
            _ => self.path_of(name).unwrap_or_default().display().to_string(),
        }
    }

    fn place<'a>(&'a self, site: &'a Site, name: &str) -> Place<'a> {
        let replaces = matches!(&self.step.target, Target::Write(write) if write.mode == Some(WriteMode::Replace));
        let is_whole = matches!(self.spec.as_ref().map(|spec| &spec.kind), Some(SinkKind::Parquet { .. }));
        Place {
            step: &self.address,
            turn: &self.turn,
            sink: self.spec.as_ref().map_or("", |spec| &spec.name),
            name: format!("{name}\n{}", self.base_of(name)),
            context: site.context(),
            stays: !replaces && !is_whole,
        }
    }
}
