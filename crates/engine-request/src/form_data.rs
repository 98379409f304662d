//! `multipart/form-data` (RFC 7578): parts, and how they are written.

use std::borrow::Cow;
use std::fmt::Write;

use bytes::Bytes;
use engine_expr::{EvalError, Members, Scope, Secret, Template, Value};
use engine_source::{Map, Span};
use sha2::{Digest, Sha256};

use crate::draft::collect;
use crate::{DraftFile, MultipartContent, MultipartField, MultipartFile, Payload, Piece, media_type};

/// The parts of a form that is being built.
#[derive(Clone, Debug, PartialEq)]
pub struct FormData {
    parts: Vec<Part>,
    /// What the boundary is made of, so that every attempt sends the same body.
    seed: [u64; 2],
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    name: String,
    filename: Option<String>,
    content_type: Option<String>,
    content: Content,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Value(Value),
    File(DraftFile),
}

impl FormData {
    /// Makes the parts of what the spec says; null is left out.
    pub(crate) fn new(
        fields: &Map<MultipartField>,
        scope: &Scope,
        secrets: &mut Vec<Secret>,
    ) -> Result<Self, EvalError> {
        let random = || scope.host().map_or(0, |host| host.random());
        let mut form = Self { parts: Vec::new(), seed: [random(), random()] };
        for (name, field) in fields {
            form.add(&name.value, field, scope, secrets)?;
        }
        Ok(form)
    }

    fn add(
        &mut self,
        name: &str,
        field: &MultipartField,
        scope: &Scope,
        secrets: &mut Vec<Secret>,
    ) -> Result<(), EvalError> {
        match field {
            MultipartField::Value(value) => {
                let found = value.evaluate(scope)?.unwrap_or_default();
                collect(&found, secrets);
                self.parts.extend(values(name, &found, value.span())?);
            }
            MultipartField::Several(fields) => {
                fields.iter().try_for_each(|field| self.add(name, field, scope, secrets))?;
            }
            MultipartField::File(MultipartFile { file, filename, content_type }) => {
                let content_type = media_type(content_type.as_ref(), scope, secrets)?;
                let filename = maybe_text(filename.as_ref(), scope, secrets)?;
                let file = DraftFile::new(file, scope)?;
                let filename = filename.unwrap_or_else(|| file.name().to_owned());
                self.parts.push(Part {
                    name: name.to_owned(),
                    content_type: Some(content_type.unwrap_or_else(|| media_type::of_name(&filename).to_owned())),
                    filename: Some(filename),
                    content: Content::File(file),
                });
            }
            MultipartField::Content(MultipartContent { content, filename, content_type }) => {
                let found = content.evaluate(scope)?.unwrap_or_default();
                if found.is_null() {
                    return Ok(());
                }
                collect(&found, secrets);
                let content_type = media_type(content_type.as_ref(), scope, secrets)?;
                let filename = maybe_text(filename.as_ref(), scope, secrets)?;
                let is_json = found.text().is_none();
                let by_name = || match &filename {
                    Some(filename) => Some(media_type::of_name(filename).to_owned()),
                    None => is_json.then(|| "application/json".to_owned()),
                };
                self.parts.push(Part {
                    name: name.to_owned(),
                    content_type: content_type.or_else(by_name),
                    filename,
                    content: Content::Value(found),
                });
            }
        }
        Ok(())
    }

    /// Puts a value in the place of the fields of the same name.
    pub(crate) fn put(&mut self, name: &str, value: &Value, span: Span) -> Result<(), EvalError> {
        let new = values(name, value, span)?;
        self.parts.retain(|part| part.name != name);
        self.parts.extend(new);
        Ok(())
    }

    /// Returns the files in it.
    pub(crate) fn files(&mut self) -> impl Iterator<Item = &mut DraftFile> {
        self.parts.iter_mut().filter_map(|part| match &mut part.content {
            Content::File(file) => Some(file),
            Content::Value(_) => None,
        })
    }

