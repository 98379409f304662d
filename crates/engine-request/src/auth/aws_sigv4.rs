//! A signature as AWS asks for, version 4.

mod canonical;
#[cfg(test)]
mod suite;

use engine_expr::{EvalError, Scope, Secret, Template, Value};
use engine_source::Span;
use http::header::HOST;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::canonical::{Canonical, Unsigned};
use super::crypto::hex;
use super::{Authenticate, Held, proof};
use crate::{Draft, HashAlgorithm, Method, Payload, Prepared};

/// Signs every request as AWS asks for, version 4.
///
/// The rules of `s3` hold for the services whose name begins so: paths are not encoded once more, and a body that is read from a
/// file while it is sent is left out of the signature.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "aws_sigv4 auth", deny_unknown_fields)]
#[schemars(rename = "AwsSigV4Auth")]
pub struct AwsSigV4Auth {
    /// The access key id.
    pub access_key: Template,
    /// The secret access key.
    pub secret_key: Template,
    /// The token of a temporary session; none if it is empty.
    pub session_token: Option<Template>,
    /// The region, such as `eu-central-1`.
    pub region: Template,
    /// The service, such as `s3`.
    pub service: Template,
    /// Where the signature is sent; `header` if not given.
    #[serde(rename = "in")]
    pub place: Option<SignatureHome>,
    /// The methods that it is applied to, such as `[POST]`; all if not given.
    pub methods: Option<Vec<Method>>,
}

/// Where an AWS signature is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "place of the signature", rename_all = "snake_case")]
#[schemars(rename = "SignatureHome")]
pub enum SignatureHome {
    /// In the `Authorization` header.
    #[default]
    Header,
    /// In the query, as in presigned URLs.
    Query,
}

/// How long a request that is signed in its query may be sent.
const EXPIRES: u32 = 900;
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What stands for the hash of a body that is not signed.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

impl Authenticate for AwsSigV4Auth {
    fn apply(&self, _draft: &mut Draft, _scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        Ok(())
    }

    fn sign(&self, request: &mut Prepared, scope: &Scope, _held: &Held) -> Result<(), EvalError> {
        let span = self.access_key.span();
        let Some(host) = scope.host() else { return Err(EvalError::new("there is no clock here", span)) };
        let secret_key = proof(&self.secret_key, "secret key", scope)?;
        request.hide(&secret_key);
        let token = self.session_token.as_ref().map(|token| token.render_optional(scope)).transpose()?.flatten();
        let token = token.and_then(|token| token.text().map(std::borrow::Cow::into_owned));
        let service = proof(&self.service, "service", scope)?;
        let signer = Signer {
            access_key: proof(&self.access_key, "access key", scope)?,
            secret_key,
            token: token.filter(|token| !token.is_empty()),
            region: proof(&self.region, "region", scope)?,
            is_storage: service.starts_with("s3"),
            service,
            moment: Moment::of(host.now()),
        };
        let payload = signer.payload(&request.body, self.place.unwrap_or_default(), self.service.span())?;
        match self.place.unwrap_or_default() {
            SignatureHome::Header => signer.sign_headers(request, &payload, span),
            SignatureHome::Query => signer.sign_query(request, &payload, span),
        }
    }
}

/// When something is signed, as AWS writes it.
struct Moment {
    day: String,
    time: String,
}

impl Moment {
    fn of(now: Timestamp) -> Self {
        Self { day: now.strftime("%Y%m%d").to_string(), time: now.strftime("%Y%m%dT%H%M%SZ").to_string() }
    }
}

/// Who signs, for what, and when.
struct Signer {
    access_key: String,
    secret_key: String,
    token: Option<String>,
    region: String,
    service: String,
    is_storage: bool,
    moment: Moment,
}

impl Signer {
    /// Returns what stands for the body: its hash, where that is known or asked for.
    fn payload(&self, body: &Payload, home: SignatureHome, span: Span) -> Result<String, EvalError> {
        match body.as_bytes() {
            _ if self.is_storage && home == SignatureHome::Query => Ok(UNSIGNED.to_owned()),
            Some(bytes) => Ok(hex(&HashAlgorithm::Sha256.digest(&bytes))),
            None if self.is_storage => Ok(UNSIGNED.to_owned()),
            None => {
                let error = EvalError::new("a body that is read from a file while it is sent can't be signed", span);
                Err(error.help("send it as `text` or `json`; only `s3` takes a body that is not signed"))
            }
        }
    }

