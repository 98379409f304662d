//! Computing with numbers: exact, or an error; only a division rounds, to 28 digits.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::value::Number;

/// How many places a decimal can have.
const MAX_SCALE: u32 = 28;

/// Computes in integers while it can, else in decimals, and in floats only where one operand is one.
///
/// The error says what is wrong.
pub(crate) fn compute(operator: &str, left: &Number, right: &Number) -> Result<Number, &'static str> {
    let number = match (left, right) {
        (Number::Int(left), Number::Int(right)) => integers(operator, *left, *right),
        (Number::Float(_), _) | (_, Number::Float(_)) => floats(operator, left.as_f64(), right.as_f64()),
        _ => None,
    };
    if let Some(number) = number {
        return Ok(number);
    }
    if matches!(operator, "/" | "//" | "%") && right.is_zero() {
        return Err("a division by zero");
    }
    match (left.as_decimal(), right.as_decimal()) {
        (Some(left), Some(right)) => {
            decimals(operator, left, right).map(tidy).ok_or("the result has more than 28 digits")
        }
        _ => Err("a number has more than 28 digits"),
    }
}

/// Adds decimals; `None` where the sum would have to be rounded.
pub(crate) fn add(left: Decimal, right: Decimal) -> Option<Decimal> {
    let aligned = |left: Decimal, right: Decimal| {
        let scale = left.scale().max(right.scale());
        let mantissa = |it: Decimal| it.mantissa().checked_mul(10_i128.checked_pow(scale - it.scale())?);
        decimal(mantissa(left)?.checked_add(mantissa(right)?)?, scale)
    };
    aligned(left, right).or_else(|| aligned(left.normalize(), right.normalize()))
}

/// Multiplies decimals; `None` where the product would have to be rounded.
fn multiply(left: Decimal, right: Decimal) -> Option<Decimal> {
    let product = |left: Decimal, right: Decimal| {
        decimal(left.mantissa().checked_mul(right.mantissa())?, left.scale() + right.scale())
    };
    product(left, right).or_else(|| product(left.normalize(), right.normalize()))
}

/// Makes a decimal of all these digits; only zeros at the end may go.
fn decimal(mut mantissa: i128, mut scale: u32) -> Option<Decimal> {
    loop {
        if scale <= MAX_SCALE
            && let Ok(decimal) = Decimal::try_from_i128_with_scale(mantissa, scale)
        {
            return Some(decimal);
        }
        if scale == 0 || mantissa % 10 != 0 {
            return None;
        }
        mantissa /= 10;
        scale -= 1;
    }
}

/// A whole result of a decimal without a scale is an integer again.
fn tidy(decimal: Decimal) -> Number {
    match decimal.to_i64() {
        Some(int) if decimal.scale() == 0 => Number::Int(int),
        _ => Number::Decimal(decimal),
    }
}

fn integers(operator: &str, left: i64, right: i64) -> Option<Number> {
    match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" if right != 0 && left.checked_rem(right)? == 0 => left.checked_div(right),
        // Floored, like Python's.
        "//" if right != 0 => {
            let quotient = left.checked_div(right)?;
            Some(if left % right != 0 && (left < 0) != (right < 0) { quotient - 1 } else { quotient })
        }
        "%" if right != 0 => {
            let rest = left.checked_rem(right)?;
            Some(if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
        }
        "**" => left.checked_pow(u32::try_from(right).ok()?),
        _ => None,
    }
    .map(Number::Int)
}

fn floats(operator: &str, left: f64, right: f64) -> Option<Number> {
    let result = match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "//" => (left / right).floor(),
        "%" => left - right * (left / right).floor(),
        _ => left.powf(right),
    };
    result.is_finite().then_some(Number::Float(result))
}

fn decimals(operator: &str, left: Decimal, right: Decimal) -> Option<Decimal> {
    match operator {
        "+" => add(left, right),
        "-" => add(left, -right),
        "*" => multiply(left, right),
        "/" => left.checked_div(right).map(|it| it.normalize()),
        "//" => left.checked_div(right).map(|it| it.floor().normalize()),
        "%" => {
            let rest = left.checked_rem(right)?;
            if !rest.is_zero() && rest.is_sign_negative() != right.is_sign_negative() {
                rest.checked_add(right)
            } else {
                Some(rest)
            }
        }
        "**" => {
            let exponent = right
                .to_u32()
                .filter(|_| right.fract().is_zero() && !right.is_sign_negative())
                .filter(|it| *it <= 1000)?;
            (0..exponent).try_fold(Decimal::ONE, |power, _| multiply(power, left))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &str, operator: &str, right: &str, expected: Result<&str, &'static str>) {
        let found = compute(operator, &Number::from_json_text(left), &Number::from_json_text(right));
        let found = found.map(|number| number.to_string());
        assert_eq!(found.as_deref().map_err(|error| *error), expected, "{left} {operator} {right}");
    }

    #[test]
    fn keeps_every_digit_or_says_that_it_cannot() {
        let much = Err("the result has more than 28 digits");
        check("19.90", "*", "3", Ok("59.70"));
        check("1.23456789012345", "*", "1.23456789012345", Ok("1.5241578753238669120562399025"));
        check("1.234567890123456", "*", "1.234567890123456", much);
        check("0.00000000000001", "*", "0.000000000000001", much);
        check("0.5000000000000000000000000000", "*", "0.20", Ok("0.1000000000000000000000000000"));
        check("79228162514264337593543950335", "+", "1", much);
        check("7922816251426433759354395033", "+", "0.01", much);
        check("79228162514264337593543950335", "-", "79228162514264337593543950334", Ok("1"));
        check("9223372036854775807", "*", "9223372036854775807", much);
        check("1.1", "**", "20", Ok("6.72749994932560009201"));
        check("1.1", "**", "40", much);
        check("123456789012345678901234567890123", "+", "1", Err("a number has more than 28 digits"));
        check("1", "/", "3", Ok("0.3333333333333333333333333333"));
        check("1", "/", "0", Err("a division by zero"));
    }
}
