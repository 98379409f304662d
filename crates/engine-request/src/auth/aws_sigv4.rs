//! A signature as AWS asks for, version 4.

use engine_expr::Template;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Method;

/// Signs every request as AWS asks for, version 4.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename = "aws_sigv4 auth", deny_unknown_fields)]
#[schemars(rename = "AwsSigV4Auth")]
pub struct AwsSigV4Auth {
    /// The access key id.
    pub access_key: Template,
    /// The secret access key.
    pub secret_key: Template,
    /// The token of a temporary session.
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
