//! Encodings, hashes and signatures.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::{KeyInit, Mac};
use minijinja::value::{Kwargs, Value as Jinja};
use minijinja::{Environment, Error};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Digest;

use super::{both, text_of, wrong};
use crate::bridge::{from_jinja, to_jinja};
use crate::value::Value;

/// What RFC 3986 §2.3 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn register(env: &mut Environment<'static>) {
    both(env, "base64", |value: Jinja, kwargs: Kwargs| -> Result<String, Error> {
        let urlsafe: Option<bool> = kwargs.get("urlsafe")?;
        kwargs.assert_all_used()?;
        let text = text_of(&value, "base64")?;
        Ok(if urlsafe == Some(true) { URL_SAFE_NO_PAD.encode(text) } else { STANDARD.encode(text) })
    });
    both(env, "base64_decode", |value: Jinja| -> Result<String, Error> {
        let text = text_of(&value, "base64_decode")?;
        let bytes = STANDARD
            .decode(text.trim())
            .or_else(|_| URL_SAFE.decode(text.trim()))
            .or_else(|_| URL_SAFE_NO_PAD.decode(text.trim()))
            .map_err(|_| wrong("`base64_decode` got a text that is not base64"))?;
        String::from_utf8(bytes).map_err(|_| wrong("`base64_decode` gave bytes that are no text"))
    });
    both(env, "urlencode", |value: Jinja| -> Result<String, Error> { urlencode(&from_jinja(&value)?) });
    both(env, "tojson", |value: Jinja| -> Result<String, Error> { Ok(from_jinja(&value)?.to_json()) });
    both(env, "fromjson", |value: Jinja| -> Result<Jinja, Error> {
        let text = text_of(&value, "fromjson")?;
        let value = Value::from_json(&text)
            .map_err(|error| wrong(format!("`fromjson` got a text that is not JSON: {error}")))?;
        Ok(to_jinja(&value))
    });
    both(env, "hash", |value: Jinja, algorithm: Option<String>, kwargs: Kwargs| -> Result<String, Error> {
        let algorithm = algorithm.or(kwargs.get("algorithm")?).unwrap_or_else(|| "sha256".to_owned());
        let encoding: Option<String> = kwargs.get("encoding")?;
        kwargs.assert_all_used()?;
        written(&digest(&algorithm, text_of(&value, "hash")?.as_bytes())?, encoding.as_deref(), "hash")
    });
    both(
        env,
        "hmac",
        |value: Jinja, key: String, algorithm: Option<String>, kwargs: Kwargs| -> Result<String, Error> {
            let algorithm = algorithm.or(kwargs.get("algorithm")?).unwrap_or_else(|| "sha256".to_owned());
            let encoding: Option<String> = kwargs.get("encoding")?;
            kwargs.assert_all_used()?;
            let bytes = sign(&algorithm, key.as_bytes(), text_of(&value, "hmac")?.as_bytes())?;
            written(&bytes, encoding.as_deref(), "hmac")
        },
    );
}

fn urlencode(value: &Value) -> Result<String, Error> {
    match value {
        Value::Object(members) => {
            let mut out = String::new();
            for (name, value) in members.iter() {
                let Some(text) = value.text() else {
                    return Err(wrong(format!("`urlencode` cannot encode {}", value.a_kind())));
                };
                if !out.is_empty() {
                    out.push('&');
                }
                // Writing to a string cannot fail.
                _ = write!(out, "{}={}", utf8_percent_encode(name, UNRESERVED), utf8_percent_encode(&text, UNRESERVED));
            }
            Ok(out)
        }
        other => match other.text() {
            Some(text) => Ok(utf8_percent_encode(&text, UNRESERVED).to_string()),
            None => Err(wrong(format!("`urlencode` cannot encode {}", other.a_kind()))),
        },
    }
}

/// Writes bytes as a text.
fn written(bytes: &[u8], encoding: Option<&str>, name: &str) -> Result<String, Error> {
    match encoding {
        None | Some("hex") => Ok(hex(bytes)),
        Some("base64") => Ok(STANDARD.encode(bytes)),
        Some(other) => Err(wrong(format!("`{name}` knows no encoding `{other}`; there are hex and base64"))),
    }
}

fn digest(algorithm: &str, data: &[u8]) -> Result<Vec<u8>, Error> {
    Ok(match algorithm {
        "md5" => md5::Md5::digest(data).to_vec(),
        "sha1" => sha1::Sha1::digest(data).to_vec(),
        "sha256" => sha2::Sha256::digest(data).to_vec(),
        "sha384" => sha2::Sha384::digest(data).to_vec(),
        "sha512" => sha2::Sha512::digest(data).to_vec(),
        other => return Err(unknown(other)),
    })
}

fn sign(algorithm: &str, key: &[u8], data: &[u8]) -> Result<Vec<u8>, Error> {
    fn with<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Result<Vec<u8>, Error> {
        let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|_| wrong("`hmac` cannot use this key"))?;
        mac.update(data);
        Ok(mac.finalize().into_bytes().to_vec())
    }
    match algorithm {
        "md5" => with::<hmac::Hmac<md5::Md5>>(key, data),
        "sha1" => with::<hmac::Hmac<sha1::Sha1>>(key, data),
        "sha256" => with::<hmac::Hmac<sha2::Sha256>>(key, data),
        "sha384" => with::<hmac::Hmac<sha2::Sha384>>(key, data),
        "sha512" => with::<hmac::Hmac<sha2::Sha512>>(key, data),
        other => Err(unknown(other)),
    }
}

fn unknown(algorithm: &str) -> Error {
    wrong(format!("there is no algorithm `{algorithm}`; there are md5, sha1, sha256, sha384 and sha512"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string cannot fail.
        _ = write!(out, "{byte:02x}");
        out
    })
}
