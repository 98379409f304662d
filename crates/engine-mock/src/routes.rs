//! All endpoints of a plan, and which of them a request is for.

use engine_expr::Value;
use engine_plan::Plan;
use http::{StatusCode, header};

use crate::asked::Asked;
use crate::reply::Reply;
use crate::served::{Parts, Served};

/// The endpoints that are served.
#[derive(Clone, Debug)]
pub(crate) struct Routes(Vec<Served>);

impl Routes {
    #[cfg(test)]
    pub(crate) fn new(endpoints: Vec<Served>) -> Self {
        Self(endpoints)
    }

    pub(crate) fn of(plan: &Plan) -> Self {
        Self(plan.endpoints.iter().map(|endpoint| Served::new(Parts::of(plan, endpoint))).collect())
    }

    /// Returns an endpoint by its name.
    pub(crate) fn endpoint(&self, id: &str) -> Option<&Served> {
        self.0.iter().find(|served| served.id() == id)
    }

    /// Returns the records of the list at a path.
    pub(crate) fn records_at(&self, path: &str) -> Option<&[Value]> {
        self.0.iter().find_map(|served| served.records_at(path))
    }

    /// Answers a request.
    pub(crate) fn answer(&self, asked: &Asked) -> Reply {
        let matching: Vec<_> =
            self.0.iter().filter_map(|served| Some((served, served.captures(&asked.path)?))).collect();
        let right = matching.iter().filter(|(served, _)| served.method().as_str() == asked.method.as_str());
        // Of several that fit equally well, the first in the file is meant.
        let best = right.rev().max_by_key(|(served, _)| served.fit(asked));
        match best {
            Some((served, captured)) => {
                let siblings = served.list().and_then(|path| self.records_at(path));
                served.answer(asked, captured.clone(), siblings.unwrap_or_default())
            }
            None if matching.is_empty() => self.unknown(asked, StatusCode::NOT_FOUND),
            None => {
                let mut reply = self.unknown(asked, StatusCode::METHOD_NOT_ALLOWED);
                let methods: Vec<&str> = matching.iter().map(|(served, _)| served.method().as_str()).collect();
                reply.headers.push((header::ALLOW.to_string(), methods.join(", ")));
                reply
            }
        }
    }

    fn unknown(&self, asked: &Asked, status: StatusCode) -> Reply {
        let route =
            |served: &Served| Value::from(format!("{} {} ({})", served.method().as_str(), served.path(), served.id()));
        let routes = Value::list(self.0.iter().map(route).collect());
        Reply::failure(
            status,
            format!("no endpoint answers `{} {}`", asked.method, asked.path),
            vec![("routes", routes)],
        )
    }
}
