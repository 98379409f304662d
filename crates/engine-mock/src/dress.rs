//! How a body is sent: in the encoding that the spec says, and packed as it says.

use std::io::{Cursor, Write};

use bytes::Bytes;
use engine_request::{Encoding, Format, Packing, Response, charset};

use crate::reply::Reply;

/// How the bodies of an endpoint are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dress {
    /// Nothing where UTF-8 will do.
    encoding: Option<&'static Encoding>,
    packing: Packing,
}

impl Dress {
    pub(crate) fn new(response: &Response) -> Self {
        let is_text = response.format != Some(Format::Binary);
        let encoding = response.encoding.as_deref().filter(|_| is_text).and_then(charset);
        Self {
            encoding: encoding.filter(|encoding| encoding.name() != "UTF-8"),
            packing: response.compression.unwrap_or_default(),
        }
    }

    /// Encodes and packs the body of an answer. What is no text, or packed already, is the example of somebody who saved what the API sent.
    pub(crate) fn put_on(self, mut reply: Reply) -> Reply {
        if !reply.status.is_success() {
            return reply;
        }
        if let (Some(encoding), Ok(text)) = (self.encoding, std::str::from_utf8(&reply.body)) {
            reply.body = encoded(text, encoding).into();
            reply.content_type = reply.content_type.split(';').next().unwrap_or_default();
        }
        let packed = match self.packing {
            Packing::Gzip if !reply.body.starts_with(b"\x1F\x8B") => gzip(&reply.body),
            Packing::Zip if !reply.body.starts_with(b"PK") => zip(&reply.body),
            Packing::Auto | Packing::None | Packing::Gzip | Packing::Zip => return reply,
        };
        // Writing to memory does not fail; if it does, the body goes as it is.
        if let Ok(packed) = packed {
            reply.body = Bytes::from(packed);
        }
        reply
    }
}

fn encoded(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    match encoding.name() {
        "UTF-16LE" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "UTF-16BE" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => encoding.encode(text).0.into_owned(),
    }
}

fn gzip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(body)?;
    encoder.finish()
}

fn zip(body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("example", zip::write::SimpleFileOptions::default())?;
    writer.write_all(body)?;
    Ok(writer.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn encodes_and_packs_as_the_spec_says() {
        let dressed = |encoding: Option<&'static str>, packing: Packing, body: &'static [u8]| {
            let dress = Dress { encoding: encoding.and_then(charset), packing };
            dress.put_on(Reply::new(StatusCode::OK, "text/csv; charset=utf-8", body))
        };
        let latin = dressed(Some("iso-8859-1"), Packing::Auto, "café".as_bytes());
        assert_eq!((latin.content_type, &latin.body[..]), ("text/csv", &b"caf\xE9"[..]));
        assert_eq!(&dressed(Some("utf-16"), Packing::Auto, b"ab").body[..], b"a\0b\0");
        assert!(dressed(None, Packing::Gzip, b"a").body.starts_with(b"\x1F\x8B"));
        assert!(dressed(None, Packing::Zip, b"a").body.starts_with(b"PK\x03\x04"));
        let saved = dressed(Some("iso-8859-1"), Packing::Gzip, b"\x1F\x8B\x08\xFF");
        assert_eq!(&saved.body[..], b"\x1F\x8B\x08\xFF");
        let refused = Reply::failure(StatusCode::NOT_IMPLEMENTED, "x".to_owned(), Vec::new());
        assert!(Dress { encoding: None, packing: Packing::Gzip }.put_on(refused).body.starts_with(b"{"));
        _ = Dress::new(&Response::default());
    }
}
