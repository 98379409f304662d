//! Operations of a document, found by what a request line says.

use engine_import::Document;
use engine_plan::{Endpoint, Plan};
use engine_request::Part;
use serde_json::Value as Json;

use crate::route::{Address, Route, is_host, marked};

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<'d> {
    pub(crate) method: &'static str,
    pub(crate) path: &'d str,
    /// What holds for all operations of the path.
    pub(crate) item: &'d Json,
    pub(crate) own: &'d Json,
}

/// What came of looking for one.
pub(crate) enum Found<'d> {
    /// It is there.
    Operation(Operation<'d>),
    /// It is there, below another path than the spec says.
    Elsewhere(Operation<'d>, String),
    /// The path is there, not with this method; these are.
    Method(&'d str, Vec<&'static str>, &'d Json),
    /// No such path; the closest one.
    Nothing(String, Option<&'d str>),
    /// The request goes to another host than the document knows.
    OtherHost(String),
    /// The spec does not say where the request goes.
    Unknown,
}

/// The methods that an operation may have.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// All paths of a document.
pub(crate) struct Paths<'d> {
    paths: Vec<Path<'d>>,
    hosts: Vec<String>,
}

struct Path<'d> {
    text: &'d str,
    item: &'d Json,
    route: Route,
    /// Where the API may be: paths that come before.
    before: Vec<Route>,
}

impl<'d> Paths<'d> {
    pub(crate) fn of(document: &Document<'d>) -> Self {
        let mut hosts = Vec::new();
        let general = servers(document, document.root, &mut hosts).unwrap_or_else(|| vec![Route::read("")]);
        let paths = document.root.get("paths").and_then(Json::as_object).into_iter().flatten();
        let paths = paths.filter(|(text, _)| !text.starts_with("x-")).map(|(text, item)| {
            let item = document.look(item);
            let mut before = servers(document, item, &mut hosts).unwrap_or_else(|| general.clone());
            for method in METHODS {
                let own = item.get(method).and_then(|own| servers(document, own, &mut hosts));
                before.extend(own.into_iter().flatten());
            }
            Path { text, item, route: Route::read(&marked(text, "{", "}", |_| None)), before }
        });
        let paths = paths.collect();
        Self { paths, hosts }
    }

    /// Finds the operation that an endpoint is.
    pub(crate) fn find(&self, plan: &Plan, endpoint: &Endpoint) -> Found<'d> {
        let (address, base) = address(plan, endpoint);
        if address.route.len() == 0 && address.is_open {
            return Found::Unknown;
        }
        let method = endpoint.request.method().as_str().to_ascii_lowercase();
        let has = |path: &Path<'d>| path.item.get(&method).is_some_and(Json::is_object);
        let mut candidates: Vec<(bool, usize, &Path<'d>, Option<String>)> = Vec::new();
        for path in &self.paths {
            let whole = path.before.iter().filter_map(|before| address.route.fits(&before.joined(&path.route))).max();
            if let Some(score) = whole {
                candidates.push((has(path), score + 1, path, None));
                continue;
            }
            // The spec may leave open what comes before, and so may the document.
            let length = path.route.len();
            let ahead = address.route.len().checked_sub(length);
            let score = ahead.and_then(|_| address.route.last(length).fits(&path.route));
            if let (Some(ahead), Some(score)) = (ahead, score)
                && length > 0
                && ahead <= base
            {
                let says = address.route.first(ahead);
                let known = path.before.first().map(Route::shown).unwrap_or_default();
                let differs = !address.is_open && !known.contains('…') && !known.is_empty() && known != says.shown();
                candidates.push((has(path), score, path, differs.then_some(known)));
                continue;
            }
            if address.is_open {
                let within = path.before.iter().map(|before| before.joined(&path.route));
                let score = within.filter(|known| known.len() >= address.route.len());
                let score = score.filter_map(|known| address.route.fits(&known.last(address.route.len()))).max();
                candidates.extend(score.filter(|score| *score > 0).map(|score| (has(path), score, path, None)));
            }
        }
        let best = candidates.into_iter().max_by_key(|(has, score, _, differs)| (*has, differs.is_none(), *score));
        let is_known = |host: &&str| !self.hosts.is_empty() && !self.hosts.iter().any(|known| is_host(known, host));
        let host = address.host.as_deref().filter(is_known);
        match best {
            Some((true, _, path, differs)) => {
                let method = METHODS.into_iter().find(|known| *known == method).unwrap_or_default();
                let own = path.item.get(method).unwrap_or(&Json::Null);
                let operation = Operation { method, path: path.text, item: path.item, own };
                match differs {
                    Some(known) => Found::Elsewhere(operation, known),
                    None => Found::Operation(operation),
                }
            }
            _ if host.is_some() && is_own(endpoint) => Found::OtherHost(host.unwrap_or_default().replace('\u{0}', "…")),
            Some((false, _, path, _)) => {
                let known = METHODS.into_iter().filter(|method| path.item.get(*method).is_some()).collect();
                Found::Method(path.text, known, path.item)
            }
            None => Found::Nothing(address.route.shown(), self.closest(&address.route)),
        }
    }

    fn closest(&self, route: &Route) -> Option<&'d str> {
        let distance = |path: &Path<'d>| {
            let whole = path.before.iter().map(|before| before.joined(&path.route)).chain([path.route.clone()]);
            whole.map(|known| (route.distance(&known), known.len())).min()
        };
        let (least, length, path) = self
            .paths
            .iter()
            .filter_map(|path| distance(path).map(|(it, length)| (it, length, path)))
            .min_by_key(|it| it.0)?;
        (least * 2 <= length.max(route.len())).then_some(path.text)
    }
}

