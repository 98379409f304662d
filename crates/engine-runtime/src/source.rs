//! The items of a step, from wherever they come.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use engine_expr::{Expr, Members, Value};
use engine_plan::{Items, Source};
use futures_util::stream::{self, Stream, StreamExt};

use crate::claim::Claim;
use crate::failure::Failure;
use crate::frame::stream_of;
use crate::item::{Item, Json, Located, Origin};
use crate::needs::whole_scope;
use crate::outlet::{Batch, Delivery, Inlet};
use crate::read::{AskedOfPages, Pages, Reader};
use crate::retry::{FailedAt, Retrying};
use crate::sink_reader::SinkReader;
use crate::site::Site;
use crate::stage::Errors;

/// How many items of a list go together.
const LIST_BATCH: usize = 200;

/// The items of a step, batch by batch.
pub(crate) type Batches<'a> = Pin<Box<dyn Stream<Item = Result<Batch, Failure>> + Send + 'a>>;

/// Makes the stream of a step's items.
pub(crate) fn source<'a>(
    site: &'a Site,
    inlet: Option<Inlet>,
    concurrency: usize,
    asked: &AskedOfPages<'_>,
) -> Batches<'a> {
    let Some(retry) = site.frame.retrying() else { return taken(site, inlet, concurrency, asked) };
    let items = letters(site, retry, FailedAt::Item);
    let letters: Batches<'a> = match &site.step.explode {
        Some(parts) => Box::pin(items.chain(apart(site, parts, letters(site, retry, FailedAt::Explode)))),
        None => items,
    };
    match &site.step.source {
        // What has failed is not read again, but what comes of it may come here too.
        Source::Read { over: Some(_), .. } | Source::Sink { over: Some(_), .. } | Source::Items(Items::Step(_)) => {
            Box::pin(letters.chain(taken(site, inlet, concurrency, asked)))
        }
        _ => letters,
    }
}

/// The items of dead letters that a step takes up again.
fn letters<'a>(site: &'a Site, retry: &Retrying, at: FailedAt) -> Batches<'a> {
    let stop = &site.frame.stop;
    let batches = stream::iter(retry.batches(site, at));
    Box::pin(batches.map(|batch| if stop.is_stopped() { Err(Failure::interrupted()) } else { Ok(batch) }))
}

/// What the source of a step gives.
fn taken<'a>(site: &'a Site, inlet: Option<Inlet>, concurrency: usize, asked: &AskedOfPages<'_>) -> Batches<'a> {
    let step = &site.step;
    let batches: Batches<'a> = match &step.source {
        Source::Once => Box::pin(stream::once(async { Ok(Batch::new(vec![once(site)], site.frame.claim())) })),
        Source::Items(items) => items_of(site, items, inlet),
        Source::Read { over, .. } => {
            let reader = Arc::new(Reader::new(site, asked));
            let start = move |parent, claim| Arc::clone(&reader).start(parent, claim);
            match over {
                None => read_once(start(site.frame.item.clone(), site.frame.claim())),
                Some(over) => read_each(start, items_of(site, over, inlet), concurrency),
            }
        }
        Source::Sink { over, read } => {
            let reader = Arc::new(SinkReader::new(site, read));
            let start = move |parent, claim| Arc::clone(&reader).start(parent, claim);
            match over {
                None => read_once(start(site.frame.item.clone(), site.frame.claim())),
                Some(over) => read_each(start, items_of(site, over, inlet), concurrency),
            }
        }
    };
    match &step.explode {
        None => batches,
        Some(parts) => apart(site, parts, batches),
    }
}

/// The one item of a step without a source: that of the steps around it, at the top the event's body, or an empty one.
fn once(site: &Site) -> Item {
    if let Some(item) = &site.frame.item {
        return Item { located: Located::Nowhere, ..Item::clone(item) };
    }
    let body = site.frame.event().map_or_else(|| "{}".to_owned(), |body| body.to_json());
    Item::new(Json::copy(&body), None, Arc::new(origin(site)), 1)
}

