//! Selectors as text, read as kube-apiserver reads them before it asks: one that cannot be read is left out as a whole, and
//! so is a requirement that a review has no operator for.

use wire::{Operator, Requirement};

/// The requirements of a `fieldSelector`.
pub(super) fn fields(text: &str) -> Vec<Requirement> {
    let mut terms = split(text);
    terms.sort_unstable();
    let requirements = terms.into_iter().filter(|it| !it.is_empty()).map(field);
    requirements.collect::<Option<_>>().unwrap_or_default()
}

/// At the commas that no backslash escapes.
fn split(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|it| {
        let is_end = it == ',' && !escaped;
        escaped = it == '\\' && !escaped;
        is_end
    })
    .collect()
}

fn field(term: &str) -> Option<Requirement> {
    let (key, operator, value) = term.char_indices().find_map(|(index, _)| {
        let (key, rest) = term.split_at_checked(index)?;
        let is = || rest.strip_prefix("==").or_else(|| rest.strip_prefix('='));
        let not = rest.strip_prefix("!=").map(|it| (key, Operator::NotIn, it));
        not.or_else(|| is().map(|it| (key, Operator::In, it)))
    })?;
    Some(Requirement { key: key.to_owned(), operator, values: vec![unescaped(value)?] })
}

fn unescaped(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push(letters.next().filter(|it| matches!(it, '\\' | ',' | '='))?),
            ',' | '=' => return None,
            other => out.push(other),
        }
    }
    Some(out)
}

/// The requirements of a `labelSelector`, by key.
pub(super) fn labels(text: &str) -> Vec<Requirement> {
    let mut requirements = Labels { rest: text }.all().unwrap_or_default();
    requirements.sort_by(|one, other| one.0.cmp(&other.0));
    let known = requirements.into_iter().filter_map(|(key, operator, values)| {
        let operator = match operator {
            Compare::Is(operator) => operator,
            Compare::Number => return None,
        };
        Some(Requirement { key, operator, values })
    });
    known.collect()
}

#[derive(Clone, Copy)]
enum Compare {
    Is(Operator),
    /// `<` and `>`, of which a review knows nothing.
    Number,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Sign(&'a str),
    End,
}

struct Labels<'a> {
    rest: &'a str,
}

impl<'a> Labels<'a> {
    fn all(mut self) -> Option<Vec<(String, Compare, Vec<String>)>> {
        let mut requirements = Vec::new();
        if self.peek() == Token::End {
            return Some(requirements);
        }
        loop {
            let (key, compare, values) = self.requirement()?;
            let fits = is_key(&key) && values.iter().all(|it| is_value(it)) && is_number(compare, &values);
            requirements.push(Some((key, compare, values)).filter(|_| fits)?);
            match self.next() {
                Token::End => return Some(requirements),
                Token::Sign(",") => {}
                Token::Sign(_) | Token::Word(_) => return None,
            }
        }
    }

    fn requirement(&mut self) -> Option<(String, Compare, Vec<String>)> {
        let first = self.next();
        let key = match first {
            Token::Sign("!") => self.word()?,
            Token::Word(key) => key,
            Token::Sign(_) | Token::End => return None,
        };
        let done = |operator, values| Some((key.to_owned(), Compare::Is(operator), values));
        if first == Token::Sign("!") {
            return done(Operator::DoesNotExist, Vec::new());
        }
        if matches!(self.peek(), Token::End | Token::Sign(",")) {
            return done(Operator::Exists, Vec::new());
        }
        match self.next() {
            Token::Word("in") => done(Operator::In, self.list()?),
            Token::Word("notin") => done(Operator::NotIn, self.list()?),
            Token::Sign("=" | "==") => done(Operator::In, self.value()?),
            Token::Sign("!=") => done(Operator::NotIn, self.value()?),
            Token::Sign("<" | ">") => Some((key.to_owned(), Compare::Number, self.value()?)),
            Token::Sign(_) | Token::Word(_) | Token::End => None,
        }
    }

    fn value(&mut self) -> Option<Vec<String>> {
        match self.peek() {
            Token::End | Token::Sign(",") => Some(vec![String::new()]),
            Token::Word(_) | Token::Sign(_) => self.word().map(|it| vec![it.to_owned()]),
        }
    }

    /// A set: in order, each once. A comma with nothing beside it stands for the empty value.
    fn list(&mut self) -> Option<Vec<String>> {
        if self.next() != Token::Sign("(") || self.peek() == Token::Sign(")") {
            return None;
        }
        let mut values = std::collections::BTreeSet::new();
        loop {
            let value = match self.peek() {
                Token::Word(_) => self.word()?,
                Token::Sign("," | ")") => "",
                Token::Sign(_) | Token::End => return None,
            };
            values.insert(value.to_owned());
            match self.next() {
                Token::Sign(",") => {}
                Token::Sign(")") => return Some(values.into_iter().collect()),
                Token::Sign(_) | Token::Word(_) | Token::End => return None,
            }
        }
    }

    fn word(&mut self) -> Option<&'a str> {
        match self.next() {
            Token::Word(word) => Some(word),
            Token::Sign(_) | Token::End => None,
        }
    }

    fn peek(&self) -> Token<'a> {
        Labels { rest: self.rest }.next()
    }

    fn next(&mut self) -> Token<'a> {
        let text = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let sign = ["==", "!=", "=", "!", "(", ")", ",", "<", ">"].into_iter().find(|it| text.starts_with(it));
        let end = match sign {
            Some(sign) => sign.len(),
            None => text.find([' ', '\t', '\r', '\n', '=', '!', '(', ')', ',', '<', '>']).unwrap_or(text.len()),
        };
        let (token, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        self.rest = rest;
        match (token.is_empty(), sign) {
            (true, _) => Token::End,
            (false, Some(_)) => Token::Sign(token),
            (false, None) => Token::Word(token),
        }
    }
}

fn is_number(compare: Compare, values: &[String]) -> bool {
    match compare {
        Compare::Number => values.iter().all(|it| it.parse::<i64>().is_ok()),
        Compare::Is(_) => true,
    }
}

/// A qualified name: a DNS subdomain and a slash may stand before it.
fn is_key(key: &str) -> bool {
    let is_dns = |prefix: &str| {
        let label = |it: &str| {
            let inner = it.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-');
            !it.is_empty() && inner && !it.starts_with('-') && !it.ends_with('-')
        };
        prefix.len() <= 253 && prefix.split('.').all(label)
    };
    match key.split_once('/') {
        Some((prefix, name)) => is_dns(prefix) && !name.is_empty() && is_value(name),
        None => !key.is_empty() && is_value(key),
    }
}

fn is_value(value: &str) -> bool {
    let is_inner = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
    let is_edge = |it: Option<u8>| it.is_none_or(|it| it.is_ascii_alphanumeric());
    value.len() <= 63 && value.bytes().all(is_inner) && is_edge(value.bytes().next()) && is_edge(value.bytes().last())
}
