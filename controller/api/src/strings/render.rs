//! A template to text.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::node::{Command, Fault, Node, Operand, Pipe};
use super::value::Value;
use super::variables::Variables;

/// Prints the parts.
pub(super) fn render(
    nodes: &[Node<'_>],
    variables: &dyn Variables,
    out: &mut String,
) -> Result<(), Fault> {
    for node in nodes {
        match node {
            Node::Text(text) => out.push_str(text),
            Node::Print(pipe) => {
                let value = evaluate(pipe, variables)?;
                // Writing to a String cannot fail.
                let _ = write!(out, "{value}");
            }
            Node::If { branches, otherwise } => {
                render(chosen(branches, otherwise, variables)?, variables, out)?;
            }
        }
    }
    Ok(())
}

fn chosen<'n, 'a>(
    branches: &'n [(Pipe<'a>, Vec<Node<'a>>)],
    otherwise: &'n [Node<'a>],
    variables: &dyn Variables,
) -> Result<&'n [Node<'a>], Fault> {
    for (condition, inside) in branches {
        if evaluate(condition, variables)?.is_true() {
            return Ok(inside);
        }
    }
    Ok(otherwise)
}

fn evaluate<'v>(pipe: &'v Pipe<'_>, variables: &'v dyn Variables) -> Result<Value<'v>, Fault> {
    let mut value = None;
    for command in &pipe.0 {
        value = Some(run(command, value, variables)?);
    }
    Ok(value.unwrap_or(Value::Missing))
}

fn run<'v>(
    command: &'v Command<'_>,
    piped: Option<Value<'v>>,
    variables: &'v dyn Variables,
) -> Result<Value<'v>, Fault> {
    let mut arguments = command
        .arguments
        .iter()
        .map(|argument| operand(argument, variables))
        .collect::<Result<Vec<_>, _>>()?;
    arguments.extend(piped);
    match command.function {
        Some(function) => call(function, arguments),
        None => Ok(arguments.pop().unwrap_or(Value::Missing)),
    }
}

fn operand<'v>(operand: &'v Operand<'_>, variables: &'v dyn Variables) -> Result<Value<'v>, Fault> {
    Ok(match operand {
        Operand::Text(text) => Value::Text(text.as_ref().into()),
        Operand::Number(number) => Value::Number(*number),
        Operand::Bool(flag) => Value::Bool(*flag),
        Operand::Beyond => Value::Missing,
        Operand::Inner(pipe) => evaluate(pipe, variables)?,
        Operand::Field(names) => field(names, variables)?,
    })
}

fn field<'v>(names: &[&str], variables: &'v dyn Variables) -> Result<Value<'v>, Fault> {
    match names {
        ["Param"] => Err(Fault::beyond("`.Param` without a key")),
        ["Param", key] => Ok(Value::Text(variables.param(key).unwrap_or_default().into())),
        [name] => Ok(variables.value(name).unwrap_or(Value::Missing)),
        [first, ..] => {
            Err(Fault::malformed(format!("`.{first}` has no fields (`.{}`)", names.join("."))))
        }
        [] => Ok(Value::Missing),
    }
}

fn call<'v>(function: &str, arguments: Vec<Value<'v>>) -> Result<Value<'v>, Fault> {
    match (function, arguments.as_slice()) {
        ("and", [_, ..]) => Ok(first(arguments, |value| !value.is_true())),
        ("or", [_, ..]) => Ok(first(arguments, Value::is_true)),
        ("not", [value]) => Ok(Value::Bool(!value.is_true())),
        ("len", [Value::Text(text)]) => Ok(Value::Number(text.len() as i64)),
        ("eq", [one, rest @ ..]) if !rest.is_empty() => {
            let orders = rest.iter().map(|other| one.compare(other));
            let orders = orders.collect::<Result<Vec<_>, _>>()?;
            Ok(Value::Bool(orders.contains(&Ordering::Equal)))
        }
        ("ne" | "lt" | "le" | "gt" | "ge", [a, b]) => {
            Ok(Value::Bool(holds(function, a.compare(b)?)))
        }
        ("print" | "println", values) => {
            Ok(Value::Text(print(values, function == "println").into()))
        }
        _ => Err(Fault::malformed(format!("`{function}` cannot work on these arguments"))),
    }
}

/// The first argument that ends the search, else the last.
fn first<'v>(mut arguments: Vec<Value<'v>>, ends: impl Fn(&Value<'v>) -> bool) -> Value<'v> {
    match arguments.iter().position(ends) {
        Some(index) => arguments.swap_remove(index),
        None => arguments.pop().unwrap_or(Value::Missing),
    }
}

fn holds(function: &str, order: Ordering) -> bool {
    match function {
        "ne" => order.is_ne(),
        "lt" => order.is_lt(),
        "le" => order.is_le(),
        "gt" => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// As Go's `Sprint` and `Sprintln`: spaces between all values, or only where neither is a text.
fn print(values: &[Value<'_>], line: bool) -> String {
    let mut out = String::new();
    for (position, value) in values.iter().enumerate() {
        let is_text = |value: &Value<'_>| matches!(value, Value::Text(_));
        if position > 0 && (line || !(is_text(value) || is_text(&values[position - 1]))) {
            out.push(' ');
        }
        let _ = write!(out, "{value}");
    }
    if line {
        out.push('\n');
    }
    out
}