/// Where items come from that the step itself makes.
fn origin(site: &Site) -> Origin {
    Origin {
        stream: site.step.id.as_str().into(),
        place: site.step.span,
        under: site.frame.under.clone(),
        ..Origin::default()
    }
}

/// The items of a stream or a list; where dead letters are taken up again, those under which a read failed, and those of a stream.
fn items_of<'a>(site: &'a Site, items: &'a Items, inlet: Option<Inlet>) -> Batches<'a> {
    let Some(retry) = site.frame.retrying() else { return items_given(site, items, inlet) };
    let letters = letters(site, retry, FailedAt::Read);
    let giver = stream_of(&site.step).and_then(|giver| site.frame.steps.get(giver));
    if giver.is_some_and(|giver| retry.runs(&site.frame.address(giver))) {
        Box::pin(letters.chain(items_given(site, items, inlet)))
    } else {
        letters
    }
}

fn items_given<'a>(site: &'a Site, items: &'a Items, inlet: Option<Inlet>) -> Batches<'a> {
    if let (Items::Step(_), Some(inlet)) = (items, inlet) {
        return Box::pin(stream::unfold(Some(inlet), |inlet| async {
            let mut inlet = inlet?;
            match inlet.recv().await {
                Some(Delivery::Items(batch)) => Some((Ok(batch), Some(inlet))),
                Some(Delivery::End) => None,
                // The step that gives them failed or was stopped; what came so far is not all.
                None => Some((Err(Failure::interrupted()), None)),
            }
        }));
    }
    let values = match list_of(site, items) {
        Ok(values) => values,
        Err(failure) => return Box::pin(stream::once(async { Err(failure) })),
    };
    let origin = Arc::new(origin(site));
    let made: Vec<Item> = values
        .iter()
        .zip(1..)
        .map(|(value, number)| Item::new(Json::of(value), None, Arc::clone(&origin), number))
        .collect();
    let batches: Vec<_> =
        made.chunks(LIST_BATCH).map(|chunk| Ok(Batch::new(chunk.to_vec(), site.frame.claim()))).collect();
    Box::pin(stream::iter(batches))
}

fn list_of(site: &Site, items: &Items) -> Result<Vec<Value>, Failure> {
    let (value, span) = match items {
        Items::From(expr) => (expr.evaluate(&site.base)?, expr.span()),
        Items::List(list) => (list.evaluate(&site.base)?, list.span()),
        Items::Product(lists) => return product(lists, site),
        Items::Step(_) => return Ok(Vec::new()),
    };
    match value {
        Some(Value::List(list)) => Ok(list.items().to_vec()),
        Some(other) => {
            Err(Failure::new("template-failed", format!("`for_each` needs a list, not {}", other.a_kind()), span))
        }
        None => Err(Failure::new("template-failed", "`for_each` finds no list", span)
            .help("add `| default([])` for a list that may be missing")),
    }
}

/// Every combination of several lists, the last one changing fastest.
fn product(lists: &engine_source::Map<engine_expr::Dynamic>, site: &Site) -> Result<Vec<Value>, Failure> {
    let mut combined = vec![Members::new()];
    for (name, list) in lists {
        let values = match list.evaluate(&site.base)? {
            Some(Value::List(values)) => values,
            other => {
                let found = other.as_ref().map_or("nothing", Value::a_kind);
                return Err(Failure::new(
                    "template-failed",
                    format!("`for_each.{}` needs a list, not {found}", name.value),
                    list.span(),
                ));
            }
        };
        combined = combined
            .iter()
            .flat_map(|members| {
                values.items().iter().map(|value| {
                    let mut members = members.clone();
                    members.insert(Arc::clone(&name.value), value.clone());
                    members
                })
            })
            .collect();
    }
    Ok(combined.into_iter().map(|members| Value::Object(Arc::new(members))).collect())
}

/// Takes items apart; what becomes of one for which that fails the step says.
fn apart<'a>(site: &'a Site, parts: &'a Expr, batches: Batches<'a>) -> Batches<'a> {
    let errors = Arc::new(Errors::of_wholes(site));
    let exploded = batches.then(move |batch| {
        let errors = Arc::clone(&errors);
        async move { stream::iter(exploded(site, parts, &errors, batch).await) }
    });
    Box::pin(exploded.flatten())
}

