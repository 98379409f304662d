//! `engine auth login`: lets a person allow the access to an API.

use engine_request::Token;
use engine_request::auth::{Grant, TokenAsk};
use engine_runtime::ApiLogin;
use serde_json::json;

use super::came_back::{CameBack, Waiting};
use super::status::{described, members};
use super::{browser, device, logins, of_api, refused, unanswered, waits_for_a_run};
use crate::arguments::{Login, ResultFormat};
use crate::failure::Failure;
use crate::status::Status;
use crate::terminal::{Style, Terminal, print, tell};

/// Logs in to an API.
pub(super) async fn execute(arguments: &Login, terminal: &Terminal) -> Result<Status, Failure> {
    let found = of_api(logins(&arguments.spec, &arguments.given)?, &arguments.api, &arguments.spec)?;
    let mut waiting: Vec<ApiLogin> = found.into_iter().filter(|login| login.auth.needs_login()).collect();
    if waiting.is_empty() {
        return Err(Failure::usage(format!("nobody has to log in to `{}`", arguments.api))
            .help("its grant needs no person: `engine run` fetches the token by itself"));
    }
    // Where several auths of an API need a person, each is allowed in turn.
    for login in waiting.drain(..) {
        let token = match login.auth.grant {
            Grant::DeviceCode => device::token(&login, arguments, terminal).await?,
            _ => in_browser(&login, arguments, terminal).await?,
        };
        login.serves(&token).map_err(|error| refused(&login.auth, &error, &login))?;
        login.save(&token, || waits_for_a_run(&login.api)).await.map_err(Failure::from)?;
        finish(&login, &token, arguments, terminal)?;
    }
    Ok(Status::Done)
}

async fn in_browser(login: &ApiLogin, arguments: &Login, terminal: &Terminal) -> Result<Token, Failure> {
    let auth = &login.auth;
    let failed = |error| refused(auth, &error, login);
    let redirect_uri = match &auth.redirect_uri {
        Some(uri) => Some(uri.render_text(&login.scope).map_err(|error| failed(error.into()))?),
        None => None,
    };
    let mut waiting = Waiting::begin(redirect_uri.as_deref(), arguments.port).await?;
    let begun = auth.begin_login(waiting.redirect_uri(), &login.scope).map_err(failed)?;
    match arguments.given.format {
        ResultFormat::Json => {
            let line = json!({"api": login.api, "url": begun.url.as_str(), "redirect_uri": begun.redirect_uri});
            print(format!("{line}\n"))?;
        }
        ResultFormat::Text => {
            let url = terminal.stderr.paint(Style::Cyan, begun.url.as_str());
            tell(format!("to allow the access to `{}`, open\n\n  {url}\n\n{}\n", login.api, waiting.described()));
        }
    }
    if terminal.is_watched && !arguments.no_browser {
        browser::open(begun.url.as_str());
    }
    let code = loop {
        let CameBack { text, answer } = waiting.next().await?;
        match begun.code(&text) {
            Ok(code) => {
                // The page is shown when the code is taken: whether it is good, only the provider knows.
                answer.done().await;
                break code;
            }
            Err(error) if error.code().is_some() => {
                answer.refused(&error.to_string()).await;
                return Err(failed(error));
            }
            Err(error) => {
                answer.refused(&error.to_string()).await;
                tell(format!("{error}: waiting for another\n"));
            }
        }
    };
    let TokenAsk { request, .. } = auth.ask_with_code(&begun, &code, &login.scope).map_err(failed)?;
    let answer = login.ask(&request).await.map_err(|finding| unanswered(&finding))?;
    auth.answered(&answer, None, &login.scope).map_err(failed)
}

/// Says what came of it.
fn finish(login: &ApiLogin, token: &Token, arguments: &Login, terminal: &Terminal) -> Result<(), Failure> {
    match arguments.given.format {
        ResultFormat::Json => print(format!("{}\n", members(login, Some(token))))?,
        ResultFormat::Text => {
            let api = terminal.stdout.paint(Style::Bold, &login.api);
            print(format!("{api}: {}\n", described(&login.auth, Some(token))))?;
        }
    }
    if token.refresh.is_none() && token.expires_at.is_some() {
        tell(
            "the provider gave no refresh token, so the login ends with the token: ask for one, by the scope `offline_access` or as its documentation says\n",
        );
    }
    Ok(())
}
