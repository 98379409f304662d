//! How the pages of an endpoint are asked for, and what they say about the next one: the other side of its pagination.

use std::collections::HashMap;

use engine_expr::{Condition, Dynamic, DynamicLeaf, Expr, JsonPath, Scope, Segment, Setting, Template, Value, walk};
use engine_request::pagination::{CustomNext, Pagination};
use engine_request::{AnswerPlace, Place, Target};

use crate::asked::{Asked, CURSOR};
use crate::flags::Clockwork;
use crate::location::{Location, of_name, of_path, with};

/// How pages are turned.
#[derive(Clone, Debug)]
pub(crate) struct Turning {
    kind: Kind,
    /// Places that say how many records, or how many pages, there are.
    totals: Vec<(Spot, Total)>,
    size: Option<usize>,
    size_into: Option<Place>,
    /// Ends the reading.
    pub(crate) stop_when: Option<Condition>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// By the number of a page.
    Page { into: Place, start: usize },
    /// By the number of records before it.
    Offset { into: Place },
    /// By a member of the record before it.
    LastRecord { next: Expr, into: Place },
    /// By what the page before it said.
    Marks(Vec<Mark>),
    /// By a link in a header.
    Link { rel: String },
}

#[derive(Clone, Copy, Debug)]
enum Total {
    Records,
    Pages,
}

/// A place of an answer in which something is put.
#[derive(Clone, Debug)]
enum Spot {
    Body(Location),
    Header(String),
    Cookie(String),
}

/// A place of an answer, and what it says about the next page.
#[derive(Clone, Debug)]
struct Mark {
    spot: Spot,
    says: Says,
}

#[derive(Clone, Debug)]
enum Says {
    /// The URL of the next page.
    Link,
    /// A text that stands for the next page.
    Cursor,
    /// A number that stands for the next page, and where it comes back.
    Number(Place),
    /// An object that is merged into the query.
    Query,
}

/// What a page is about to say.
#[derive(Debug)]
pub(crate) struct Saying {
    pub(crate) body: Value,
    pub(crate) headers: Vec<(String, String)>,
}

impl Turning {
    /// Makes the other side of a pagination; `unwrapped` is the place in the example's body at which its paths start.
    pub(crate) fn new(pagination: &Pagination, body: &Value, unwrapped: &[Segment]) -> Option<Self> {
        let spot = |place: &AnswerPlace| Spot::new(place, body, unwrapped);
        let or_query =
            |into: &Option<Place>, name: &str| into.clone().unwrap_or_else(|| Place::new(Target::Query(name.into())));
        let mut turning =
            Self { kind: Kind::Marks(Vec::new()), totals: Vec::new(), size: None, size_into: None, stop_when: None };
        match pagination {
            Pagination::Page(kind) => {
                turning.kind =
                    Kind::Page { into: or_query(&kind.into, "page"), start: number(kind.start.as_ref()).unwrap_or(1) };
                turning.totals.extend(kind.total.as_ref().and_then(spot).map(|spot| (spot, Total::Records)));
                turning.totals.extend(kind.total_pages.as_ref().and_then(spot).map(|spot| (spot, Total::Pages)));
                turning.size = number(kind.size.as_ref());
                turning.size_into.clone_from(&kind.size_into);
                turning.stop_when.clone_from(&kind.stop_when);
            }
            Pagination::Offset(kind) => {
                turning.kind = Kind::Offset { into: or_query(&kind.into, "offset") };
                turning.totals.extend(kind.total.as_ref().and_then(spot).map(|spot| (spot, Total::Records)));
                turning.size = number(kind.size.as_ref());
                turning.size_into.clone_from(&kind.size_into);
                turning.stop_when.clone_from(&kind.stop_when);
            }
            Pagination::Cursor(kind) => {
                let into = or_query(&kind.into, "cursor");
                turning.kind =
                    Kind::Marks(spot(&kind.next).map(|spot| Mark::new(spot, &into, body)).into_iter().collect());
                turning.stop_when.clone_from(&kind.stop_when);
            }
            Pagination::NextUrl(kind) => {
                turning.kind =
                    Kind::Marks(spot(&kind.next).map(|spot| Mark { spot, says: Says::Link }).into_iter().collect());
                turning.stop_when.clone_from(&kind.stop_when);
            }
            Pagination::LinkHeader(kind) => {
                turning.kind = Kind::Link { rel: kind.rel.as_ref().map_or("next", |rel| rel.as_str()).to_owned() };
                turning.stop_when.clone_from(&kind.stop_when);
            }
            Pagination::LastRecord(kind) => {
                turning.kind = Kind::LastRecord { next: kind.next.clone(), into: kind.into.clone() };
                turning.stop_when.clone_from(&kind.stop_when);
            }
            Pagination::Custom(kind) => {
                turning.kind = Kind::Marks(Mark::of_custom(&kind.next, body, unwrapped));
                turning.stop_when.clone_from(&kind.stop_when);
            }
            Pagination::None(_) => return None,
        }
        Some(turning)
    }

