//! How a signature is written into a header, such as `t={ts},v1={signature:hex}`. Knows nothing about keys.

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureText {
    /// Two hexadecimal digits for each byte, all small or all large.
    Hex,
    /// Base64 with padding (RFC 4648 §4).
    Base64,
    /// Base64 for URLs, without padding (RFC 4648 §5).
    Base64Url,
}

/// How a signature is written: texts with `{signature:hex}`, and with `{ts}` where the time stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureFormat {
    /// What is between the parts; nothing where there is only one part, and one signature.
    between: Between,
    parts: Vec<FormatPart>,
    /// How the signature is written.
    pub text: SignatureText,
}

/// One part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FormatPart {
    before: String,
    field: Option<Field>,
    after: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Signature,
    Time,
    /// Something that is not looked at.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    Nothing,
    /// One of these characters, and blanks around it.
    Any(&'static [char]),
    One(char),
}

/// What was found in the value of a header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written<'h> {
    /// The signatures, as they are written; any of them may hold.
    pub signatures: Vec<&'h str>,
    /// The times beside them, as they are written; more than one is a mistake of whoever wrote them.
    pub times: Vec<&'h str>,
}

/// What may stand between two parts, those that say most about it first.
const SEPARATORS: [char; 7] = [',', ';', '&', ' ', '|', ':', '.'];

impl SignatureFormat {
    /// Reads a format.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, and what to write.
    pub fn parse(text: &str) -> Result<Self, (String, &'static str)> {
        const HELP: &str =
            "write it as the sender does, with `{signature:hex}` for the signature: `t={ts},v1={signature:hex}`";
        let fail = |message: String| Err((message, HELP));
        let mut literals = vec![String::new()];
        let mut fields = Vec::new();
        let mut written = SignatureText::Hex;
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return fail(format!("a `{{` in `{text}` is never closed"));
            };
            if let Some(last) = literals.last_mut() {
                last.push_str(before);
            }
            let (name, form) = name.split_once(':').map_or((name, None), |(name, form)| (name, Some(form)));
            fields.push(match (name, form) {
                ("signature", form) => {
                    written = match form {
                        None | Some("hex") => SignatureText::Hex,
                        Some("base64") => SignatureText::Base64,
                        Some("base64url") => SignatureText::Base64Url,
                        Some(other) => return fail(format!("`{other}` is no way to write a signature")),
                    };
                    Field::Signature
                }
                ("ts" | "timestamp", None) => Field::Time,
                ("" | "*", None) => Field::Other,
                (other, _) => return fail(format!("`{{{other}}}` is not known in the format of a signature")),
            });
            literals.push(String::new());
            rest = after;
        }
        if let Some(last) = literals.last_mut() {
            last.push_str(rest);
        }
        if fields.iter().filter(|field| **field == Field::Signature).count() != 1 {
            return fail(format!("the format `{text}` needs `{{signature}}` once"));
        }
        if fields.iter().filter(|field| **field == Field::Time).count() > 1 {
            return fail(format!("the format `{text}` has more than one time"));
        }
        let Some((between, parts)) = parts(&literals, &fields) else {
            return fail(format!("nothing tells where the parts of `{text}` end"));
        };
        Ok(Self { between, parts, text: written })
    }

    /// Tells whether the time is written beside the signature.
    pub fn has_time(&self) -> bool {
        self.parts.iter().any(|part| part.field == Some(Field::Time))
    }

    /// Finds the signatures, and the time beside them, in the value of a header.
    pub fn read<'h>(&self, value: &'h str) -> Written<'h> {
        let pieces: Vec<&str> = match self.between {
            Between::Nothing => vec![value.trim()],
            // All of them are ASCII, and most values have none.
            Between::Any(chars) if value.bytes().any(|byte| chars.contains(&char::from(byte))) => {
                value.split(chars).map(str::trim).filter(|piece| !piece.is_empty()).collect()
            }
            Between::Any(_) => Some(value.trim()).filter(|piece| !piece.is_empty()).into_iter().collect(),
            Between::One(char) => value.split(char).map(str::trim).collect(),
        };
        let mut written = Written::default();
        let mut take = |part: &FormatPart, piece: &'h str| {
            let inner = piece.strip_prefix(part.before.as_str()).and_then(|it| it.strip_suffix(part.after.as_str()));
            match (part.field, inner) {
                (Some(Field::Signature), Some(inner)) => written.signatures.push(inner),
                (Some(Field::Time), Some(inner)) => written.times.push(inner),
                _ => return inner.is_some(),
            }
            true
        };
        let has_names = self.parts.iter().all(|part| part.field.is_none() || !part.before.is_empty());
        if has_names || self.parts.len() == 1 {
            for piece in pieces {
                _ = self.parts.iter().any(|part| take(part, piece));
            }
        } else if pieces.len() == self.parts.len() {
            // Without names only the place tells what is what.
            let fits = self.parts.iter().zip(pieces).fold(true, |fits, (part, piece)| take(part, piece) && fits);
            if !fits {
                return Written::default();
            }
        }
        written
    }

    /// Writes a signature, and the time beside it.
    pub fn write(&self, signature: &str, time: &str) -> String {
        let separator = match self.between {
            Between::One(char) => char.to_string(),
            Between::Nothing | Between::Any(_) => String::new(),
        };
        let parts = self.parts.iter().map(|part| {
            let inner = match part.field {
                Some(Field::Signature) => signature,
                Some(Field::Time) => time,
                Some(Field::Other) | None => "",
            };
            format!("{}{inner}{}", part.before, part.after)
        });
        parts.collect::<Vec<_>>().join(&separator)
    }
}