    /// Writes it; the first is its content type, with the boundary that is in none of the parts.
    pub(crate) fn write(&self, kind: &str) -> Result<(String, Payload), EvalError> {
        let texts: Vec<_> = self.parts.iter().map(Part::text).collect();
        let heads: Vec<_> = self.parts.iter().map(Part::head).collect();
        let mut boundary = self.boundary(0);
        let mut number = 1;
        while texts.iter().flatten().any(|text| text.contains(&boundary))
            || heads.iter().any(|head| head.contains(&boundary))
        {
            boundary = self.boundary(number);
            number += 1;
        }
        let mut pieces = Vec::new();
        let mut known = String::new();
        for ((part, head), text) in self.parts.iter().zip(&heads).zip(&texts) {
            known.push_str("--");
            known.push_str(&boundary);
            known.push_str("\r\n");
            known.push_str(head);
            known.push_str("\r\n");
            match &part.content {
                Content::Value(_) => known.push_str(text.as_deref().unwrap_or_default()),
                Content::File(file) => {
                    pieces.push(Piece::Bytes(Bytes::from(std::mem::take(&mut known))));
                    pieces.push(file.piece()?);
                }
            }
            known.push_str("\r\n");
        }
        known.push_str("--");
        known.push_str(&boundary);
        known.push_str("--\r\n");
        let known = Bytes::from(known);
        let payload = if pieces.is_empty() {
            Payload::Bytes(known)
        } else {
            pieces.push(Piece::Bytes(known));
            Payload::Pieces(pieces)
        };
        Ok((format!("{kind}; boundary={boundary}"), payload))
    }

