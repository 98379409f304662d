//! Logins on another device: shows a code, and asks until it was typed there (RFC 8628).

use std::time::Duration;

use engine_request::Token;
use engine_request::auth::{Polled, TokenAsk};
use engine_runtime::{ApiLogin, Clock, SystemClock};
use serde_json::json;

use super::{browser, refused, unanswered};
use crate::arguments::{Login, ResultFormat};
use crate::failure::Failure;
use crate::terminal::{Style, Terminal, print, tell};

/// By how much a provider that asks for it is asked less often (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// How often in a row a provider may not answer.
const SILENCES: u32 = 5;

/// Asks for a token until somebody allows it.
pub(super) async fn token(login: &ApiLogin, arguments: &Login, terminal: &Terminal) -> Result<Token, Failure> {
    let (auth, scope, clock) = (&login.auth, &login.scope, SystemClock);
    let failed = |error| refused(auth, &error, login);
    let request = auth.ask_for_device_code(scope).map_err(failed)?;
    let answer = login.ask(&request).await.map_err(|finding| unanswered(&finding))?;
    let code = auth.device_code_of(&answer, scope).map_err(failed)?;
    match arguments.given.format {
        ResultFormat::Json => {
            let line = json!({
                "api": login.api,
                "verification_uri": code.verification_uri,
                "verification_uri_complete": code.verification_uri_complete,
                "user_code": code.user_code,
                "expires_at": code.expires_at.map(|end| end.to_string()),
            });
            print(format!("{line}\n"))?;
        }
        ResultFormat::Text => {
            let (uri, user_code) = (
                terminal.stderr.paint(Style::Cyan, &code.verification_uri),
                terminal.stderr.paint(Style::Bold, &code.user_code),
            );
            let complete =
                code.verification_uri_complete.as_ref().filter(|complete| **complete != code.verification_uri);
            let or = complete.map(|uri| format!("or open {uri}\n\n")).unwrap_or_default();
            tell(format!(
                "to allow the access to `{}`, open on any device\n\n  {uri}\n\nand type\n\n  {user_code}\n\n{or}waiting\n",
                login.api
            ));
        }
    }
    if terminal.is_watched && !arguments.no_browser {
        browser::open(code.verification_uri_complete.as_deref().unwrap_or(&code.verification_uri));
    }
    let mut interval = code.interval;
    let mut silences = 0;
    loop {
        clock.sleep(interval).await;
        if code.expires_at.is_some_and(|end| end <= clock.now()) {
            return Err(Failure::failed("the code is too old: nobody typed it in time").help("begin again"));
        }
        let TokenAsk { request, .. } = auth.ask_with_device_code(&code, scope).map_err(failed)?;
        let answer = match login.ask(&request).await {
            Ok(answer) => answer,
            Err(finding) if silences + 1 == SILENCES => return Err(unanswered(&finding)),
            Err(_) => {
                silences += 1;
                interval *= 2;
                continue;
            }
        };
        match auth.polled(&answer, scope) {
            Ok(Polled::Token(token)) => return Ok(*token),
            Ok(Polled::Pending) => silences = 0,
            Ok(Polled::SlowDown) => {
                silences = 0;
                interval += SLOWER;
            }
            Err(error) if error.is_temporary() && silences + 1 < SILENCES => {
                silences += 1;
                interval *= 2;
            }
            Err(error) => return Err(failed(error)),
        }
    }
}
