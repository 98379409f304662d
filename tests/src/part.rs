//! The parts of a body of `multipart/form-data` (RFC 7578), read as strictly as any server reads them.

use serde::Deserialize;

use crate::received::Received;

/// A part of a body of `multipart/form-data`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    name: String,
    filename: Option<String>,
    content_type: Option<String>,
    body: String,
}

impl Part {
    /// Takes the body of a request apart.
    pub(crate) fn read(received: &Received) -> Result<Vec<Self>, String> {
        let kind = received.header("content-type").unwrap_or_default();
        let boundary =
            kind.strip_prefix("multipart/form-data; boundary=").ok_or(format!("the content type is {kind}"))?;
        let body = std::str::from_utf8(&received.body).map_err(|error| error.to_string())?;
        let (inside, after) = body.split_once(&format!("--{boundary}--\r\n")).ok_or("there is no end")?;
        if !after.is_empty() {
            return Err(format!("`{after}` follows"));
        }
        let mut parts = Vec::new();
        for part in inside.split(&format!("--{boundary}\r\n")).skip(1) {
            let (head, body) = part.split_once("\r\n\r\n").ok_or("a part has no body")?;
            let body = body.strip_suffix("\r\n").ok_or("a part does not end in a line break")?;
            let mut found = Self { name: String::new(), filename: None, content_type: None, body: body.to_owned() };
            for line in head.split("\r\n") {
                if let Some(kind) = line.strip_prefix("Content-Type: ") {
                    found.content_type = Some(kind.to_owned());
                } else if let Some(fields) = line.strip_prefix("Content-Disposition: form-data; ") {
                    for field in fields.split("; ") {
                        let quoted = |name| field.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"');
                        match (quoted("name"), quoted("filename")) {
                            (Some(name), _) => name.clone_into(&mut found.name),
                            (_, Some(name)) => found.filename = Some(name.to_owned()),
                            _ => return Err(format!("`{field}` is not known")),
                        }
                    }
                } else {
                    return Err(format!("`{line}` is not known"));
                }
            }
            parts.push(found);
        }
        Ok(parts)
    }
}