    /// Makes a boundary: 128 bits that nobody can guess who has a say in what the parts hold.
    fn boundary(&self, number: u32) -> String {
        let mut hash = Sha256::new();
        for word in self.seed {
            hash.update(word.to_be_bytes());
        }
        hash.update(number.to_be_bytes());
        let mut text = "engine-".to_owned();
        for byte in hash.finalize().iter().take(16) {
            _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// Returns the fields by their names, as templates see them.
    pub(crate) fn to_value(&self) -> Value {
        let mut members = Members::new();
        for part in &self.parts {
            let value = match &part.content {
                Content::Value(value) if part.filename.is_none() => value.clone(),
                content => {
                    let mut file = vec![
                        ("filename", part.filename.as_deref().map_or(Value::Null, Value::from)),
                        ("content_type", part.content_type.as_deref().map_or(Value::Null, Value::from)),
                    ];
                    file.push(match content {
                        Content::File(file) => ("file", file.path().into()),
                        Content::Value(value) => ("content", value.clone()),
                    });
                    Value::object(file)
                }
            };
            let value = match members.get(&part.name) {
                Some(Value::List(list)) => Value::list(list.items().iter().cloned().chain([value]).collect()),
                Some(one) => Value::list(vec![one.clone(), value]),
                None => value,
            };
            members.insert(part.name.as_str(), value);
        }
        Value::Object(members.into())
    }

    /// Writes it as it may be shown: `title=Report; file=@report.pdf (application/pdf, 1234 bytes)`.
    pub(crate) fn show(&self) -> String {
        let part = |part: &Part| {
            let content_type = part.content_type.as_deref().unwrap_or("text/plain");
            match &part.content {
                Content::File(file) => format!("{}=@{}", part.name, file.show(content_type)),
                Content::Value(value) => {
                    let text = value.text().unwrap_or_else(|| value.to_json().into());
                    match &part.filename {
                        Some(filename) => {
                            format!("{}=@{filename} ({content_type}, {} bytes)", part.name, text.len())
                        }
                        None => format!("{}={text}", part.name),
                    }
                }
            }
        };
        self.parts.iter().map(part).collect::<Vec<_>>().join("; ")
    }
}

impl Part {
    /// Writes its headers (RFC 7578 §4.2).
    fn head(&self) -> String {
        let mut head = format!("Content-Disposition: form-data; name=\"{}\"", quoted(&self.name));
        if let Some(filename) = &self.filename {
            _ = write!(head, "; filename=\"{}\"", quoted(filename));
        }
        head.push_str("\r\n");
        if let Some(content_type) = &self.content_type {
            _ = write!(head, "Content-Type: {content_type}\r\n");
        }
        head
    }

    /// Returns what is in memory of it.
    fn text(&self) -> Option<Cow<'_, str>> {
        match &self.content {
            Content::Value(value) => Some(value.text().unwrap_or_else(|| value.to_json().into())),
            Content::File(_) => None,
        }
    }
}

/// Writes a value as parts: a list repeats the name, an object is JSON, null is left out.
fn values(name: &str, value: &Value, span: Span) -> Result<Vec<Part>, EvalError> {
    let part = |value: &Value| Part {
        name: name.to_owned(),
        filename: None,
        content_type: value.as_object().map(|_| "application/json".to_owned()),
        content: Content::Value(value.clone()),
    };
    match value {
        Value::Null => Ok(Vec::new()),
        Value::List(list) => {
            let items = list.items().iter().filter(|item| !item.is_null());
            items
                .map(|item| match item {
                    Value::List(_) => {
                        let error =
                            EvalError::new(format!("`{name}` has a list in a list, which a form can't hold"), span);
                        Err(error.help("write it as JSON: `| tojson`"))
                    }
                    item => Ok(part(item)),
                })
                .collect()
        }
        value => Ok(vec![part(value)]),
    }
}

/// Renders a text that may be left out; null leaves it out too.
fn maybe_text(
    template: Option<&Template>,
    scope: &Scope,
    secrets: &mut Vec<Secret>,
) -> Result<Option<String>, EvalError> {
    let Some(template) = template else { return Ok(None) };
    let value = template.render(scope)?;
    collect(&value, secrets);
    match value {
        Value::Null => Ok(None),
        value => crate::header::text(&value, template.span()).map(Some),
    }
}

/// Renders a media type, which goes into a header of its part.
fn media_type(
    template: Option<&Template>,
    scope: &Scope,
    secrets: &mut Vec<Secret>,
) -> Result<Option<String>, EvalError> {
    let text = maybe_text(template, scope, secrets)?;
    match (&text, template) {
        (Some(text), Some(template)) if text.contains(char::is_control) => {
            let error = EvalError::new("the media type has a control character", template.span());
            Err(error.help("write one line such as `application/pdf`"))
        }
        _ => Ok(text),
    }
}

/// Writes a name as browsers do (RFC 7578 §4.2, HTML §4.10.21.8): what would end it is percent-encoded, all else is UTF-8 as it is.
fn quoted(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use engine_expr::Value;

    use crate::draft::tests::{read, scope};
    use crate::{Body, Draft, Prepared, RequestLine};

    const BOUNDARY: &str = "engine-boundary";

    /// Makes a request of a body; every file has ten bytes.
    fn request(yaml: &str, change: impl FnOnce(&mut Draft)) -> Result<Prepared, String> {
        let params = r#"{"name": "a.txt", "tags": ["x", 2, null], "meta": {"n": 1.50}, "up": "../../x"}"#;
        let scope = scope(params);
        let body: Body = read(yaml);
        let build = || {
            let line: RequestLine = read("POST https://api.test/files");
            let mut draft = Draft::build(&line, None, &scope)?;
            draft.set_body(&body, &scope)?;
            draft.find_files(|file| Ok((format!("/specs/{}", file.path()).into(), 10)))?;
            change(&mut draft);
            draft.finish()
        };
        build().map_err(|error: engine_expr::EvalError| match error.help {
            Some(help) => format!("{} ({help})", error.message),
            None => error.message,
        })
    }

    fn check(yaml: &str, expected: &[&str]) {
        let shown = match request(yaml, |_| {}) {
            Ok(request) => {
                let kind = request.headers.get("content-type").unwrap().to_str().unwrap();
                match kind.strip_prefix("multipart/form-data; boundary=") {
                    Some(boundary) => request.body.show().replace(boundary, BOUNDARY),
                    None => format!("{kind}: {}", request.body.show()),
                }
            }
            Err(error) => error,
        };
        assert_eq!(shown.replace("\r\n", "\n").trim_end().lines().collect::<Vec<_>>(), expected, "{yaml}");
    }

    #[test]
    fn writes_values_and_files() {
        check(
            "{multipart: {title: 'ä b', n: 1.50, none: null, tags: '{{ params.tags }}', meta: '{{ params.meta }}'}}",
            &[
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"title\"",
                "",
                "ä b",
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"n\"",
                "",
                "1.50",
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"tags\"",
                "",
                "x",
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"tags\"",
                "",
                "2",
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"meta\"",
                "Content-Type: application/json",
                "",
                "{\"n\":1.50}",
                "--engine-boundary--",
            ],
        );
        check(
            "{multipart: {doc: {file: './in/{{ params.name }}', filename: \"a \\\"b\\\"\\n→.pdf\"}, more: [{file: b.bin, content_type: image/x}, {content: x}]}}",
            &[
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"doc\"; filename=\"a %22b%22%0A→.pdf\"",
                "Content-Type: application/pdf",
                "",
                "<10 bytes of `/specs/./in/a.txt`>",
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"more\"; filename=\"b.bin\"",
                "Content-Type: image/x",
                "",
                "<10 bytes of `/specs/b.bin`>",
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"more\"",
                "",
                "x",
                "--engine-boundary--",
            ],
        );
        check(
            "{multipart: {a: {content: '{{ params.meta }}', filename: a.csv}, b: {content: '{{ params.meta }}'}, c: {content: null}}}",
            &[
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"a\"; filename=\"a.csv\"",
                "Content-Type: text/csv",
                "",
                "{\"n\":1.50}",
                "--engine-boundary",
                "Content-Disposition: form-data; name=\"b\"",
                "Content-Type: application/json",
                "",
                "{\"n\":1.50}",
                "--engine-boundary--",
            ],
        );
        check("{multipart: {}}", &["--engine-boundary--"]);
        check("{file: './{{ params.name }}'}", &["text/plain: <10 bytes of `/specs/./a.txt`>"]);
    }

    #[test]
    fn refuses_what_a_form_cannot_hold() {
        check(
            "{multipart: {a: [[1]]}}",
            &["`a` has a list in a list, which a form can't hold (write it as JSON: `| tojson`)"],
        );
        check(
            "{multipart: {a: {content: x, content_type: \"a\\nb\"}}}",
            &["the media type has a control character (write one line such as `application/pdf`)"],
        );
        let up = "the path `in/../../x` leads out of its folder (check the value that is put into it: only the spec itself may write `..`)";
        check("{multipart: {a: {file: 'in/{{ params.up }}'}}}", &[up]);
        check("{file: 'in/{{ params.up }}'}", &[up]);
        check("{file: '../x/{{ params.name }}'}", &["text/plain: <10 bytes of `/specs/../x/a.txt`>"]);
    }

    #[test]
    fn the_boundary_is_in_no_part() {
        let boundary = |request: &Prepared| {
            let kind = request.headers.get("content-type").unwrap().to_str().unwrap();
            kind.split_once("boundary=").unwrap().1.to_owned()
        };
        let first = boundary(&request("{multipart: {a: x}}", |_| {}).unwrap());
        let yaml = format!("{{multipart: {{a: 'x{first}y'}}}}");
        let second = request(&yaml, |_| {}).unwrap();
        assert_ne!(boundary(&second), first);
        assert_eq!(boundary(&request(&yaml, |_| {}).unwrap()), boundary(&second));
    }

    #[test]
    fn takes_values_at_places_of_the_body() {
        let put = |draft: &mut Draft, place: &str, value: Value| draft.put(&place.parse().unwrap(), &value);
        let sent = request("{multipart: {a: x, b: y, a.b: z}}", |draft| {
            put(draft, "body.token", Value::from("t")).unwrap();
            put(draft, "body.b", Value::Null).unwrap();
            put(draft, "body['a.b']", Value::from(7_i64)).unwrap();
            let error = put(draft, "body.a.b", Value::from(7_i64)).unwrap_err();
            assert_eq!(error.message, "`body.a.b` is no field of a multipart body");
        });
        assert_eq!(sent.unwrap().to_value().get("body").unwrap().to_json(), r#"{"a":"x","token":"t","a.b":7}"#);
    }

    #[test]
    fn is_shown_as_fields() {
        let yaml = "{multipart: {k: '{{ secrets.key }}', f: {file: a.pdf}, c: {content: abc, filename: '{{ secrets.key }}.csv'}}}";
        let sent = request(yaml, |_| {}).unwrap();
        assert_eq!(
            sent.redactor().redact(&sent.show_body()),
            "k=***; f=@a.pdf (application/pdf, 10 bytes); c=@*** (text/csv, 3 bytes)"
        );
        assert_eq!(
            sent.redactor().redact(&sent.body.show()).matches("***").count(),
            2,
            "a file name with a secret is one, percent-encoded too"
        );
    }
}
