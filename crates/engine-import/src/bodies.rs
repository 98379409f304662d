//! Kinds of bodies.

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As JSON.
    Json,
    /// As the fields of a form.
    Form,
    /// As the parts of a form, among which may be files.
    Multipart,
    /// As XML.
    Xml,
    /// As a text.
    Text,
    /// As bytes.
    File,
}

impl Kind {
    /// Tells how a media type is written.
    pub fn of(media: &str) -> Option<Self> {
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match media.as_str() {
            "application/x-www-form-urlencoded" => Self::Form,
            "multipart/form-data" => Self::Multipart,
            "application/xml" | "text/xml" => Self::Xml,
            "application/octet-stream" | "application/zip" | "application/pdf" => Self::File,
            "*/*" | "application/*" => Self::Json,
            _ if media.ends_with("/json") || media.ends_with("+json") || media == "text/json" => Self::Json,
            _ if media.ends_with("+xml") => Self::Xml,
            _ if media.starts_with("text/") => Self::Text,
            _ if media.starts_with("image/") || media.starts_with("audio/") || media.starts_with("video/") => {
                Self::File
            }
            _ => return None,
        })
    }

    /// Returns the key in `body`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Form => "form",
            Self::Multipart => "multipart",
            Self::Xml => "xml",
            Self::Text => "text",
            Self::File => "file",
        }
    }
}

/// Takes the best of several media types.
pub(crate) fn best<'m>(media: &[&'m str]) -> Option<(Kind, &'m str)> {
    [Kind::Json, Kind::Form, Kind::Multipart, Kind::Xml, Kind::Text, Kind::File]
        .into_iter()
        .find_map(|kind| media.iter().find(|it| Kind::of(it) == Some(kind)).map(|it| (kind, *it)))
}
