//! The suite that AWS publishes, as the aws-sigv4 crate ships it: found by cargo, and never compiled.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use super::canonical::{self, Canonical, Unsigned};
use super::{Moment, Signer};
use crate::HashAlgorithm;
use crate::auth::crypto::hex;
use crate::encoding;

/// One case: a request, how it is signed, and what has to come of it.
struct Case {
    folder: PathBuf,
    request: Request,
    normalize: bool,
    sign_body: bool,
    omits_token: bool,
    /// Whether the path is encoded once more; the cases that AWS added are signed without.
    encodes_twice: bool,
}

#[derive(Clone)]
struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Reads a request as it goes over the wire; a line that begins with a space goes on with the one before.
fn request(text: &str) -> Request {
    let text = text.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((text.as_str(), ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    let first = first.strip_suffix(" HTTP/1.1").unwrap_or(first);
    let (method, target) = first.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        if let Some((name, value)) = line.split_once(':').filter(|_| !line.starts_with(' ')) {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        } else {
            let (_, value) = headers.last_mut().unwrap();
            *value = format!("{value} {}", line.trim());
        }
    }
    Request { method: method.into(), path: path.into(), query: query.into(), headers, body: body.trim_end().to_owned() }
}

impl Case {
    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap().replace("\r\n", "\n").trim_end().to_owned()
    }

    fn canonical(&self, request: &Request, payload: &str) -> Canonical {
        let Request { method, path, query, headers, .. } = request;
        Unsigned { method, path, query, headers, payload }.canonical(self.encodes_twice, self.normalize)
    }

    fn check(&self, signer: &Signer) {
        let name = self.folder.display();
        let payload = hex(&HashAlgorithm::Sha256.digest(self.request.body.as_bytes()));

        let mut request = self.request.clone();
        request.headers.retain(|(name, _)| name != "x-amz-date");
        request.headers.push(("x-amz-date".into(), signer.moment.time.clone()));
        if self.sign_body {
            request.headers.push(("x-amz-content-sha256".into(), payload.clone()));
        }
        if let Some(token) = signer.token.clone().filter(|_| !self.omits_token) {
            request.headers.push(("x-amz-security-token".into(), token));
        }
        let canonical = self.canonical(&request, &payload);
        assert_eq!(canonical.text, self.file("header-canonical-request.txt"), "{name}");
        assert_eq!(signer.text(&canonical), self.file("header-string-to-sign.txt"), "{name}");
        assert_eq!(signer.signature(&canonical), self.file("header-signature.txt"), "{name}");
        self.check_authorization(signer, &canonical);

        let mut request = self.request.clone();
        let mut add = |name: &str, value: &str| {
            let start = if request.query.is_empty() { "" } else { "&" };
            request.query = format!("{}{start}{name}={}", request.query, encoding::query(value));
        };
        add("X-Amz-Algorithm", super::ALGORITHM);
        add("X-Amz-Credential", &signer.credential());
        add("X-Amz-Date", &signer.moment.time);
        add("X-Amz-Expires", "3600");
        add("X-Amz-SignedHeaders", &canonical::signed_headers(&self.request.headers));
        if let Some(token) = signer.token.clone().filter(|_| !self.omits_token) {
            add("X-Amz-Security-Token", &token);
        }
        let canonical = self.canonical(&request, &payload);
        assert_eq!(canonical.text, self.file("query-canonical-request.txt"), "{name}");
        assert_eq!(signer.text(&canonical), self.file("query-string-to-sign.txt"), "{name}");
        let signature = signer.signature(&canonical);
        assert_eq!(signature, self.file("query-signature.txt"), "{name}");
        assert!(self.file("query-signed-request.txt").contains(&format!("X-Amz-Signature={signature}")), "{name}");
    }

    /// Compares the signature with the `Authorization` header of the request that the suite signed.
    fn check_authorization(&self, signer: &Signer, canonical: &Canonical) {
        let own = format!(
            "{} Credential={}, SignedHeaders={}, Signature={}",
            super::ALGORITHM,
            signer.credential(),
            canonical.signed_headers,
            signer.signature(canonical)
        );
        let expected = request(&self.file("header-signed-request.txt"));
        let (_, expected) = expected.headers.iter().find(|(name, _)| name == "authorization").unwrap();
        assert_eq!(&own, expected, "{}", self.folder.display());
    }

    /// The two cases that are older have no context: theirs is in what they expect.
    fn check_old(&self) {
        let name = self.folder.display();
        let payload = hex(&HashAlgorithm::Sha256.digest(b""));
        let at = |time: &str, request: &Request| {
            let mut request = request.clone();
            request.headers.retain(|(name, _)| name != "x-amz-date");
            request.headers.push(("x-amz-date".into(), time.to_owned()));
            self.canonical(&request, &payload)
        };
        let expected = self.file("header-canonical-request.txt");
        let time = expected.lines().find_map(|line| line.strip_prefix("x-amz-date:")).unwrap();
        assert_eq!(at(time, &self.request).text, expected, "{name}");

        let expected = request(&self.file("header-signed-request.txt"));
        let of = |name: &str| expected.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let (authorization, time) = (of("authorization"), of("x-amz-date"));
        let credential = authorization.split_once("Credential=").unwrap().1.split_once(',').unwrap().0.to_owned();
        let [access_key, day, region, service, _] = credential.split('/').collect::<Vec<_>>().try_into().unwrap();
        let secret_key = if access_key == "AKIDEXAMPLE" {
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
        } else {
            // The key of the crate's own tests.
            "notrealrnrELgWzOk3IfjzDKtFBhDby"
        };
        let signer = Signer {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            token: None,
            region: region.into(),
            service: service.into(),
            is_storage: false,
            moment: Moment { day: day.into(), time: time.clone() },
        };
        let canonical = at(&time, &signed_part(&expected));
        if self.folder.join("header-string-to-sign.txt").exists() {
            assert_eq!(signer.text(&canonical), self.file("header-string-to-sign.txt"), "{name}");
        }
        self.check_authorization(&signer, &canonical);
    }
}

