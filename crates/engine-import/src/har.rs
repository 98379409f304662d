//! HTTP archives 1.2, as browsers and proxies save them (<http://www.softwareishard.com/blog/har-12-spec/>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::bodies::Kind;
use crate::exchange::{self, Exchange};
use crate::posted::Posted;
use crate::spec::SpecDraft;
use crate::{ImportError, Notes, Options};

/// Makes a spec of the requests for data.
pub(crate) fn import(root: &Value, options: &Options, notes: &mut Notes) -> Result<SpecDraft, ImportError> {
    let Some(entries) = root.pointer("/log/entries").and_then(Value::as_array) else {
        return Err(ImportError::new(
            "this is no HTTP archive: it has no `log.entries`",
            "save one in the network tab of a browser",
        ));
    };
    let mut left_out = 0;
    let mut exchanges = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        match exchange(entry, format!("/log/entries/{number}")) {
            Some(exchange) => exchanges.push(exchange),
            None => left_out += 1,
        }
    }
    if left_out > 0 {
        notes.say(
            "/log/entries",
            format!("{left_out} requests for pages, scripts, pictures and the like were left out"),
        );
    }
    exchange::spec(exchanges, options, notes)
}

fn exchange(entry: &Value, place: String) -> Option<Exchange> {
    let request = entry.get("request")?;
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let method = text(request, "method")?.to_uppercase();
    let url = text(request, "url").filter(|url| url.starts_with("http"))?;
    let content = entry.pointer("/response/content");
    let media = content.and_then(|content| text(content, "mimeType"));
    let kind = media.as_deref().and_then(Kind::of);
    let is_data = matches!(kind, Some(Kind::Json | Kind::Xml))
        || media.as_deref().is_some_and(|media| media.starts_with("text/csv"));
    let is_write = !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS");
    if method == "OPTIONS" || !(is_data || is_write) {
        return None;
    }
    let pairs = |name: &str| -> Vec<(String, String)> {
        let list = request.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|pair| Some((text(pair, "name")?, text(pair, "value").unwrap_or_default()))).collect()
    };
    let (origin, path, query) = exchange::split(&url);
    let answer = content.filter(|_| kind == Some(Kind::Json)).and_then(|content| {
        let body = text(content, "text")?;
        let body = match content.get("encoding").and_then(Value::as_str) {
            Some("base64") => String::from_utf8(STANDARD.decode(body).ok()?).ok()?,
            _ => body,
        };
        serde_json::from_str(&body).ok()
    });
    Some(Exchange {
        place,
        method,
        origin,
        path,
        query,
        headers: pairs("headers"),
        body: request.get("postData").map_or(Posted::Nothing, posted),
        answer,
        ..Exchange::default()
    })
}

fn posted(data: &Value) -> Posted {
    let media = data.get("mimeType").and_then(Value::as_str);
    let params = data.get("params").and_then(Value::as_array).filter(|params| !params.is_empty());
    if let Some(params) = params {
        let field = |param: &Value, name: &str| param.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if media.is_some_and(|media| media.starts_with("multipart/")) {
            let fields =
                params.iter().map(|it| (field(it, "name"), field(it, "value"), it.get("fileName").is_some())).collect();
            return Posted::Multipart(fields);
        }
        return Posted::Form(params.iter().map(|it| (field(it, "name"), field(it, "value"))).collect());
    }
    Posted::of(media, data.get("text").and_then(Value::as_str).unwrap_or_default())
}