impl<'d> Operation<'d> {
    /// Names it.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    /// Lists its parameters, its own before those of its path.
    pub(crate) fn parameters(&self, document: &Document<'d>) -> Vec<&'d Json> {
        let mut list: Vec<&Json> = Vec::new();
        for of in [self.own, self.item] {
            for one in of.get("parameters").and_then(Json::as_array).into_iter().flatten() {
                let one = document.look(one);
                let same = |other: &&Json| other.get("name") == one.get("name") && other.get("in") == one.get("in");
                if one.is_object() && !list.iter().any(same) {
                    list.push(one);
                }
            }
        }
        list
    }
}

/// Tells whether an endpoint goes to a place of its own.
fn is_own(endpoint: &Endpoint) -> bool {
    let text = |template: &Option<engine_expr::Template>| template.as_ref().map(|it| it.text().to_owned());
    !endpoint.request.is_path() || text(&endpoint.base_url) != text(&endpoint.api_settings.base_url)
}

/// Reads where a request goes, and how many segments of that come before its own path.
fn address(plan: &Plan, endpoint: &Endpoint) -> (Address, usize) {
    let own: String = endpoint
        .request
        .parts()
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.to_string(),
            Part::Param(_) => "\u{0}".to_owned(),
            Part::Template(template) => filled(plan, template.text()),
        })
        .collect();
    let base = match &endpoint.base_url {
        Some(base) if endpoint.request.is_path() => filled(plan, base.text()),
        _ => String::new(),
    };
    let own = own.split(['?', '#']).next().unwrap_or_default().to_owned();
    let before = Address::read(&base).route.len();
    (Address::read(&format!("{}{own}", base.trim_end_matches('/'))), before)
}

/// Puts the defaults of inputs into a template.
fn filled(plan: &Plan, text: &str) -> String {
    marked(text, "{{", "}}", |expression| {
        let name = expression.strip_prefix("inputs.")?;
        let default = plan.inputs.get(name.split('|').next()?.trim())?.default.as_ref()?;
        default.as_literal()?.as_str().map(|text| text.trim_end_matches('/').to_owned())
    })
}

/// Reads the paths that come before those of a document, of a path or of an operation; none where nothing is said.
fn servers(document: &Document<'_>, of: &Json, hosts: &mut Vec<String>) -> Option<Vec<Route>> {
    if document.is_swagger {
        hosts.extend(of.get("host").and_then(Json::as_str).map(str::to_ascii_lowercase));
        return of.get("basePath").and_then(Json::as_str).map(|path| vec![Route::read(path)]);
    }
    let list = of.get("servers").and_then(Json::as_array).filter(|list| !list.is_empty())?;
    let mut routes = Vec::new();
    for server in list {
        let url = server.get("url").and_then(Json::as_str).unwrap_or_default();
        let variables = server.get("variables");
        let default = |name: &str| variables?.get(name)?.get("default")?.as_str();
        let known = |name: &str| default(name).filter(|it| !it.is_empty()).map(str::to_owned);
        let open = Address::read(&marked(url, "{", "}", |_| None));
        hosts.extend(open.host);
        routes.push(open.route);
        let route = Address::read(&marked(url, "{", "}", known)).route;
        if !routes.contains(&route) {
            routes.insert(0, route);
        }
    }
    Some(routes)
}