    fn sign_headers(&self, request: &mut Prepared, payload: &str, span: Span) -> Result<(), EvalError> {
        request.put_header("X-Amz-Date", &self.moment.time.as_str().into(), span)?;
        if self.is_storage {
            request.put_header("X-Amz-Content-Sha256", &payload.into(), span)?;
        }
        if let Some(token) = &self.token {
            request.put_header("X-Amz-Security-Token", &Value::Secret(Secret::new(token.as_str())), span)?;
        }
        let headers = headers_of(request);
        let canonical = self.canonical(request, &headers, payload);
        let authorization = format!(
            "{ALGORITHM} Credential={}, SignedHeaders={}, Signature={}",
            self.credential(),
            canonical.signed_headers,
            self.signature(&canonical)
        );
        request.put_header("Authorization", &Value::Secret(Secret::new(authorization)), span)
    }

    fn sign_query(&self, request: &mut Prepared, payload: &str, span: Span) -> Result<(), EvalError> {
        let headers = headers_of(request);
        let signed_headers = canonical::signed_headers(&headers);
        let expires = EXPIRES.to_string();
        // A link or a redirect may say an older signature back; all else that is of it is replaced.
        request.put_query("X-Amz-Signature", &Value::Null, span)?;
        for (name, value) in [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &self.credential()),
            ("X-Amz-Date", &self.moment.time),
            ("X-Amz-Expires", &expires),
            ("X-Amz-SignedHeaders", &signed_headers),
        ] {
            request.put_query(name, &value.into(), span)?;
        }
        if let Some(token) = &self.token {
            request.put_query("X-Amz-Security-Token", &Value::Secret(Secret::new(token.as_str())), span)?;
        }
        let signature = self.signature(&self.canonical(request, &headers, payload));
        request.put_query("X-Amz-Signature", &Value::Secret(Secret::new(signature)), span)
    }

    fn canonical(&self, request: &Prepared, headers: &[(String, String)], payload: &str) -> Canonical {
        let unsigned = Unsigned {
            method: request.method.as_str(),
            path: request.url.path(),
            query: request.url.query().unwrap_or_default(),
            headers,
            payload,
        };
        if self.is_storage { unsigned.canonical(false, false) } else { unsigned.canonical(true, true) }
    }

    /// Says who signs, and for what.
    fn credential(&self) -> String {
        format!("{}/{}", self.access_key, self.reach())
    }

    /// Says what the signature is for: a day, a region and a service.
    fn reach(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.moment.day, self.region, self.service)
    }

    /// Writes what is signed in the end.
    fn text(&self, canonical: &Canonical) -> String {
        let hash = hex(&HashAlgorithm::Sha256.digest(canonical.text.as_bytes()));
        format!("{ALGORITHM}\n{}\n{}\n{hash}", self.moment.time, self.reach())
    }

    fn signature(&self, canonical: &Canonical) -> String {
        let first = format!("AWS4{}", self.secret_key).into_bytes();
        let parts = [self.moment.day.as_str(), &self.region, &self.service, "aws4_request", &self.text(canonical)];
        hex(&parts.iter().fold(first, |key, part| HashAlgorithm::Sha256.mac(&key, part.as_bytes())))
    }
}