fn signed_part(signed: &Request) -> Request {
    let mut request = signed.clone();
    request.headers.retain(|(name, _)| name != "authorization");
    request
}

/// Asks cargo where it keeps the crate.
fn folder() -> PathBuf {
    let out = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--manifest-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let metadata: Json = serde_json::from_slice(&out.stdout).unwrap();
    let packages = metadata.get("packages").and_then(Json::as_array).unwrap();
    let found =
        packages.iter().find(|package| package.get("name").and_then(Json::as_str) == Some("aws-sigv4")).unwrap();
    let manifest = found.get("manifest_path").and_then(Json::as_str).unwrap();
    Path::new(manifest).parent().unwrap().join("aws-signing-test-suite/v4")
}

#[test]
fn all_40_cases_agree() {
    let mut count = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let folder = entry.unwrap().path();
        let request = request(&fs::read_to_string(folder.join("request.txt")).unwrap());
        let context = fs::read_to_string(folder.join("context.json"));
        let is_old = context.is_err();
        let context: Json = context.map_or(Json::Null, |text| serde_json::from_str(&text).unwrap());
        let flag = |name: &str| context.get(name).and_then(Json::as_bool);
        let text = |pointer: &str| context.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        let case = Case {
            folder,
            request,
            normalize: flag("normalize").unwrap_or(true),
            sign_body: flag("sign_body").unwrap_or(false),
            omits_token: flag("omit_session_token").unwrap_or(false),
            encodes_twice: is_old,
        };
        if is_old {
            case.check_old();
        } else {
            case.check(&Signer {
                access_key: text("/credentials/access_key_id").unwrap(),
                secret_key: text("/credentials/secret_access_key").unwrap(),
                token: text("/credentials/token"),
                region: text("/region").unwrap(),
                service: text("/service").unwrap(),
                is_storage: false,
                moment: Moment::of(text("/timestamp").unwrap().parse().unwrap()),
            });
        }
        count += 1;
    }
    assert_eq!(count, 40);
}
