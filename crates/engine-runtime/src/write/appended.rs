//! Writing for an item that is tried again: what was appended in an earlier attempt is there already.

use engine_plan::Target;
use engine_spec::WriteMode;
use url::Url;

use super::Writer;
use crate::item::Item;
use crate::sink::SinkKind;
use crate::site::Site;
use crate::trail::{Place, Trail};

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
        trail: Option<&Trail>,
        name: &str,
        mut members: Vec<usize>,
        items: &[Item],
    ) -> Vec<usize> {
        if let Some(trail) = trail.filter(|trail| trail.knows_rows()) {
            let place = self.place(site, name);
            members.retain(|at| items.get(*at).is_some_and(|item| !trail.take(&place, item.current.text())));
        }
        members
    }

    /// Takes note of items that were appended to a place.
    pub(super) fn appended(&self, site: &Site, trail: Option<&Trail>, name: &str, members: &[usize], items: &[Item]) {
        let Some(trail) = trail else { return };
        let place = self.place(site, name);
        for item in members.iter().filter_map(|at| items.get(*at)) {
            trail.add(&place, item.current.text());
        }
    }

    /// Returns the file or the database of a place, without who may log in there.
    fn base_of(&self, name: &str) -> String {
        if let Some(SinkKind::Postgres { url, schema }) = self.spec.as_ref().map(|spec| &spec.kind) {
            let schema = schema.as_deref().unwrap_or_default();
            return match Url::parse(url.expose()) {
                Ok(url) => format!(
                    "{}:{}{} {schema}",
                    url.host_str().unwrap_or_default(),
                    url.port().unwrap_or_default(),
                    url.path()
                ),
                Err(_) => format!("{} {schema}", url.expose()),
            };
        }
        // However the spec was named, from wherever.
        let path = self.path_of(name).unwrap_or_default();
        std::path::absolute(&path).unwrap_or(path).display().to_string()
    }

    fn place<'a>(&'a self, site: &'a Site, name: &str) -> Place<'a> {
        let stays = self.spec.as_ref().is_none_or(|spec| !self.is_seen_at_the_end(spec));
        Place {
            step: &self.address,
            turn: &self.turn,
            sink: self.spec.as_ref().map_or("", |spec| &spec.name),
            name: format!("{name}\n{}", self.base_of(name)),
            context: site.context(),
            stays,
            // What was printed then nobody may have kept.
            lasts: stays && self.spec.is_some(),
        }
    }
}
