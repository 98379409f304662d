//! An HTTP exchange without doing it.
//!
//! What an API says about its requests and answers, kind by kind: data and behaviour in one file. Knows no I/O and has no
//! clock of its own.

pub mod auth;
pub mod pagination;
pub mod unit;

mod answer_place;
mod body;
mod character;
mod csv_header;
mod error_rule;
mod exclusive;
mod hash;
mod idempotency;
mod incremental;
mod key;
mod keyed;
mod method;
mod multipart;
mod name;
mod named;
mod nullable;
mod one_or_many;
mod place;
mod query_value;
mod rate_limit;
mod records;
mod redirects;
mod removable;
mod request_line;
mod response;
mod retry;
mod retry_on;
mod shape;
mod text;
mod tls;

pub use answer_place::AnswerPlace;
pub use auth::{Auth, Auths};
pub use body::{Body, GraphqlBody};
pub use character::Character;
pub use csv_header::CsvHeader;
pub use error_rule::{ErrorAction, ErrorRule};
pub use exclusive::{Group, check_groups, groups_schema};
pub use hash::HashAlgorithm;
pub use idempotency::Idempotency;
pub use incremental::{CursorScope, Incremental};
pub use key::{Key, KeyMember};
pub use keyed::Keyed;
pub use method::Method;
pub use multipart::{MultipartContent, MultipartField, MultipartFile};
pub use name::Name;
pub use named::Named;
pub use nullable::{given, nullable};
pub use one_or_many::OneOrMany;
pub use pagination::Pagination;
pub use place::{BodyStep, Place, Target};
pub use query_value::{QueryValue, Style, StyledValue};
pub use rate_limit::{RateLimit, RateLimits, Share};
pub use records::{MissingRecords, Records, RecordsFrom};
pub use redirects::Redirects;
pub use removable::Removable;
pub use request_line::{ParamPart, Part, RequestLine};
pub use response::{CsvFormat, Format, Packing, Response};
pub use retry::{Backoff, Retry};
pub use retry_on::RetryOn;
pub use shape::{Shape, read};
pub use text::Text;
pub use tls::Tls;
pub use unit::{Period, Rate, Size, Status, StatusPattern, Window};