    /// Tells whether a request can say which page it wants.
    pub(crate) fn has_pages(&self) -> bool {
        !matches!(&self.kind, Kind::Marks(marks) if marks.is_empty())
    }

    /// Returns the places in the body that say something about other pages.
    pub(crate) fn locations(&self) -> impl Iterator<Item = &Location> {
        let marks: &[Mark] = if let Kind::Marks(marks) = &self.kind { marks } else { &[] };
        let spots = marks.iter().map(|mark| &mark.spot).chain(self.totals.iter().map(|(spot, _)| spot));
        spots.filter_map(|spot| if let Spot::Body(location) = spot { Some(location) } else { None })
    }

    /// Returns how many records a request wants on a page.
    pub(crate) fn size(&self, asked: &Asked, captured: &HashMap<String, String>) -> Option<usize> {
        let asked = self.size_into.as_ref().and_then(|place| asked.at(place, captured)?.parse().ok());
        asked.or(self.size).filter(|size| *size > 0)
    }

    /// Returns how many records stand before the page that a request wants.
    pub(crate) fn start(
        &self,
        asked: &Asked,
        captured: &HashMap<String, String>,
        length: usize,
        records: &[Value],
    ) -> usize {
        let number = |place| asked.at(place, captured).and_then(|text| text.parse::<usize>().ok());
        match &self.kind {
            Kind::Page { into, start } => number(into).unwrap_or(*start).saturating_sub(*start).saturating_mul(length),
            Kind::Offset { into } => number(into).unwrap_or(0),
            Kind::LastRecord { next, into } => match asked.at(into, captured) {
                None => 0,
                Some(text) => records
                    .iter()
                    .position(|record| {
                        value_of(next, record).is_some_and(|value| value.text().is_some_and(|it| it == text))
                    })
                    .map_or(records.len(), |at| at + 1),
            },
            Kind::Marks(marks) => {
                let numbers = marks
                    .iter()
                    .filter_map(|mark| if let Says::Number(into) = &mark.says { number(into) } else { None });
                asked.cursor().or(numbers.max()).unwrap_or(0)
            }
            Kind::Link { .. } => asked.cursor().unwrap_or(0),
        }
    }

    /// Makes a page say which one is next, if one is, and how many there are.
    pub(crate) fn say(&self, saying: &mut Saying, asked: &Asked, next: Option<usize>, records: usize, pages: usize) {
        for (spot, total) in &self.totals {
            let total = if let Total::Records = total { records } else { pages };
            spot.put(saying, total.into());
        }
        let cursor = next.map(|next| format!("{CURSOR}{next}"));
        match (&self.kind, &cursor) {
            (Kind::Link { rel }, Some(cursor)) => {
                saying.headers.push(("link".to_owned(), format!("<{}>; rel=\"{rel}\"", asked.link(cursor))));
            }
            (Kind::Marks(marks), Some(cursor)) => {
                for mark in marks {
                    let value = match &mark.says {
                        Says::Link => asked.link(cursor).into(),
                        Says::Cursor => cursor.as_str().into(),
                        Says::Number(_) => next.unwrap_or_default().into(),
                        Says::Query => mark.query(&saying.body, cursor),
                    };
                    mark.spot.put(saying, value);
                }
            }
            (Kind::Marks(marks), None) => marks.iter().for_each(|mark| mark.spot.clear(saying)),
            _ => {}
        }
    }
}

