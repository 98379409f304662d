//! Keys in every form, and what they sign, verified.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use p256::ecdsa::signature::Verifier;
use p256::pkcs8::EncodePrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::{Pkcs1v15Sign, Pss};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::{Curve, HostRandom, KeyError, PrivateKey, Scheme};
use crate::HashAlgorithm;
use crate::auth::tests::scope_at;

/// The key of RFC 7515 §A.2.
pub(in crate::auth) const RSA: &str = r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"}"#;
/// The key of RFC 7515 §A.3.
const P256: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
/// The key of RFC 7515 §A.4.
const P521: &str = r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2","d":"AY5pb7A0UFiB3RELSD64fTLOSV_jazdF7fLYyuTw8lOfRhWg6Y6rUrPAxerEzgdRhajnu0ferB0d53vM9mE15j2C"}"#;
/// A key on P-384: RFC 6979 §A.2.6.
const P384: &str =
    r#"{"kty":"EC","crv":"P-384","d":"a50_eu7eE9lb9bjRfpmfV74Y_XNqUHi9H6viegTbOHlYoqJCuUV_zNYqbnoC--B_"}"#;
/// The key of RFC 8037 §A.1.
pub(in crate::auth) const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// What openssl wrote: `ecparam -name prime256v1 -genkey`, and the same as PKCS #8.
const SEC1: &str = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIE8BJSbT6ZetbilGP5FEJ9h6hi9Q1qZc1cJtvUKOa6LToAoGCCqGSM49\nAwEHoUQDQgAEFkhPLJ3TTP2t3CeTHr9CNUp1IYA3DuFbFD3KqtmbXYqMWYZPcI30\n0gDLPX0lVe4+tyVpEAxB2thTc76leyj5rg==\n-----END EC PRIVATE KEY-----";
const PKCS8: &str = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgTwElJtPpl61uKUY/\nkUQn2HqGL1DWplzVwm29Qo5rotOhRANCAAQWSE8sndNM/a3cJ5Mev0I1SnUhgDcO\n4VsUPcqq2ZtdioxZhk9wjfTSAMs9fSVV7j63JWkQDEHa2FNzvqV7KPmu\n-----END PRIVATE KEY-----";
const ED25519_PKCS8: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKYiVKkjBj+vJttYsCs8RrKOIeA8hyKnveYxuLVyEoAN\n-----END PRIVATE KEY-----";
const OTHER_CURVE: &str = "-----BEGIN EC PRIVATE KEY-----\nMHQCAQEEIBQfWJa/p7DDpuRWsr+XaDTIB7RlAdPbWBZxjEQXDCIpoAcGBSuBBAAK\noUQDQgAEvxzKRw7hzXYpBg4jWApaduNlCpzjYpPqNMMgrWl5rPTQHDDdcF31JW0D\n/FWr8AP66HL5lCPtjOLyQFo+FncC4Q==\n-----END EC PRIVATE KEY-----";
const ENCRYPTED: &str = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,95FA896E67763CA8C7E6387025173A29\n\n+1Y4+1Y/QKj+mMLxI8E+B5Gnv8uOsRO90/WaRbDqd02Ru+OM7ovypN3WjI2qDRUd\n3Ry3T0Sjk1fFBpDbwcREVzsEAYlG3Caoz2CZ+DzNofexSBi2C1DlbPI7Me9WKpUq\niv/GzeBUaqn7mHtLOg/NmLrUqAIJbwlM4pxH96z1bj8=\n-----END EC PRIVATE KEY-----";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFkhPLJ3TTP2t3CeTHr9CNUp1IYA3\nDuFbFD3KqtmbXYqMWYZPcI300gDLPX0lVe4+tyVpEAxB2thTc76leyj5rg==\n-----END PUBLIC KEY-----";

fn key(text: &str) -> PrivateKey {
    PrivateKey::read(text).unwrap_or_else(|error| panic!("{error}"))
}

fn problem(text: &str) -> KeyError {
    PrivateKey::read(text).err().unwrap()
}