/// Takes the items of a batch apart.
async fn exploded(
    site: &Site,
    parts: &Expr,
    errors: &Errors,
    batch: Result<Batch, Failure>,
) -> Vec<Result<Batch, Failure>> {
    let batch = match batch {
        Ok(batch) => batch,
        Err(failure) => return vec![Err(failure)],
    };
    let mut batches = Vec::new();
    let mut items = Vec::new();
    for item in batch.items.iter() {
        let found = match parts_of(site, parts, item) {
            Ok(found) => found,
            Err(failure) => match errors.settle(item, &site.base, failure).await {
                Ok(()) => continue,
                Err(failure) => {
                    batches.push(Err(failure));
                    return batches;
                }
            },
        };
        let origin = Arc::new(Origin {
            stream: Arc::clone(&item.origin.stream),
            response: item.origin.response.clone(),
            place: site.step.span,
            is_part: true,
            ..Origin::default()
        });
        let parent = Arc::new(Item { located: Located::Nowhere, ..item.clone() });
        for (value, number) in found.iter().zip(1..) {
            items.push(Item::new(Json::of(value), Some(Arc::clone(&parent)), Arc::clone(&origin), number));
            if items.len() == LIST_BATCH {
                batches.push(Ok(Batch::new(std::mem::take(&mut items), batch.claim.clone())));
            }
        }
    }
    batches.push(Ok(Batch::new(items, batch.claim)));
    batches
}

/// The parts of an item: the members of a list, or what there is; none where it is missing.
fn parts_of(site: &Site, parts: &Expr, item: &Item) -> Result<Vec<Value>, Failure> {
    let scope = whole_scope(&site.base, item)?.rooted(item.value()?);
    Ok(match parts.evaluate(&scope)? {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(list)) => list.items().to_vec(),
        Some(one) => vec![one],
    })
}

/// Hands the records of one read on.
fn read_once<'a>(pages: Pages) -> Batches<'a> {
    Box::pin(stream::unfold(pages, |mut pages| async { pages.next().await.map(|page| (page, pages)) }))
}

/// Reads once for each item, several at once, and hands the records on in the order of the items. Each read holds a page or two until it
/// is its turn.
fn read_each<'a>(
    start: impl Fn(Option<Arc<Item>>, Claim) -> Pages + Send + Sync + 'a,
    outer: Batches<'a>,
    concurrency: usize,
) -> Batches<'a> {
    let items = outer.flat_map(|batch| {
        stream::iter(match batch {
            Ok(Batch { items, claim }) => {
                let each = items.iter().map(|item| Ok((item.clone(), claim.clone()))).collect::<Vec<_>>();
                claim.settle();
                each
            }
            Err(failure) => vec![Err(failure)],
        })
    });
    let state = (Box::pin(items), VecDeque::<Pages>::new(), false);
    let start = Arc::new(start);
    Box::pin(stream::unfold(state, move |(mut items, mut reads, mut ended)| {
        let start = Arc::clone(&start);
        async move {
            loop {
                let has_room = !ended && reads.len() < concurrency;
                let event = match reads.front_mut() {
                    None if ended => return None,
                    None => Happened::Item(items.next().await),
                    Some(first) => tokio::select! {
                        page = first.next() => Happened::Page(page),
                        item = items.next(), if has_room => Happened::Item(item),
                    },
                };
                match event {
                    Happened::Page(Some(page)) => return Some((page, (items, reads, ended))),
                    Happened::Page(None) => _ = reads.pop_front(),
                    Happened::Item(Some(Ok((item, claim)))) => {
                        reads.push_back(start(Some(Arc::new(item)), claim));
                    }
                    Happened::Item(Some(Err(failure))) => return Some((Err(failure), (items, reads, ended))),
                    Happened::Item(None) => ended = true,
                }
            }
        }
    }))
}

/// What a reading of several at once waits for.
enum Happened {
    /// A page of the read whose turn it is, or its end.
    Page(Option<Result<Batch, Failure>>),
    /// Another item to read under, or the end of them.
    Item(Option<Result<(Item, Claim), Failure>>),
}
