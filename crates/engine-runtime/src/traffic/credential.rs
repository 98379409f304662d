//! Which credential the requests of an endpoint carry, as a fingerprint: only to tell whether two are the same.

use std::borrow::Cow;

use engine_expr::{EvalError, Members, Scope, Template, Value};
use engine_request::{Auth, derive_key};

/// Returns what tells the credential of these auths from others; `None` where there is none. Whoever keeps it on disk makes a fingerprint of it that only the store knows how to make.
///
/// # Errors
///
/// Fails where a template of them does.
pub(crate) fn fingerprint<'a>(
    auths: impl IntoIterator<Item = &'a Auth>,
    scope: &Scope,
) -> Result<Option<String>, EvalError> {
    let mut parts = Vec::new();
    for auth in auths {
        add(auth, scope, &mut parts)?;
    }
    Ok((!parts.is_empty()).then(|| derive_key(parts.iter().map(String::as_bytes))))
}

fn add(auth: &Auth, scope: &Scope, parts: &mut Vec<String>) -> Result<(), EvalError> {
    let mut texts = |templates: &[Option<&Template>]| {
        for template in templates.iter().flatten() {
            parts.push(template.render(scope)?.text().unwrap_or_default().into_owned());
        }
        Ok(())
    };
    match auth {
        Auth::None(_) => Ok(()),
        Auth::ApiKey(auth) => texts(&[Some(&auth.value)]),
        Auth::Basic(auth) => texts(&[Some(&auth.username), auth.password.as_ref()]),
        Auth::Bearer(auth) => texts(&[Some(&auth.token)]),
        Auth::Jwt(auth) => texts(&[Some(&auth.key)]),
        Auth::Hmac(auth) => texts(&[Some(&auth.key)]),
        Auth::AwsSigv4(auth) => texts(&[Some(&auth.access_key)]),
        Auth::Digest(auth) => texts(&[Some(&auth.username), Some(&auth.password)]),
        Auth::Oauth1(auth) => texts(&[Some(&auth.consumer_key), auth.token.as_ref()]),
        Auth::Oauth2(auth) => {
            parts.extend(auth.identity(scope)?);
            Ok(())
        }
        // What it logs in with is said by its login's own request.
        Auth::Session(_) => {
            let secrets = scope.get("secrets");
            let members = secrets.and_then(Value::as_object).into_iter().flat_map(Members::iter);
            parts.extend(members.filter_map(|(_, value)| value.text().map(Cow::into_owned)));
            Ok(())
        }
        Auth::Switch(auth) => {
            for chosen in auth.choose(scope)?.as_set().into_iter().flatten() {
                add(chosen, scope, parts)?;
            }
            Ok(())
        }
    }
}