/// Returns the headers that are signed, as they are sent: names in small letters, each value by itself, and the host.
fn headers_of(request: &Prepared) -> Vec<(String, String)> {
    let sent = request.headers.iter();
    let mut headers: Vec<_> = sent
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    if !request.headers.contains_key(HOST) {
        headers.push(("host".to_owned(), super::host_of(&request.url)));
    }
    headers
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]

    use crate::Payload;
    use crate::auth::tests::{request, scope_at, sign};
    use crate::payload::Piece;

    const SECRETS: &[(&str, &str)] =
        &[("key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), ("token", "t0ken/+="), ("none", "")];

    fn yaml(more: &str) -> String {
        format!(
            "{{type: aws_sigv4, access_key: AKIAIOSFODNN7EXAMPLE, secret_key: '{{{{ secrets.key }}}}', region: us-east-1, {more}}}"
        )
    }

    fn header(request: &crate::Prepared, name: &str) -> String {
        request.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// The examples of "Signature Calculations for the Authorization Header" in the reference of S3.
    #[test]
    fn signs_for_s3_as_its_reference_does() {
        let scope = scope_at("2013-05-24T00:00:00Z", SECRETS);
        let host = "https://examplebucket.s3.amazonaws.com";
        for (line, headers, body, expected) in [
            (
                format!("GET {host}/test.txt"),
                "{Range: bytes=0-9}",
                "",
                "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                format!("PUT {host}/test$file.text"),
                "{Date: 'Fri, 24 May 2013 00:00:00 GMT', x-amz-storage-class: REDUCED_REDUNDANCY}",
                "text: Welcome to Amazon S3.",
                "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class, Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            ),
            (
                format!("GET {host}?lifecycle"),
                "",
                "",
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                format!("GET {host}/?max-keys=2&prefix=J"),
                "",
                "",
                "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let mut request = request(&line, headers, body);
            request.headers.remove("content-type");
            sign(&yaml("service: s3"), &mut request, &scope).unwrap();
            assert_eq!(
                header(&request, "authorization"),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, {expected}"
                )
            );
        }
    }

    #[test]
    fn a_session_has_a_token_and_nobody_sees_it() {
        let mut plain = request("GET https://api.test:8443/a", "", "");
        let scope = scope_at("2013-05-24T00:00:00Z", SECRETS);
        sign(&yaml("service: execute-api, session_token: '{{ secrets.token }}'"), &mut plain, &scope).unwrap();
        assert!(header(&plain, "authorization").contains("SignedHeaders=host;x-amz-date;x-amz-security-token,"));
        assert_eq!(header(&plain, "x-amz-security-token"), "t0ken/+=");
        assert!(plain.headers.get("x-amz-security-token").unwrap().is_sensitive());
        let mut presigned = request("GET https://api.test/a?b=1", "", "");
        sign(&yaml("service: execute-api, in: query, session_token: '{{ secrets.token }}'"), &mut presigned, &scope)
            .unwrap();
        assert_eq!(
            presigned.shown_url,
            "https://api.test/a?b=1&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/execute-api/aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Security-Token=***&X-Amz-Signature=***"
        );
        let mut empty = request("GET https://api.test/a", "", "");
        sign(&yaml("service: execute-api, session_token: '{{ secrets.none }}'"), &mut empty, &scope).unwrap();
        assert_eq!(header(&empty, "x-amz-security-token"), "");
    }

    #[test]
    fn a_signature_that_is_said_back_is_not_signed() {
        let scope = |now| scope_at(now, SECRETS);
        for service in
            ["service: execute-api", "service: s3", "service: execute-api, session_token: '{{ secrets.token }}'"]
        {
            let yaml = yaml(&format!("{service}, in: query"));
            let mut fresh = request("GET https://api.test/b?c=%C3%BC&d", "", "");
            sign(&yaml, &mut fresh, &scope("2013-05-24T00:10:00Z")).unwrap();
            let mut again = request("GET https://api.test/b?c=%C3%BC&d", "", "");
            sign(&yaml, &mut again, &scope("2013-05-24T00:00:00Z")).unwrap();
            let first = again.url.clone();
            sign(&yaml, &mut again, &scope("2013-05-24T00:10:00Z")).unwrap();
            assert_ne!(first, again.url);
            assert_eq!(fresh.url, again.url);
            assert_eq!(fresh.shown_url, again.shown_url);
        }
    }

    #[test]
    fn a_body_in_a_file_is_for_s3_only() {
        let file = || {
            let mut request = request("PUT https://b.s3.amazonaws.com/a", "", "");
            request.body = Payload::Pieces(vec![Piece::File { path: "a.bin".into(), length: 7 }]);
            request
        };
        let scope = scope_at("2013-05-24T00:00:00Z", SECRETS);
        let mut storage = file();
        sign(&yaml("service: s3"), &mut storage, &scope).unwrap();
        assert_eq!(header(&storage, "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
        assert_eq!(
            sign(&yaml("service: execute-api"), &mut file(), &scope).unwrap_err(),
            "a body that is read from a file while it is sent can't be signed; send it as `text` or `json`; only `s3` takes a body that is not signed"
        );
        assert_eq!(
            sign("{type: aws_sigv4, access_key: a, secret_key: '', region: r, service: s}", &mut file(), &scope)
                .unwrap_err(),
            "the secret key is empty; check the secret that it is made of"
        );
    }
}
