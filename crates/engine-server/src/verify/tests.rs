//! What vendors and standards publish as examples, and what has to be refused.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine_expr::{Host, Scope, Secret, Value};
use engine_request::auth::JwkSet;
use engine_source::{Findings, Sources, Tree};
use engine_spec::Verify;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::{Delivery, Unsigned, Verifier};

struct Clock(Timestamp);

impl Host for Clock {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn random(&self) -> u64 {
        7
    }
}

fn scope(now: i64, secret: &str) -> Scope {
    let secrets = [("hook", secret), ("old", "0ld")].map(|(name, text)| (name, Value::Secret(Secret::new(text))));
    Scope::new(Arc::new(Clock(Timestamp::from_second(now).unwrap()))).with("secrets", Value::object(secrets))
}

fn verifier(yaml: &str, now: i64, secret: &str) -> Result<Verifier, String> {
    let mut sources = Sources::new();
    let mut findings = Findings::new();
    let id = sources.add("verify", yaml);
    let tree = Tree::parse(&sources, id, &mut findings).unwrap();
    let spec: Verify = engine_spec::read(&tree.root, &mut findings).unwrap();
    assert!(!findings.has_errors(), "{findings:?}");
    Verifier::new(&spec, &scope(now, secret)).map_err(|error| error.message)
}

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in list.iter().map(pair) {
        map.append(name, value);
    }
    map
}

/// Returns what a trigger sees of an event, with its headers in the letters in which they were sent.
fn event(list: &[(&str, &str)], query: &[(String, String)], body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body).into_owned();
    Value::object([
        ("headers", Value::object(list.iter().map(|(name, value)| (*name, Value::from(*value))))),
        ("query", Value::object(query.iter().map(|(name, value)| (name.as_str(), Value::from(value.as_str()))))),
        ("body", Value::from_json(&text).unwrap_or_default()),
        ("body_raw", Value::from(text)),
    ])
}

struct Sent<'a> {
    headers: &'a [(&'a str, &'a str)],
    query: &'a [(&'a str, &'a str)],
    body: &'a str,
    now: i64,
}

fn outcome(verifier: &Verifier, sent: &Sent<'_>, published: Option<&JwkSet>) -> String {
    let map = headers(sent.headers);
    let query: Vec<_> = sent.query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let delivery = Delivery {
        headers: &map,
        query: &query,
        body: sent.body.as_bytes(),
        now: Timestamp::from_second(sent.now).unwrap(),
        event: &|| event(sent.headers, &query, sent.body.as_bytes()),
    };
    verifier.check(&delivery, published).map_or_else(|refusal| refusal.to_string(), |()| "taken".to_owned())
}

fn check(yaml: &str, secret: &str, list: &[(&str, &str)], body: &str, now: i64, expected: &str) {
    let verifier = verifier(yaml, now, secret).unwrap();
    assert_eq!(outcome(&verifier, &Sent { headers: list, query: &[], body, now }, None), expected, "{yaml}: {list:?}");
}

const STANDARD: &str = "{type: standard_webhooks, secret: '{{ secrets.hook }}'}";
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STANDARD_BODY: &str = r#"{"test": 2432232314}"#;

