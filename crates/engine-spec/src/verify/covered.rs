//! What of an event nobody but its sender can have written.

use engine_expr::{NameUse, Segment, Template};

use super::Verify;
use crate::EventPlace;

/// The headers that Standard Webhooks signs.
const STANDARD: [&str; 4] = ["webhook-id", "webhook-timestamp", "svix-id", "svix-timestamp"];

impl Verify {
    /// Tells whether a place in an event is covered by the proof of who sent it.
    ///
    /// Whoever has a token wrote all of a request; a signature covers what it is made of.
    pub fn covers(&self, place: &EventPlace) -> bool {
        match place {
            EventPlace::Path(path) => {
                let steps = path.singular().unwrap_or_default().iter().map_while(|step| match step {
                    Segment::Name(name) => Some(&**name),
                    Segment::Index(_) => None,
                });
                self.covers_name(&["body"].into_iter().chain(steps).collect::<Vec<_>>())
            }
            EventPlace::Header(name) => self.covers_name(&["headers", &name.value]),
            EventPlace::Query(name) => self.covers_name(&["query", &name.value]),
            EventPlace::PathParam(name) => self.covers_name(&["path", &name.value]),
            EventPlace::Template(template) => trigger_names(template).all(|name| {
                let path: Vec<&str> = name.path.iter().skip(1).map(|part| &**part).collect();
                self.covers_name(&path)
            }),
        }
    }

    /// Tells whether a member of `trigger` is covered.
    fn covers_name(&self, path: &[&str]) -> bool {
        let signed = match self {
            Self::Bearer(_) | Self::Basic(_) | Self::Jwt(_) => return true,
            Self::Stripe(_) | Self::Github(_) | Self::Slack(_) | Self::Shopify(_) => None,
            Self::StandardWebhooks(_) => {
                if let ["headers", name] = path {
                    return STANDARD.iter().any(|known| name.eq_ignore_ascii_case(known));
                }
                None
            }
            Self::Hmac(verify) => verify.signed.as_ref(),
            Self::Signature(verify) => verify.signed.as_ref(),
        };
        let is_body = matches!(path, ["body" | "body_raw", ..]);
        let Some(signed) = signed else { return is_body };
        trigger_names(signed).any(|name| {
            let known: Vec<&str> = name.path.iter().skip(1).map(|part| &**part).collect();
            match known.as_slice() {
                ["body_raw"] => is_body,
                ["headers", rest @ ..] => {
                    path.first() == Some(&"headers")
                        && rest.first().is_none_or(|name| path.get(1).is_some_and(|it| it.eq_ignore_ascii_case(name)))
                }
                known => path.starts_with(known),
            }
        })
    }
}

/// Returns the uses of `trigger`.
fn trigger_names(template: &Template) -> impl Iterator<Item = &NameUse> {
    template.names().iter().filter(|name| name.root() == "trigger")
}
