//! What webhook triggers take over of the webhooks of APIs.

use engine_source::{Entry, Kind, Node};

/// What a webhook of an API says for people alone.
const NOT_TAKEN: &[&str] = &["description"];

/// Lays each trigger that says `from: API.NAME` over that webhook; returns the tree as it is where none does.
pub(crate) fn webhooks(root: &Node) -> Node {
    let triggers = root.get("triggers").map(Node::items).unwrap_or_default();
    if triggers.iter().all(|trigger| of(root, trigger).is_none()) {
        return root.clone();
    }
    let laid =
        triggers.iter().map(|trigger| of(root, trigger).map_or_else(|| trigger.clone(), |base| over(base, trigger)));
    let entries = root.entries().iter().map(|entry| match &*entry.key.text {
        "triggers" => {
            let value = Node::new(entry.value.span(), Kind::Seq(laid.clone().collect()), entry.value.style());
            Entry { key: entry.key.clone(), value }
        }
        _ => entry.clone(),
    });
    Node::new(root.span(), Kind::Map(entries.collect()), root.style())
}

/// Finds the webhook that a trigger takes over.
fn of<'n>(root: &'n Node, trigger: &Node) -> Option<&'n Node> {
    let (api, name) = trigger.get("from")?.as_str()?.split_once('.')?;
    let webhook = root.get("apis")?.get(api)?.get("webhooks")?.get(name)?;
    matches!(webhook.kind(), Kind::Map(_)).then_some(webhook)
}

/// Lays a trigger over a webhook: its members stand in the place of the webhook's, those of `verify` too where it is of the same kind.
fn over(base: &Node, trigger: &Node) -> Node {
    let is_own = |name: &str| trigger.get(name).is_some();
    let kept = base.entries().iter().filter(|entry| !NOT_TAKEN.contains(&&*entry.key.text) && !is_own(&entry.key.text));
    let own = trigger.entries().iter().map(|entry| {
        let below =
            (&*entry.key.text == "verify" && entry.value.get("type").is_none()).then(|| base.get("verify")).flatten();
        match below {
            Some(below) => Entry { key: entry.key.clone(), value: Node::merge(below, &entry.value) },
            None => entry.clone(),
        }
    });
    let entries = own.chain(kept.cloned()).collect();
    Node::new(trigger.span(), Kind::Map(entries), trigger.style())
}
