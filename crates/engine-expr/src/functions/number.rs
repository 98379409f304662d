//! Numbers, exact: also where minijinja's own filters would make floats of them.

use minijinja::value::{Kwargs, Value as Jinja};
use minijinja::{Environment, Error, State};
use rust_decimal::prelude::FromPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use super::{both, list_of, wrong};
use crate::arithmetic::add;
use crate::bridge::{from_jinja, to_jinja};
use crate::value::{Number, Value};

pub(super) fn register(env: &mut Environment<'static>) {
    both(env, "decimal", |value: Jinja, places: Option<u32>, kwargs: Kwargs| -> Result<Jinja, Error> {
        let places = places.or(kwargs.get("places")?);
        kwargs.assert_all_used()?;
        let mut decimal = decimal_of(&value, "decimal")?;
        if let Some(places) = places {
            decimal = decimal.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero);
            decimal.rescale(places);
        }
        Ok(exact(Number::Decimal(decimal)))
    });
    env.add_filter("round", |value: Jinja, places: Option<i32>, kwargs: Kwargs| -> Result<Jinja, Error> {
        let places = places.or(kwargs.get("precision")?).unwrap_or(0);
        let method: Option<String> = kwargs.get("method")?;
        kwargs.assert_all_used()?;
        let strategy = match method.as_deref() {
            None | Some("common") => RoundingStrategy::MidpointAwayFromZero,
            Some("floor") => RoundingStrategy::ToNegativeInfinity,
            Some("ceil") => RoundingStrategy::ToPositiveInfinity,
            Some(other) => {
                return Err(wrong(format!("`round` knows no method `{other}`; there are common, floor and ceil")));
            }
        };
        let decimal = decimal_of(&value, "round")?;
        let Ok(places) = u32::try_from(places) else {
            return Err(wrong("`round` needs a number of places from 0 on"));
        };
        let rounded = decimal.round_dp_with_strategy(places, strategy);
        Ok(exact(if places == 0 { whole(rounded)? } else { Number::Decimal(rounded) }))
    });
    env.add_filter("abs", |value: Jinja| -> Result<Jinja, Error> { Ok(exact(tidy(decimal_of(&value, "abs")?.abs()))) });
    env.add_filter("int", |value: Jinja, kwargs: Kwargs| -> Result<Jinja, Error> {
        let default: Option<Jinja> = kwargs.get("default")?;
        kwargs.assert_all_used()?;
        match (decimal_of(&value, "int"), default) {
            (Ok(decimal), _) => Ok(exact(whole(decimal.trunc())?)),
            (Err(_), Some(default)) => Ok(default),
            (Err(error), None) => Err(error),
        }
    });
    env.add_filter("float", |value: Jinja| -> Result<f64, Error> {
        number_of(&value, "float").map(|number| number.as_f64())
    });
    env.add_filter("sum", |value: Jinja, kwargs: Kwargs| -> Result<Jinja, Error> {
        let attribute: Option<String> = kwargs.get("attribute")?;
        kwargs.assert_all_used()?;
        let mut sum = Decimal::ZERO;
        for item in list_of(&value, "sum")? {
            let item = match &attribute {
                Some(name) => {
                    item.get(name).cloned().ok_or_else(|| wrong(format!("an item has no member `{name}`")))?
                }
                None => item,
            };
            sum = add(sum, decimal_of(&to_jinja(&item), "sum")?)
                .ok_or_else(|| wrong("the sum has more than 28 digits"))?;
        }
        Ok(exact(tidy(sum)))
    });
    env.add_filter("min", |_: &mut State<'_, '_>, value: Jinja| extreme(&value, "min", std::cmp::Ordering::Less));
    env.add_filter("max", |_: &mut State<'_, '_>, value: Jinja| extreme(&value, "max", std::cmp::Ordering::Greater));
    env.add_filter("string", |value: Jinja| super::text_of(&value, "string"));
    env.add_test("number", |value: Jinja| {
        value.is_number() || value.downcast_object_ref::<crate::bridge::Exact>().is_some()
    });
}

fn exact(number: Number) -> Jinja {
    to_jinja(&Value::Number(number))
}

fn tidy(decimal: Decimal) -> Number {
    if decimal.scale() == 0
        && let Ok(int) = i64::try_from(decimal)
    {
        Number::Int(int)
    } else {
        Number::Decimal(decimal)
    }
}

fn whole(decimal: Decimal) -> Result<Number, Error> {
    i64::try_from(decimal).map(Number::Int).map_err(|_| wrong("the number has more than 64 bits"))
}

fn number_of(value: &Jinja, function: &str) -> Result<Number, Error> {
    match from_jinja(value)? {
        Value::Number(number) => Ok(number),
        Value::Bool(it) => Ok(Number::Int(i64::from(it))),
        Value::String(text) => {
            Number::parse(&text).ok_or_else(|| wrong(format!("`{function}` cannot read `{text}` as a number")))
        }
        other => Err(wrong(format!("`{function}` needs a number, not {}", other.a_kind()))),
    }
}

fn decimal_of(value: &Jinja, function: &str) -> Result<Decimal, Error> {
    let number = number_of(value, function)?;
    match &number {
        Number::Float(it) => Decimal::from_f64(*it),
        other => other.as_decimal(),
    }
    .ok_or_else(|| wrong(format!("`{function}` cannot hold {number}: it has more than 28 digits")))
}

fn extreme(value: &Jinja, function: &str, wanted: std::cmp::Ordering) -> Result<Jinja, Error> {
    let mut items = list_of(value, function)?.into_iter();
    let Some(mut best) = items.next() else {
        return Err(wrong(format!("`{function}` needs a list with items; this one is empty")));
    };
    for item in items {
        let order = match (&item, &best) {
            (Value::Number(left), Value::Number(right)) => left.compare(right),
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            _ => None,
        };
        let Some(order) = order else {
            return Err(wrong(format!("`{function}` cannot compare {} with {}", item.a_kind(), best.a_kind())));
        };
        if order == wanted {
            best = item;
        }
    }
    Ok(to_jinja(&best))
}