#[test]
fn the_example_of_standard_webhooks_holds() {
    let sent = |signature: &'static str| {
        [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", signature),
        ]
    };
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    let check =
        |list: &[(&str, &str)], body, now, expected| check(STANDARD, STANDARD_SECRET, list, body, now, expected);
    check(&sent(signature), STANDARD_BODY, 1_614_265_330, "taken");
    check(&sent(signature), STANDARD_BODY, 1_614_265_630, "taken");
    check(
        &sent("v1,AAAA v1a,x v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        STANDARD_BODY,
        1_614_265_330,
        "taken",
    );
    let old = "the header `webhook-timestamp` is 301 s old, and 300 s are allowed";
    check(&sent(signature), STANDARD_BODY, 1_614_265_631, old);
    let ahead = "the header `webhook-timestamp` is 301 s ahead, and 300 s are allowed";
    check(&sent(signature), STANDARD_BODY, 1_614_265_029, ahead);
    let other = "the header `webhook-signature` has no signature that fits the event and the secret";
    check(&sent(signature), r#"{"test": 2432232315}"#, 1_614_265_330, other);
    check(&sent("v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), STANDARD_BODY, 1_614_265_330, other);
    check(&sent("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), STANDARD_BODY, 1_614_265_330, other);
    let svix =
        [("svix-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"), ("svix-timestamp", "1614265330"), ("svix-signature", signature)];
    check(&svix, STANDARD_BODY, 1_614_265_330, "taken");
    check(&sent(signature)[1..], STANDARD_BODY, 1_614_265_330, "the header `webhook-id` is missing");
    check(&sent(signature)[..2], STANDARD_BODY, 1_614_265_330, "the header `webhook-signature` is missing");
    let twice = [sent(signature).as_slice(), &[("Webhook-Id", "other")]].concat();
    check(&twice, STANDARD_BODY, 1_614_265_330, "the header `webhook-id` is there more than once");
}

/// The key of RFC 8032 §7.1, test 1.
const ED25519_PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

#[test]
fn standard_webhooks_with_a_public_key_hold() {
    // What node signs with the private key of RFC 8032: `crypto.sign(null, "msg_1.1614265330." + body, key)`.
    let signature = "v1a,9R51FvFauxjqIc6hSozSE339O2Fke3xc0nsxhGiPk/kZfMkkMQOlUEgS+zteZmB8WjIzSChY1/lZ0uvG/8M4Dg==";
    let list = [("webhook-id", "msg_1"), ("webhook-timestamp", "1614265330"), ("webhook-signature", signature)];
    let secret = format!("whpk_{ED25519_PUBLIC}");
    check(STANDARD, &secret, &list, STANDARD_BODY, 1_614_265_330, "taken");
    let other = "the header `webhook-signature` has no signature that fits the event and the secret";
    check(STANDARD, &secret, &list, "{}", 1_614_265_330, other);
    // What names itself a shared signature is never held against a public key, and the other way round.
    let mixed = signature.replace("v1a,", "v1,");
    let list = [("webhook-id", "msg_1"), ("webhook-timestamp", "1614265330"), ("webhook-signature", &mixed)];
    check(STANDARD, &secret, &list, STANDARD_BODY, 1_614_265_330, other);
    assert_eq!(verifier(STANDARD, 0, "whsk_abcd").unwrap_err(), "the key is the private one of the sender");
}

#[test]
fn the_example_of_github_holds() {
    let yaml = "{type: github, secret: '{{ secrets.hook }}'}";
    let secret = "It's a Secret to Everybody";
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let check = |signature: &str, body: &str, expected: &str| {
        check(yaml, secret, &[("X-Hub-Signature-256", signature)], body, 0, expected);
    };
    check(good, "Hello, World!", "taken");
    let other = "the header `x-hub-signature-256` does not fit the body and the secret";
    check(good, "Hello, World", other);
    check(&good.to_ascii_uppercase(), "Hello, World!", other);
    check(good.strip_prefix("sha256=").unwrap(), "Hello, World!", other);
    check(good.get(..good.len() - 1).unwrap(), "Hello, World!", other);
    check("", "Hello, World!", other);
}

#[test]
fn the_example_of_slack_holds() {
    let yaml = "{type: slack, secret: '{{ secrets.hook }}'}";
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    let list = [("X-Slack-Signature", signature), ("X-Slack-Request-Timestamp", "1531420618")];
    check(yaml, secret, &list, body, 1_531_420_618, "taken");
    let old = "the header `x-slack-request-timestamp` is 600 s old, and 300 s are allowed";
    check(yaml, secret, &list, body, 1_531_421_218, old);
    check("{type: slack, secret: '{{ secrets.hook }}', tolerance: 1h}", secret, &list, body, 1_531_421_218, "taken");
    let newer = [("X-Slack-Signature", signature), ("X-Slack-Request-Timestamp", "1531421218")];
    let other = "the header `x-slack-signature` does not fit the body, the time and the secret";
    check(yaml, secret, &newer, body, 1_531_421_218, other);
    let missing = "the header `x-slack-request-timestamp` is missing";
    check(yaml, secret, &list[..1], body, 1_531_420_618, missing);
}

#[test]
fn stripe_holds_as_its_documentation_says() {
    let yaml = "{type: stripe, secret: ['{{ secrets.hook }}', '{{ secrets.old }}']}";
    let now = 1_492_774_577;
    let mut unsigned = Unsigned {
        id: "evt_1".to_owned(),
        now: Timestamp::from_second(now).unwrap(),
        headers: Vec::new(),
        query: Vec::new(),
        body: b"{}".to_vec(),
        event: Value::Null,
    };
    // What openssl makes of it: `printf '1492774577.{}' | openssl dgst -sha256 -hmac whsec_test`.
    let good = "t=1492774577,v1=0d0602f6611bd2252dd4b74b58a4528355a7380639a15e6cc21e3059d56d5b8b";
    verifier(yaml, now, "whsec_test").unwrap().sign(&mut unsigned).unwrap();
    assert_eq!(unsigned.headers, [("Stripe-Signature".to_owned(), good.to_owned())]);
    let check = |value: &str, body: &str, now: i64, expected: &str| {
        check(yaml, "whsec_test", &[("Stripe-Signature", value)], body, now, expected);
    };
    check(good, "{}", now, "taken");
    check(&format!("{good},v0=abc,v1=abc"), "{}", now, "taken");
    let other = "the header `stripe-signature` has no signature that fits the body and the secret";
    check(good, "{ }", now, other);
    check(&good.replace("v1=", "v0="), "{}", now, "the header `stripe-signature` has no signature of version 1");
    check(&good.replace("t=", "x="), "{}", now, "the header `stripe-signature` has no time, or more than one");
    check(&format!("t=1,{good}"), "{}", now, "the header `stripe-signature` has no time, or more than one");
    check(good, "{}", now + 301, "the time in the header `stripe-signature` is 301 s old, and 300 s are allowed");
}

#[test]
fn what_is_signed_here_is_taken_and_nothing_else() {
    let now = 1_700_000_000;
    for (yaml, secret) in [
        ("{type: stripe, secret: '{{ secrets.hook }}'}", "whsec_1"),
        ("{type: github, secret: '{{ secrets.hook }}'}", "s3cret"),
        ("{type: slack, secret: '{{ secrets.hook }}'}", "s3cret"),
        ("{type: shopify, secret: '{{ secrets.hook }}'}", "s3cret"),
        (STANDARD, STANDARD_SECRET),
        ("{type: bearer, secret: '{{ secrets.hook }}'}", "t0ken"),
        ("{type: bearer, secret: '{{ secrets.hook }}', in: header.X-Gitlab-Token}", "t0ken"),
        ("{type: basic, secret: '{{ secrets.hook }}'}", "me:pass:word"),
        ("{type: hmac, secret: '{{ secrets.hook }}', in: header.X-Sig}", "s3cret"),
        (
            "{type: hmac, secret: '{{ secrets.hook }}', in: query.sig, algorithm: sha1, format: '{signature:base64}'}",
            "s",
        ),
        (
            "{type: hmac, secret: '{{ secrets.hook }}', in: header.X-Sig, algorithm: sha512, key_encoding: hex, format: '{signature:base64url}'}",
            "00ff10",
        ),
        (
            "{type: hmac, secret: '{{ secrets.hook }}', in: header.X-Sig, algorithm: sha384, key_encoding: base64, signed: '{{ ts }}.{{ trigger.body_raw }}', format: 't={ts},v1={signature}'}",
            "whsec_c2VjcmV0",
        ),
        (
            "{type: hmac, secret: '{{ secrets.hook }}', in: header.X-Sig, signed: \"{{ trigger.headers['X-Ts'] }}.{{ trigger.body_raw }}\", format: 't={ts},v1={signature:hex}'}",
            "s3cret",
        ),
        (
            "{type: hmac, secret: '{{ secrets.hook }}', in: header.X-Sig, signed: 'v0:{{ ts }}:{{ trigger.body_raw }}', timestamp: header.X-Ts, format: 'v0={signature}'}",
            "s3cret",
        ),
        // A key that is derived from the secret.
        (
            "{type: hmac, secret: \"{{ secrets.hook | hash('sha256') }}\", key_encoding: hex, in: header.X-Sig}",
            "s3cret",
        ),
        (
            "{type: jwt, algorithms: [HS256, HS512], key: '{{ secrets.hook }}', issuer: me, audience: [you, them], in: header.X-Token, body_hash: h}",
            "s3cret",
        ),
        ("{type: jwt, algorithms: HS384, key: '{{ secrets.hook }}'}", "s3cret"),
    ] {
        let known = verifier(yaml, now, secret).unwrap();
        let body = r#"{"id": 1}"#;
        let mut unsigned = Unsigned {
            id: "msg_1".to_owned(),
            now: Timestamp::from_second(now).unwrap(),
            headers: Vec::new(),
            query: Vec::new(),
            body: body.as_bytes().to_vec(),
            event: event(&[], &[], body.as_bytes()),
        };
        known.sign(&mut unsigned).unwrap();
        let list: Vec<(&str, &str)> = unsigned.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let query: Vec<(&str, &str)> = unsigned.query.iter().map(|(name, value)| (&**name, &**value)).collect();
        let sent = Sent { headers: &list, query: &query, body, now };
        assert_eq!(outcome(&known, &sent, None), "taken", "{yaml}: {list:?} {query:?}");
        let other = verifier(yaml, now, "MDAw").unwrap_or_else(|_| verifier(yaml, now, "000000").unwrap());
        assert_ne!(outcome(&other, &sent, None), "taken", "another secret: {yaml}");
        assert_ne!(outcome(&known, &Sent { headers: &[], query: &[], ..sent }, None), "taken", "no headers: {yaml}");
        let is_token = ["bearer", "basic", "HS384"].iter().any(|kind| yaml.contains(kind));
        if !is_token {
            let sent = Sent { body: r#"{"id": 2}"#, headers: &list, query: &query, now };
            assert_ne!(outcome(&known, &sent, None), "taken", "another body: {yaml}");
        }
        if list.iter().any(|(_, value)| value.contains("1700000000")) || yaml.contains("jwt") {
            let later = Sent { now: now + 1000, headers: &list, query: &query, body };
            assert_ne!(outcome(&known, &later, None), "taken", "later: {yaml}");
        }
        // What GitHub and Shopify say beside their signatures is not signed.
        let unsigned = ["X-GitHub-Delivery", "X-GitHub-Event", "X-Shopify-Webhook-Id", "X-Shopify-Topic"];
        let is_signed = |name: &str| !unsigned.contains(&name);
        for (index, (name, value)) in list.iter().enumerate().filter(|(_, (name, _))| is_signed(name)) {
            for at in 0..value.len() {
                // A bit of each byte in turn: nothing of what is sent may be another.
                let mut bytes = value.as_bytes().to_vec();
                bytes[at] ^= 1;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                if HeaderValue::from_str(&changed).is_err() {
                    continue;
                }
                let mut list = list.clone();
                list[index] = (name, &changed);
                let sent = Sent { headers: &list, query: &query, body, now };
                assert_ne!(outcome(&known, &sent, None), "taken", "{yaml}: {name}: {changed}");
            }
        }
    }
}

#[test]
fn a_time_that_is_not_signed_is_refused() {
    let yaml = "{type: hmac, secret: '{{ secrets.hook }}', in: header.X-Sig, signed: \"{{ trigger.headers['X-Ts'] }}.{{ trigger.body_raw }}\", format: 't={ts},v1={signature:hex}'}";
    let known = verifier(yaml, 0, "k").unwrap();
    let signature = super::parts::hex(&engine_request::HashAlgorithm::Sha256.mac(b"k", b"1000.{}"));
    let replayed = format!("t=9000,v1={signature}");
    let list = [("X-Sig", replayed.as_str()), ("X-Ts", "1000")];
    let sent = Sent { headers: &list, query: &[], body: "{}", now: 9000 };
    assert_eq!(outcome(&known, &sent, None), "the header `x-sig` has a time that is not signed");
}

#[test]
fn a_signature_in_the_body_holds() {
    // As Mailgun signs: the time and a token, all in the body.
    let yaml = "{type: hmac, secret: '{{ secrets.hook }}', in: body.signature.signature, signed: '{{ trigger.body.signature.timestamp }}{{ trigger.body.signature.token }}', timestamp: $.signature.timestamp}";
    let signature = super::parts::hex(&engine_request::HashAlgorithm::Sha256.mac(b"k", b"1000abc"));
    let body = format!(r#"{{"signature":{{"timestamp":"1000","token":"abc","signature":"{signature}"}},"event":1}}"#);
    check(yaml, "k", &[], &body, 1000, "taken");
    check(
        yaml,
        "k",
        &[],
        &body.replace("abc\"", "abd\""),
        1000,
        "`body.signature.signature` has no signature that fits what is signed and the secret",
    );
    check(yaml, "k", &[], &body, 2000, "`$.signature.timestamp` is 1000 s old, and 300 s are allowed");
    check(yaml, "k", &[], "{}", 1000, "`body.signature.signature` is missing");
    check(yaml, "k", &[], "not json", 1000, "`body.signature.signature` is missing");
}

#[test]
fn signatures_with_a_public_key_hold() {
    // As Discord signs; the signature is made by node with the private key of RFC 8032.
    let yaml = format!(
        "{{type: signature, algorithm: ed25519, key: '{ED25519_PUBLIC}', signed: '{{{{ ts }}}}{{{{ trigger.body_raw }}}}', in: header.X-Signature-Ed25519, timestamp: header.X-Signature-Timestamp, format: '{{signature:hex}}'}}"
    );
    let signature = "6203efd25b778b87c1c4e7ec2818ff07b581e3b0acdfc38c62ebc1dff9a2f4657a581277fc091eccacf7e5886959e3ea04e3265d2f70f101760fd5f576346a03";
    let list = [("X-Signature-Ed25519", signature), ("X-Signature-Timestamp", "1614265330")];
    check(&yaml, "", &list, STANDARD_BODY, 1_614_265_330, "taken");
    let other = "the header `x-signature-ed25519` has no signature that fits what is signed and the key";
    check(&yaml, "", &list, "{}", 1_614_265_330, other);
    let moved = [("X-Signature-Ed25519", signature), ("X-Signature-Timestamp", "1614265331")];
    check(&yaml, "", &moved, STANDARD_BODY, 1_614_265_330, other);
    let error = verifier(&yaml.replace("ed25519,", "rsa_sha256,"), 0, "").unwrap_err();
    assert_eq!(error, "the key is an Ed25519 key, and for another algorithm");
}

#[test]
fn signatures_on_a_curve_hold_in_both_forms() {
    // As SendGrid signs, in DER: what node makes of `1614265330{}` with a key on P-256.
    let yaml = "{type: signature, algorithm: ecdsa_sha256, key: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEGxBuVjQ2aDvoaH9pP24nxAxN3Ix2t96LiCmR+d4hCeCn/ODjy/4Q4bVXiHz7bXHeSwYxGgIHSBhYaivizXr//A==', signed: '{{ ts }}{{ trigger.body_raw }}', in: header.X-Sig, timestamp: header.X-Ts}";
    for signature in [
        "MEUCIQCGMdW8YCo4cElG/Kpzwpfz7ZIH6+2oL+r7Ym2AKVH5CgIgOIcBjsmmnYytUkiu25t59UdBlwCye0omtGw4hIBw9ag=",
        "R7zjDzdpfIuaTqVCyhUKO8QkXF04cl7k/mQqusE5rbdbdaJx64NSp83Ffyw/mkKig9BLN1xRQbr/u4tZCHHTSA==",
    ] {
        let list = [("X-Sig", signature), ("X-Ts", "1614265330")];
        check(yaml, "", &list, "{}", 1_614_265_330, "taken");
        let other = "the header `x-sig` has no signature that fits what is signed and the key";
        check(yaml, "", &list, "{ }", 1_614_265_330, other);
    }
}

/// The token and the key of RFC 7515 §A.1.
const HS256: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const HS256_KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
/// The token and the keys of RFC 7515 §A.2 and §A.3.
const RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const ES256_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"ec"}"#;
const NOW: i64 = 1_300_819_300;

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[test]
fn the_tokens_of_rfc_7515_hold() {
    let shared = format!("{{type: jwt, algorithms: HS256, key_encoding: base64, key: {HS256_KEY}, issuer: joe}}");
    let keys =
        format!(r#"{{"keys":[{{"kty":"RSA","n":"{RSA_N}","e":"AQAB","use":"sig","alg":"RS256"}},{ES256_KEY}]}}"#);
    let keys = JwkSet::read(&keys).unwrap();
    let published = "{type: jwt, algorithms: [RS256, ES256], jwks_url: 'https://a.test/jwks', issuer: [ann, joe]}";
    for (yaml, token) in [(shared.as_str(), HS256), (published, RS256), (published, ES256)] {
        let known = verifier(yaml, NOW, "").unwrap();
        let value = bearer(token);
        let list = [("Authorization", value.as_str())];
        let check = |now: i64, expected: &str| {
            let sent = Sent { headers: &list, query: &[], body: "", now };
            assert_eq!(outcome(&known, &sent, Some(&keys)), expected, "{yaml}");
        };
        check(NOW, "taken");
        check(1_300_819_380 + 59, "taken");
        check(1_300_819_380 + 60, "the token is over");
        let other = verifier(&yaml.replace("joe", "jim"), NOW, "").unwrap();
        let sent = Sent { headers: &list, query: &[], body: "", now: NOW };
        assert_eq!(outcome(&other, &sent, Some(&keys)), "the token was made by somebody else (`iss`)");
        let other = verifier(&yaml.replace("issuer", "audience"), NOW, "").unwrap();
        assert_eq!(outcome(&other, &sent, Some(&keys)), "the token is for somebody else (`aud`)");
    }
    let known = verifier(published, NOW, "").unwrap();
    let value = bearer(RS256);
    let sent = Sent { headers: &[("Authorization", &value)], query: &[], body: "", now: NOW };
    assert_eq!(outcome(&known, &sent, None), "the keys of the sender could not be fetched");
    assert_eq!(
        outcome(&known, &sent, Some(&JwkSet::default())),
        "the token has a signature that fits none of the keys"
    );
}

#[test]
fn a_token_does_not_choose_what_it_is_verified_with() {
    let pem = r#"'{"kty":"RSA","n":"N","e":"AQAB"}'"#.replace('N', RSA_N);
    let yaml = format!("{{type: jwt, algorithms: RS256, key: {pem}}}");
    let known = verifier(&yaml, NOW, "").unwrap();
    let claims = RS256.split('.').nth(1).unwrap();
    let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let forged = |head: &str| {
        let message = format!("{}.{claims}", header(head));
        let key = format!(r#"{{"kty":"RSA","n":"{RSA_N}","e":"AQAB"}}"#);
        let mac = engine_request::HashAlgorithm::Sha256.mac(key.as_bytes(), message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac))
    };
    let signature = RS256.rsplit('.').next().unwrap();
    for (token, expected) in [
        (RS256.to_owned(), "taken"),
        (forged(r#"{"alg":"HS256"}"#), "the token is signed with an algorithm that is not allowed"),
        (
            format!("{}.{claims}.", header(r#"{"alg":"none"}"#)),
            "the token is signed with an algorithm that is not allowed",
        ),
        (
            format!("{}.{claims}.{signature}", header(r#"{"alg":"nOnE"}"#)),
            "the token is signed with an algorithm that is not allowed",
        ),
        (forged(r#"{"alg":"RS256"}"#), "the token has a signature that fits none of the keys"),
        (
            format!("{}.{claims}.{signature}", header(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#)),
            "the token asks for something that is not known here (`crit`)",
        ),
        (RS256.replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Uj"), "the token has a signature that fits none of the keys"),
        ("a.b".to_owned(), "the token is no JSON Web Token"),
        (format!("{RS256}.x"), "the token is no JSON Web Token"),
        (String::new(), "the token is no JSON Web Token"),
    ] {
        let value = bearer(&token);
        let sent = Sent { headers: &[("Authorization", &value)], query: &[], body: "", now: NOW };
        assert_eq!(outcome(&known, &sent, None), expected, "{token}");
    }
    let sent = Sent { headers: &[("Authorization", RS256)], query: &[], body: "", now: NOW };
    assert_eq!(outcome(&known, &sent, None), "the token does not stand after `Bearer`");
}

#[test]
fn a_secret_that_is_not_there_is_said() {
    let yaml = "{type: github, secret: '{{ secrets.hook }}'}";
    assert_eq!(verifier(yaml, 0, "").unwrap_err(), "the secret of the webhook is empty");
    let yaml = "{type: hmac, secret: '{{ secrets.hook }}', key_encoding: hex, in: header.X}";
    assert_eq!(verifier(yaml, 0, "xyz").unwrap_err(), "the secret is not in hex");
    assert_eq!(verifier(STANDARD, 0, "whsec_not base64!").unwrap_err(), "the secret is not in base64");
}