fn sign(key: &PrivateKey, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, KeyError> {
    let scope = scope_at("2025-03-01T10:00:00Z", &[]);
    key.sign(scheme, "it", message, &mut HostRandom::of(&scope).unwrap())
}

/// Verifies as the other side does, which knows only what belongs to the key in public.
fn holds(key: &PrivateKey, scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
    match (key, scheme) {
        (PrivateKey::Rsa(key), Scheme::Pkcs1(hash)) => {
            let (public, hashed) = (key.to_public_key(), hash.digest(message));
            match hash {
                HashAlgorithm::Sha1 => public.verify(Pkcs1v15Sign::new::<Sha1>(), &hashed, signature),
                HashAlgorithm::Sha256 => public.verify(Pkcs1v15Sign::new::<Sha256>(), &hashed, signature),
                HashAlgorithm::Sha384 => public.verify(Pkcs1v15Sign::new::<Sha384>(), &hashed, signature),
                _ => public.verify(Pkcs1v15Sign::new::<Sha512>(), &hashed, signature),
            }
            .is_ok()
        }
        (PrivateKey::Rsa(key), Scheme::Pss(hash)) => {
            let (public, hashed) = (key.to_public_key(), hash.digest(message));
            match hash {
                HashAlgorithm::Sha256 => public.verify(Pss::<Sha256>::new(), &hashed, signature),
                HashAlgorithm::Sha384 => public.verify(Pss::<Sha384>::new(), &hashed, signature),
                _ => public.verify(Pss::<Sha512>::new(), &hashed, signature),
            }
            .is_ok()
        }
        (PrivateKey::P256(key), _) => p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verifying_key().verify(message, &signature).is_ok()),
        (PrivateKey::P384(key), _) => p384::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verifying_key().verify(message, &signature).is_ok()),
        (PrivateKey::P521(key), _) => p521::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verifying_key().verify(message, &signature).is_ok()),
        (PrivateKey::Ed25519(key), _) => {
            let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
            key.verifying_key().verify_strict(message, &signature).is_ok()
        }
        _ => false,
    }
}

#[test]
fn what_is_signed_holds_and_nothing_else() {
    use HashAlgorithm::{Sha1, Sha256, Sha384, Sha512};
    for (text, schemes) in [
        (RSA, &[Scheme::Pkcs1(Sha1), Scheme::Pkcs1(Sha256), Scheme::Pkcs1(Sha384), Scheme::Pkcs1(Sha512)][..]),
        (RSA, &[Scheme::Pss(Sha256), Scheme::Pss(Sha384), Scheme::Pss(Sha512)]),
        (P256, &[Scheme::Ecdsa(Curve::P256)]),
        (P384, &[Scheme::Ecdsa(Curve::P384)]),
        (P521, &[Scheme::Ecdsa(Curve::P521)]),
        (ED25519, &[Scheme::Ed25519]),
    ] {
        let key = key(text);
        for scheme in schemes {
            let signature = sign(&key, *scheme, b"message").unwrap();
            assert!(holds(&key, *scheme, b"message", &signature), "{scheme:?}");
            assert!(!holds(&key, *scheme, b"massage", &signature), "{scheme:?}");
        }
    }
}