impl Mark {
    fn new(spot: Spot, into: &Place, body: &Value) -> Self {
        let is_number = matches!(&spot, Spot::Body(location) if matches!(walk(body, location), Some(Value::Number(_))));
        let says = match into.target() {
            Target::Url => Says::Link,
            _ if is_number => Says::Number(into.clone()),
            _ => Says::Cursor,
        };
        Self { spot, says }
    }

    fn of_custom(next: &CustomNext, body: &Value, unwrapped: &[Segment]) -> Vec<Self> {
        match next {
            CustomNext::Query(expr) => {
                let location = crate::location::of_expr(expr, body, unwrapped);
                location.map(|location| Self { spot: Spot::Body(location), says: Says::Query }).into_iter().collect()
            }
            CustomNext::Places(places) => {
                let mark = |(place, value): &(Place, Dynamic)| {
                    let mut spot = None;
                    value.visit(&mut |leaf| {
                        spot = spot.take().or_else(|| match leaf {
                            DynamicLeaf::Path(path) => Spot::of_path(path, body, unwrapped),
                            DynamicLeaf::Template(template) => Spot::of_template(template, body),
                        });
                    });
                    Some(Self::new(spot?, place, body))
                };
                places.iter().filter_map(mark).collect()
            }
        }
    }

    /// Makes the object that is merged into the query: that of the example, with a cursor in all its members.
    fn query(&self, body: &Value, cursor: &str) -> Value {
        let Spot::Body(location) = &self.spot else { return Value::Null };
        match walk(body, location).and_then(Value::as_object).filter(|members| !members.is_empty()) {
            Some(members) => Value::object(members.names().map(|name| (name.clone(), Value::from(cursor)))),
            None => Value::object([("continue", Value::from(cursor))]),
        }
    }
}

impl Spot {
    fn new(place: &AnswerPlace, body: &Value, unwrapped: &[Segment]) -> Option<Self> {
        match place {
            AnswerPlace::Path(path) => Self::of_path(path, body, unwrapped),
            AnswerPlace::Header(name) => Some(Self::Header(name.value.to_ascii_lowercase())),
            AnswerPlace::Cookie(name) => Some(Self::Cookie(name.value.to_string())),
            AnswerPlace::Template(template) => Self::of_template(template, body),
        }
    }

    fn of_path(path: &JsonPath, body: &Value, unwrapped: &[Segment]) -> Option<Self> {
        let top = walk(body, unwrapped).unwrap_or(&Value::Null);
        Some(Self::Body([unwrapped.to_vec(), of_path(path, top)?].concat()))
    }

    /// Takes a template that is about one member of the answer; what another would compute can't be known.
    fn of_template(template: &Template, body: &Value) -> Option<Self> {
        let [name] = template.names() else { return None };
        match name.path.as_slice() {
            [response, headers, header] if &**response == "response" && &**headers == "headers" => {
                Some(Self::Header(header.to_ascii_lowercase()))
            }
            _ => of_name(name, body).map(Self::Body),
        }
    }

    fn put(&self, saying: &mut Saying, value: Value) {
        match self {
            Self::Body(location) => saying.body = with(&saying.body, location, value),
            Self::Header(name) => saying.headers.push((name.clone(), text(&value))),
            Self::Cookie(name) => saying.headers.push(("set-cookie".to_owned(), format!("{name}={}", text(&value)))),
        }
    }

    /// Takes away what the example says here.
    fn clear(&self, saying: &mut Saying) {
        if let Self::Body(location) = self
            && walk(&saying.body, location).is_some()
        {
            saying.body = with(&saying.body, location, Value::Null);
        }
    }
}

fn text(value: &Value) -> String {
    value.text().map_or_else(|| value.to_json(), std::borrow::Cow::into_owned)
}

fn number(setting: Option<&Setting<u64>>) -> Option<usize> {
    setting.and_then(Setting::as_value).and_then(|value| usize::try_from(*value).ok())
}

fn value_of(next: &Expr, record: &Value) -> Option<Value> {
    let scope = Scope::new(std::sync::Arc::new(Clockwork::default()));
    next.evaluate(&scope.with("last", record.clone()).rooted(record.clone())).ok().flatten()
}
