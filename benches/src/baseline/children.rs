//! Reads the children of all parents, many at once, and prints them in the order of the parents.

use std::io::Write;

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Client;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BaselineError, Out};

/// How many parents are asked for their children at once.
pub(crate) const AT_ONCE: usize = 32;

#[derive(Deserialize)]
struct Parents {
    data: Vec<Parent>,
}

#[derive(Deserialize)]
struct Parent {
    id: u64,
}

#[derive(Deserialize)]
struct Children {
    data: Vec<Box<RawValue>>,
}

pub(super) async fn run(base: &str, out: &mut Out) -> Result<(), BaselineError> {
    let client = Client::builder().build()?;
    let body = client.get(format!("{base}/parents")).send().await?.error_for_status()?.bytes().await?;
    let parents: Parents = serde_json::from_slice(&body)?;
    let answers = stream::iter(parents.data).map(|parent| {
        let request = client.get(format!("{base}/parents/{}/children", parent.id));
        async move { Ok::<_, BaselineError>(request.send().await?.error_for_status()?.bytes().await?) }
    });
    let mut answers = answers.buffered(AT_ONCE);
    while let Some(body) = answers.try_next().await? {
        let children: Children = serde_json::from_slice(&body)?;
        for child in children.data {
            out.write_all(child.get().as_bytes())?;
            out.write_all(b"\n")?;
        }
    }
    Ok(())
}