/// Cuts a format into its parts; nothing where two fields touch each other.
fn parts(literals: &[String], fields: &[Field]) -> Option<(Between, Vec<FormatPart>)> {
    if let ([before, after], [field]) = (literals, fields) {
        // One part may be there several times, for signatures with several keys.
        let has = |char: char| before.contains(char) || after.contains(char);
        let between = match (has(','), has(' ')) {
            (false, false) => Between::Any(&[',', ' ']),
            (false, true) => Between::Any(&[',']),
            (true, false) => Between::Any(&[' ']),
            (true, true) => Between::Nothing,
        };
        return Some((between, vec![FormatPart { before: before.clone(), field: Some(*field), after: after.clone() }]));
    }
    let first = literals.get(1)?;
    let separator = SEPARATORS.into_iter().find(|char| first.contains(*char))?;
    let mut parts = Vec::new();
    let mut part = FormatPart { before: String::new(), field: None, after: String::new() };
    for (index, literal) in literals.iter().enumerate() {
        for (number, text) in literal.split(separator).enumerate() {
            if number > 0 {
                parts.push(std::mem::replace(
                    &mut part,
                    FormatPart { before: String::new(), field: None, after: String::new() },
                ));
            }
            // A blank after the separator is no part of what follows.
            let text = if number > 0 { text.trim_start() } else { text };
            if part.field.is_some() { part.after.push_str(text) } else { part.before.push_str(text) }
        }
        if let Some(field) = fields.get(index) {
            if part.field.is_some() {
                return None;
            }
            part.field = Some(*field);
        }
    }
    parts.push(part);
    Some((Between::One(separator), parts))
}

#[cfg(test)]
mod tests {
    use super::SignatureFormat;

    fn check(format: &str, value: &str, expected: &str) {
        let found = SignatureFormat::parse(format).map(|format| {
            let written = format.read(value);
            format!("{} at {}", written.signatures.join("|"), written.times.join("|"))
        });
        assert_eq!(found.unwrap_or_else(|(message, _)| message), expected, "{format} of {value}");
    }

    #[test]
    fn finds_signatures_and_times() {
        check("{signature:hex}", "ab", "ab at ");
        check("{signature:hex}", "ab, cd", "ab|cd at ");
        check("sha256={signature:hex}", "sha256=ab", "ab at ");
        check("sha256={signature:hex}", "sha1=cd,sha256=ab", "ab at ");
        check("v1,{signature:base64}", "v1,a= v1a,b= v1,c=", "a=|c= at ");
        check("HMAC {signature:base64}", "HMAC a=", "a= at ");
        check("t={ts},v1={signature:hex}", "t=1,v1=ab,v1=cd,v0=ef", "ab|cd at 1");
        check("t={ts},v1={signature:hex}", "v1=ab, t=1", "ab at 1");
        check("t={ts},v1={signature:hex}", "t=1,t=2,v1=ab", "ab at 1|2");
        check("t={ts}, v1={signature:hex}", "t=1,v1=ab", "ab at 1");
        check("{ts}.{signature:hex}", "1.ab", "ab at 1");
        check("{ts}.{signature:hex}", "1.ab.cd", " at ");
        check("keyId=\"{*}\",signature=\"{signature:base64}\"", "keyId=\"k\",signature=\"a=\"", "a= at ");
        check("v0:{ts}:{signature}", "v0:1:ab", "ab at 1");
        check("v0:{ts}:{signature}", "v1:1:ab", " at ");
    }

    #[test]
    fn says_what_is_wrong() {
        check("v1", "", "the format `v1` needs `{signature}` once");
        check("{ts}{signature}", "", "nothing tells where the parts of `{ts}{signature}` end");
        check("{sig}", "", "`{sig}` is not known in the format of a signature");
        check("{signature:base32}", "", "`base32` is no way to write a signature");
        check("{signature", "", "a `{` in `{signature` is never closed");
    }

    #[test]
    fn writes_what_it_reads() {
        for format in ["t={ts},v1={signature:hex}", "sha256={signature}", "{ts}.{signature}", "v1,{signature:base64}"] {
            let parsed = SignatureFormat::parse(format).unwrap_or_else(|(message, _)| panic!("{message}"));
            let text = parsed.write("ab", "12");
            assert_eq!(parsed.read(&text).signatures, ["ab"], "{format}");
            assert_eq!(parsed.read(&text).times.len(), usize::from(parsed.has_time()), "{format}");
        }
    }
}