#[test]
fn the_signatures_of_rfc_7515_hold() {
    let verify = |text: &str, curve, message: &str, signature: &str| {
        holds(&key(text), Scheme::Ecdsa(curve), message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
    };
    let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert!(verify(P256, Curve::P256, message, signature));
    let signature = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
    assert!(verify(P521, Curve::P521, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA", signature));
}

/// RFC 6979 §A.2.5 to §A.2.7: a signature that needs no randomness has the numbers that the RFC says, in all of their bits.
#[test]
fn curves_sign_as_rfc_6979_says() {
    let jwk = |curve: Curve, hex: &str| {
        let bytes: Vec<u8> = super::KeyEncoding::Hex.read(hex).unwrap();
        format!(r#"{{"kty":"EC","crv":"{}","d":"{}"}}"#, curve.name(), URL_SAFE_NO_PAD.encode(bytes))
    };
    for (curve, private, expected) in [
        (
            Curve::P256,
            "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        (
            Curve::P384,
            "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
            "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
        ),
        (
            Curve::P521,
            "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
            "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a",
        ),
    ] {
        let signature = sign(&key(&jwk(curve, private)), Scheme::Ecdsa(curve), b"sample").unwrap();
        assert_eq!(super::hex(&signature), expected, "{}", curve.name());
    }
}

fn pem(label: &str, bytes: &[u8]) -> String {
    let body = STANDARD.encode(bytes);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

#[test]
fn reads_every_form_of_the_same_key() {
    let PrivateKey::Rsa(rsa) = key(RSA) else { panic!() };
    let pkcs1 = pem("RSA PRIVATE KEY", rsa.to_pkcs1_der().unwrap().as_bytes());
    let pkcs8 = pem("PRIVATE KEY", rsa.to_pkcs8_der().unwrap().as_bytes());
    let without_primes = {
        let jwk = engine_expr::Value::from_json(RSA).unwrap();
        let members = jwk.as_object().unwrap().iter().filter(|(name, _)| !["p", "q"].contains(&&***name));
        engine_expr::Value::object(members.map(|(name, value)| (name.clone(), value.clone()))).to_json()
    };
    let scheme = Scheme::Pkcs1(HashAlgorithm::Sha256);
    let expected = sign(&key(RSA), scheme, b"m").unwrap();
    for text in [&pkcs1, &pkcs8, &without_primes] {
        assert_eq!(sign(&key(text), scheme, b"m").unwrap(), expected);
    }
    let expected = sign(&key(SEC1), Scheme::Ecdsa(Curve::P256), b"m").unwrap();
    assert_eq!(sign(&key(PKCS8), Scheme::Ecdsa(Curve::P256), b"m").unwrap(), expected);
    assert!(matches!(key(ED25519_PKCS8), PrivateKey::Ed25519(_)));
}

#[test]
fn reads_keys_as_variables_have_them() {
    let expected = sign(&key(SEC1), Scheme::Ecdsa(Curve::P256), b"m").unwrap();
    for text in [
        PKCS8.replace('\n', "\\n"),
        PKCS8.replace('\n', "\r\n"),
        PKCS8.replace('\n', " "),
        format!("\n  {PKCS8}\n\n"),
        format!("    {}", PKCS8.replace('\n', "\n    ")),
        format!("Bag Attributes\n{PUBLIC}\n{SEC1}"),
    ] {
        assert_eq!(sign(&key(&text), Scheme::Ecdsa(Curve::P256), b"m").unwrap(), expected, "{text}");
    }
}

#[test]
fn says_what_a_text_is_that_is_no_private_key() {
    assert_eq!(problem(" "), KeyError::Empty);
    assert_eq!(problem("s3cret"), KeyError::NoPem);
    assert_eq!(problem("{}"), KeyError::NoPem);
    assert_eq!(problem(PUBLIC), KeyError::NotPrivate("a public key"));
    assert_eq!(
        problem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        KeyError::NotPrivate("a certificate")
    );
    assert_eq!(problem(r#"{"kty":"oct","k":"AA"}"#), KeyError::NotPrivate("a shared key"));
    assert_eq!(problem(r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#), KeyError::NotPrivate("a public key"));
    assert_eq!(problem(ENCRYPTED), KeyError::Encrypted);
    assert_eq!(
        problem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----"),
        KeyError::Encrypted
    );
    assert_eq!(problem(OTHER_CURVE), KeyError::Unknown);
    assert_eq!(problem(r#"{"kty":"OKP","crv":"Ed448","d":"AA"}"#), KeyError::Unknown);
    assert_eq!(problem(&PKCS8.replace("END", "EN")), KeyError::Damaged);
    assert_eq!(problem(&PKCS8.replace("MIGH", "MIGG")), KeyError::Damaged);
    assert_eq!(problem(&pem("RSA PRIVATE KEY", b"abc")), KeyError::Damaged);
}

#[test]
fn a_key_of_another_kind_is_named() {
    let error = sign(&key(P256), Scheme::Pkcs1(HashAlgorithm::Sha256), b"m").unwrap_err();
    assert_eq!(error.to_string(), "a key on P-256 can't sign with `it`");
    let error = sign(&key(RSA), Scheme::Ecdsa(Curve::P384), b"m").unwrap_err();
    let shown = error.at(engine_source::Span::default());
    assert_eq!(shown.message, "an RSA key can't sign with `it`");
    assert_eq!(shown.help.as_deref(), Some("give a key on P-384, or choose another algorithm"));
    assert!(sign(&key(P384), Scheme::Ecdsa(Curve::P256), b"m").is_err());
}
